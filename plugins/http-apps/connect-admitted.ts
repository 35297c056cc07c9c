import { addressKey, Problem } from '@mezite/core'
import { type Admitted, stillAllowed, withdrawn } from './admit.ts'
import { openUpstream } from './open-upstream.ts'
import type { Parts } from './parts.ts'
import type { Upstream } from './upstream.ts'

/** What an earlier try has taught. */
export interface Attempt {
  /** An agent whose link has just broken. */
  readonly avoid: string | null
  /** Dial anew: an idle connection has just turned out to be dead. */
  readonly fresh: boolean
}

/**
 * Whose share of an app a request takes: a person's or, of a preflight, which carries nobody's identity and which anybody
 * can send, its address's. No user name begins with a line feed.
 */
export function sharerOf({ subject, request }: Admitted): string {
  return subject?.user ?? `\n${addressKey(request.clientIp)}`
}

/**
 * A connection for an admitted request. Dialling takes time in which access may have ended: it is asked again before
 * `done` hears, synchronously when an idle connection serves and nothing has changed.
 */
export function connectAdmitted(
  parts: Parts,
  admitted: Admitted,
  attempt: Attempt,
  done: (result: Upstream | Problem) => void,
): void {
  const { app, session } = admitted
  const { tunnel, pool } = parts
  openUpstream({ tunnel, pool, app, sessionKey: session?.id ?? sharerOf(admitted), ...attempt }, (result) => {
    if (result instanceof Problem) {
      done(result)
      return
    }
    const settle = (allowed: boolean) => {
      if (!allowed) result.destroy()
      done(allowed ? result : withdrawn(parts, admitted))
    }
    const allowed = stillAllowed(parts, admitted)
    if (typeof allowed === 'boolean') return settle(allowed)
    allowed.then(settle, () => settle(false))
  })
}
