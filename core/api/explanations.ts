import { serviceRef } from '../kernel/reference.ts'
import type { App } from './app.ts'
import type { Decision, ReceivedRequest, VoteLine } from './decision.ts'
import type { Grant } from './grants.ts'

/** The votes and conditions that decide about a user and an app. */
export interface Explanation {
  readonly effect: Decision['effect']
  readonly reason: string
  /** The rule that a policy named (`Vote.rule`); null if none did. */
  readonly rule: string | null
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
  /** The person for whom a program acts, and what was decided about them: the stricter of both counts. Absent: nobody. */
  readonly acts_for?: { readonly user: string; readonly effect: Decision['effect']; readonly reason: string }
}

/** What the gate would decide about an account and an app, for a session that has not met any requirement. */
export interface Outlook {
  /** `require`: the account may open the app once it meets `requirements`. */
  readonly effect: Decision['effect']
  readonly reason: string
  /** The roles that let the account in; none if it is denied. */
  readonly roles: readonly string[]
  /** `connector`: people who signed in through another connector must sign in again. */
  readonly requirements: readonly string[]
}

/** Accounts that have the same roles and grants. */
export interface AccountGroup {
  /** Never empty. `bot`: the account of a program. `api`: a program that may call the hub's API as its roles allow. */
  readonly accounts: readonly { readonly name: string; readonly bot: boolean; readonly api?: boolean }[]
  /** Assigned and mapped roles. */
  readonly roles: readonly string[]
  /** The group of the person for whom the one program of this group acts; what either may not, `decide` denies. */
  readonly actsFor?: AccountGroup
  /** Their live grants. Only an account alone in its group has any. */
  readonly grants: readonly Grant[]
  /** Their roles at this app, with those that grants give there. */
  rolesAt(app: App): readonly string[]
  /**
   * Asks the policies once for all accounts of the group, and for each account only if a policy looks at more than roles, such as
   * the name or the address. Locks are those of now. Never rejects. Does not look at whether the app is enabled.
   */
  decide(account: string, app: App): Outlook | Promise<Outlook>
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
    request?: ReceivedRequest,
  ): Promise<Explanation>
  /**
   * All accounts, people and programs, by their sets of roles, as they are now. `account`: only the group of this account, with
   * nobody else; none if there is no such account. `request`: rules about requests decide about it too, at apps for browsers. What it
   * returns is for one question, since roles change.
   */
  groups(account?: string, request?: ReceivedRequest): Promise<readonly AccountGroup[]>
}

/** Explains decisions of the gate. */
export const explanations = serviceRef<Explanations>('explanations')
