import { serviceRef } from '../kernel/reference.ts'
import type { LackedRight, Problem } from './problem.ts'
import type { Subject } from './subject.ts'

/** What administrators do with the things of one kind. */
export const ADMIN_VERBS = [
  ...(['list', 'read', 'create', 'update', 'delete'] as const),
  ...(['enable', 'end', 'review', 'invite'] as const),
] as const
export type AdminVerb = (typeof ADMIN_VERBS)[number]

/** The right that a call needs, such as `app.update`: a kind of things, as in events and `kinds` of roles, and a verb. */
export type AdminRight = `${string}.${AdminVerb}`

const RIGHT = new RegExp(`^[a-z][a-z0-9_-]*\\.(${ADMIN_VERBS.join('|')})$`)

/** Whether a value is a right. */
export const isAdminRight = (value: unknown): value is AdminRight =>
  typeof value === 'string' && RIGHT.test(value)

/** The labels of a thing, such as an app. */
export type RowLabels = Readonly<Record<string, string>>

/** The things that the first parameter of a path names: their labels, undefined if there is none, and the response then. */
export type RowAccess =
  | 'asks'
  | { labelsOf(key: string): RowLabels | undefined; missing(key: string): Problem }

/** One entry of `allow.admin` or `deny.admin` of a role. */
export interface AdminRule {
  /** Kinds of things; `*` is all of them. */
  readonly kinds: readonly string[]
  /** Verbs; `*` is all of them. */
  readonly verbs: readonly (AdminVerb | '*')[]
  /**
   * Only things with all of these labels. `{{user.name}}` stands for the name of the caller, `{{user.roles}}` for each role of the
   * caller. Absent: all things of the kinds.
   */
  readonly labels?: Readonly<Record<string, string | readonly string[]>>
}

/** What a role says about administration. */
export interface AdminRules {
  readonly allow: readonly AdminRule[]
  /** Counts more than what any role allows, except for people who have the role `admin`. */
  readonly deny: readonly AdminRule[]
  /** Other roles that people get by this one, such as those that they may ask for. */
  readonly leadsTo: readonly string[]
}

/** What the roles say about administration, read from memory. */
export interface AdminRoles {
  /** Null: the role is unreadable, so whoever has it has no right by any role but `admin`. Undefined: there is no such role. */
  rulesOf(role: string): AdminRules | null | undefined
  /** Those of all readable roles, whoever has them. */
  all(): Iterable<AdminRules>
  /**
   * What a refusal adds about a right that the caller lacks, such as who has it: sentences, and members of the problem document. Has 2 s;
   * a refusal without it says the right alone.
   */
  explainLack?(
    caller: Subject,
    lack: LackedRight,
  ): Promise<{ readonly text: string; readonly members?: Readonly<Record<string, unknown>> }>
}

/** What the roles say about administration. Provided by rbac; without it, the role `admin` alone has rights. */
export const adminRoles = serviceRef<AdminRoles>('adminRoles')

/** Decides who may administer what. */
export interface AdminRights {
  /**
   * Whether the subject has a right, by its roles: for the things with these labels; without labels: for all things of the kind. The
   * role `admin` has every right.
   */
  may(subject: Pick<Subject, 'user' | 'roles'>, right: AdminRight, labels?: RowLabels): boolean
  /** Where the subject has a right: for all things of the kind, for some of them by their labels, or for none. */
  reach(subject: Pick<Subject, 'user' | 'roles'>, right: AdminRight): 'all' | 'some' | 'none'
  /** Whether the subject has any right at all, were it for few things only. */
  any(subject: Pick<Subject, 'user' | 'roles'>): boolean
  /** Whether the subject has every right that these roles give, or lead to, and every one that they deny. */
  covers(subject: Pick<Subject, 'user' | 'roles'>, roles: Iterable<string>): boolean
  /** Whether there is such a role: it has a document, or is one of `admin` and `access`, which have none. */
  roleExists(role: string): boolean
  /** The rights that the routes and dashboard parts of this hub need. */
  declared(): ReadonlySet<AdminRight>
  /**
   * How roles limit rights over things of this kind to some of them, as its routes say: by the labels of a name, or only as a route asks.
   * Undefined: not at all.
   */
  rowsOf(kind: string): RowAccess | undefined
  /** The right that a call of the API needs, such as `DELETE` and `/v1/webapi/locks/1`; null: none, or there is no such route. */
  rightFor(method: string, path: string): AdminRight | null
}

/** Decides who may administer what. */
export const adminRights = serviceRef<AdminRights>('adminRights')
