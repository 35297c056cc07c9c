import type { TSchema } from 'typebox'
import { slotRef } from '../kernel/reference.ts'
import type { App } from './app.ts'
import type { Vote, VoteLine } from './decision.ts'
import type { AccountGroup } from './explanations.ts'

/** A member that a plugin adds to `spec.allow` of roles, to `spec.deny`, or to both, such as `request`: an object, or a list of them. */
export interface RoleRule {
  /** The member's name in `spec.allow`: small letters and `_`. Unique, and not `app_labels`. */
  readonly name: string
  /** For `mezctl explain` and the schema. */
  readonly description: string
  /** The sides of a role that may have it. Default: `allow` alone. */
  readonly under?: readonly ('allow' | 'deny')[]
  /** True if the member is a list of 1 to 200 such objects, in an order that the author of the role chose. Default: one object. */
  readonly list?: true
  /**
   * Schemas of the value's members. `app_labels` is always one of them, written and compared like `allow.app_labels`.
   */
  readonly members: Readonly<Record<string, TSchema>>
  /** Faults of a value that fits the schemas, with the path of each below the value. Of a list, it gets each entry. */
  faults?(value: Readonly<Record<string, unknown>>, under: 'allow' | 'deny'): readonly RoleFault[]
  /** Other roles that people get by a value, such as those that they may ask for: nobody lets others get more rights than they have. */
  leadsTo?(value: Readonly<Record<string, unknown>>): readonly string[]
  /** What saving a role would change inside apps, for its preview; null: the rule has nothing to say. */
  preview?(change: RoleChange): Promise<RequestPreview | null>
  /** Called once, before any request, with the roles of this hub. */
  attach(roles: RoleReader): void
}

/** A role that somebody edits, and has not saved. */
export interface RoleChange {
  readonly before: RoleReader
  /** The roles as they would be. */
  readonly after: RoleReader
  /** Everybody who has the role, for a time included. */
  readonly groups: readonly Pick<AccountGroup, 'accounts' | 'actsFor' | 'rolesAt'>[]
}

/** What a change of rules would do to the requests of the last day. */
export interface RequestPreview {
  /** How many requests were compared, and of how many people and programs. */
  readonly requests: number
  readonly users: number
  /** False: there were more requests, or it took too long to read them. */
  readonly complete: boolean
  /** How many of them would be refused, and the most frequent of those, at most 100. */
  readonly refused: number
  readonly examples: readonly (Record<'user' | 'app' | 'method' | 'path', string> & {
    readonly count: number
  })[]
}

/** What is wrong with the value of a rule. */
export interface RoleFault {
  readonly path: readonly string[]
  readonly message: string
}

/** A role that has the rule; of a list, each entry is one of these, in the order of the list. */
export interface RuledRole {
  readonly role: string
  readonly under: 'allow' | 'deny'
  /** The value, as `members` and `faults` have accepted it. It is the same object until the role changes. */
  readonly value: Readonly<Record<string, unknown>>
  /** Whether the rule's `app_labels` match the app. A rule without them matches none; see `value`. */
  matches(app: App): boolean
}

/** The roles, read from memory; they belong to the current revision. */
export interface RoleReader {
  /** Whether there is such a role, built-in ones included. */
  exists(role: string): boolean
  /** The rule of each role that has it, roles in no order. Roles that are unreadable have none. */
  ruled(rule: string): readonly RuledRole[]
  /** Whether these roles, by themselves, let people into the app, and whether one of them denies it. */
  reach(roles: readonly string[], app: App): { readonly allowed: boolean; readonly denied: boolean }
  /** The rules of these roles that a decision about the app considers, in the words of `mezctl access explain`. */
  explain(roles: readonly string[], app: App): readonly VoteLine[]
  /** Votes for the requirements of the role's options, as if the role had allowed the app. */
  require(role: string, vote: Pick<Vote, 'require'>): void
}

/** Rules that plugins add to roles. */
export const roleRules = slotRef<RoleRule>('roleRules')
