/** Who asks. Built by the hub from a session, an API token or the admin socket; frozen. */
export interface Subject {
  /** Cluster-wide user name; `operator@socket` for the admin socket. */
  readonly user: string
  /** Roles in force now: given by hand and mapped from claims. Never from a certificate. */
  readonly roles: readonly string[]
  readonly kind: 'session' | 'certificate' | 'token' | 'operator'
  /** Public id of the session, or null for a token and the operator. */
  readonly sessionId: string | null
  /** Requirements that this session has already met. */
  readonly satisfied: readonly SatisfiedRequirement[]
}

/** A requirement that was met once, how and when. */
export interface SatisfiedRequirement {
  readonly name: string
  /** How strongly, in the words of whoever answered (`webauthn`, `hardware_key`). */
  readonly level: string
  /** App id that it counts for, or null for the whole hub session. */
  readonly appId: string | null
  /** Milliseconds since the epoch. */
  readonly at: number
  /** What met it, when that can be taken away later, such as a hash of a key's id: see `Sessions.forget`. */
  readonly by?: string
}
