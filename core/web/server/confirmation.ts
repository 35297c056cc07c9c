import { problemFor } from '../../api/reasons.ts'
import type { Subject } from '../../api/subject.ts'
import type { Clock } from '../../kernel/clock.ts'

export interface ConfirmationOptions {
  /** When changes need a passkey: see `SessionLimits.confirmMs` and `Confirmations.pathOf`. Absent: never. */
  readonly confirmation?: {
    msFor(roles: readonly string[]): number
    pathOf(session: string): string | null
  }
  readonly signInOrigin: string
  readonly clock: Clock
}

/** Throws `Problem` 403 if the roles demand a passkey for a change, and the caller has not confirmed with one recently. */
export function requireConfirmation(
  { roles, satisfied, sessionId }: Subject,
  { confirmation, signInOrigin, clock }: ConfirmationOptions,
): void {
  const withinMs = confirmation?.msFor(roles) ?? 0
  const isFresh = (at: number) => at >= clock.now() - withinMs
  if (withinMs === 0) return
  if (satisfied.some(({ name, appId, at }) => name === 'session-mfa' && appId === null && isFresh(at))) return
  const path = sessionId && confirmation?.pathOf(sessionId)
  const detail =
    'Your role requires a fresh confirmation with a passkey for changes, which only a person who is signed in can give.'
  throw problemFor('confirmation_required', detail, path ? { confirm_url: signInOrigin + path } : {})
}
