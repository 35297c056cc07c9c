import { serviceRef } from '../kernel/reference.ts'
import type { Decision, VoteLine } from './decision.ts'

/** The votes and conditions that decide about a user and an app. */
export interface Explanation {
  readonly effect: Decision['effect']
  readonly reason: string
  /** By the plugin that voted; `effect` is `none` for a role that says nothing about the app. */
  readonly votes: readonly (VoteLine & { readonly plugin: string })[]
  /** Roles that the user has here for a time; `until` in ISO 8601. */
  readonly grants: readonly { readonly id: string; readonly role: string; readonly until: string }[]
  readonly requirements: readonly { readonly name: string; readonly met: boolean }[]
  readonly lock: {
    readonly id: string
    /** The kind of the target and its name. */
    readonly target: Readonly<Record<string, string>>
    readonly message: string | null
    readonly expires: string | null
  } | null
  /** The connector through which people must have signed in; null: any. */
  readonly connector: {
    readonly required: string
    readonly signed_in_with: string | null
    readonly met: boolean
  } | null
}

/** Explains decisions of the gate. */
export interface Explanations {
  /**
   * What the gate would decide about a user and an app, and why, for a session that has not met any requirement. Grants and
   * records nothing. With `request`, rules about requests decide about it, if the app is one for browsers. Rejects with `Problem` 404
   * for an unknown user or app.
   */
  explain(
    user: string,
    app: string,
    way: 'browser' | 'msh' | 'api',
    request?: { readonly method: string; readonly target: string },
  ): Promise<Explanation>
}

/** Explains decisions of the gate. */
export const explanations = serviceRef<Explanations>('explanations')
