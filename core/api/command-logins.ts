import { serviceRef } from '../kernel/reference.ts'
import type { Session } from './sessions.ts'

/** Completes the sign-in of a command line: exchanges the code from the page for a session. Provided by cli-login. */
export interface CommandLogins {
  /**
   * Redeems the code, which the page bound to a challenge (RFC 7636, S256), and opens a session of that kind for the
   * person who approved it; see `SignInDesk.openProgramSession`.
   * Throws `Problem` 400 `code_invalid`, 403 `locked`, 503 `audit_unavailable` and 503 `sign_in_failed`.
   */
  redeem(input: {
    /** As received. */
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
