import { Problem } from '@mezite/core'
import { addressKey } from '@mezite/core/protocol'
import type { Deps } from '../deps.ts'
import { type Admitted, stillAdmitted, withdrawn } from '../session/admission.ts'
import type { Upstream } from './upstream.ts'
import { openUpstream } from './upstream-dialer.ts'

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
 * A connection for an admitted request. Dialling takes time in which access may have ended or changed: it is asked again
 * before `done` hears, with what is true by then; synchronously when an idle connection serves and nothing has changed.
 */
export function connectAdmitted(
  deps: Deps,
  admitted: Admitted,
  attempt: Attempt,
  done: (result: Upstream | Problem, admitted: Admitted) => void,
): void {
  const { app, session } = admitted
  const { tunnel, pool } = deps
  openUpstream({ tunnel, pool, app, sessionKey: session?.id ?? sharerOf(admitted), ...attempt }, (result) => {
    if (result instanceof Problem) {
      done(result, admitted)
      return
    }
    const settle = (now: Admitted | null) => {
      if (now !== null) return done(result, now)
      result.destroy()
      done(withdrawn(deps, admitted), admitted)
    }
    const now = stillAdmitted(deps, admitted)
    if (!(now instanceof Promise)) return settle(now)
    now.then(settle, () => settle(null))
  })
}
