import { serviceRef } from '../kernel/reference.ts'
import type { Session } from './sessions.ts'

/** The end of a command line's sign-in: a code of the hub's page becomes a session. */
export interface CommandLogins {
  /**
   * Spends the code, which the page bound to a challenge (RFC 7636, S256), opens a session of that kind for the person
   * who said yes, and records `user.login`. The session does not hang on the browser's, lives at most `longestMs` and
   * never longer than the roles allow; what ends the person's session at the provider ends it too.
   * Throws `Problem` 400 `code_invalid`, 503 `audit_unavailable` and 503 `sign_in_failed`.
   */
  redeem(input: {
    /** As they came. */
    readonly code: unknown
    readonly verifier: unknown
    readonly kind: 'hub' | 'cert'
    readonly longestMs?: number
    /** Names the program in the audit: `cli`, `msh`. */
    readonly method: string
    readonly clientIp: string
    readonly requestId: string
  }): Promise<{ readonly session: Session; readonly token: string; readonly roles: readonly string[] }>
}

/** Completes the sign-in of a command line. */
export const commandLogins = serviceRef<CommandLogins>('commandLogins')
