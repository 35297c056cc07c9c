import type { Grant } from './grants.ts'
import type { Profile } from './users.ts'

/** The caller of a request. The hub builds it from a session, an API token or the admin socket, and freezes it. */
export interface Subject {
  /** Cluster-wide user name; `bot:<name>` for a program's own account, `operator@socket` for the admin socket. */
  readonly user: string
  /** Current roles: assigned by an administrator or mapped from claims, never read from a certificate. */
  readonly roles: readonly string[]
  /** What the identity provider vouches for. Absent: nothing. */
  readonly profile?: Profile
  /** `token`: an API token, or a person's session of kind `token`; `device`: a person's session of that kind; `bot`: a program with an account of its own. */
  readonly kind: 'session' | 'certificate' | 'token' | 'device' | 'bot' | 'operator'
  /** Public id of the session; null for an API token and the operator. */
  readonly sessionId: string | null
  /** Live grants, set only if there are any. Those for some apps are part of `roles` at these apps only. */
  readonly grants?: readonly Grant[]
  /** Requirements that this session has already met. */
  readonly satisfied: readonly SatisfiedRequirement[]
  /** The person for whom an agent acts. It may do what both may; what is set here decides beside it, not instead of it. */
  readonly actsFor?: Principal
}

/** A person as an agent acts for them: with their roles of now, and without anything that they have met. */
export interface Principal extends Subject {
  /** See `User.connector`. */
  readonly connector: string | null
}

/** Who an app sees: for an agent its person, with the roles that both have. */
export function shownAs(subject: Subject): Pick<Subject, 'user' | 'roles' | 'profile'> {
  const { actsFor, roles } = subject
  if (actsFor === undefined) return subject
  return { ...actsFor, roles: Object.freeze(roles.filter((role) => actsFor.roles.includes(role))) }
}

/** A requirement that was met, with how and when. */
export interface SatisfiedRequirement {
  readonly name: string
  /** The strength, as named by the plugin that verified it (`webauthn`, `hardware_key`). */
  readonly level: string
  /** The id of the app for which it counts, or null for the whole hub session. */
  readonly appId: string | null
  /** Milliseconds since the epoch. */
  readonly at: number
  /**
   * The credential that met it, if it can be revoked later, such as a hash of a passkey's id: see `Sessions.forget`.
   */
  readonly by?: string
}
