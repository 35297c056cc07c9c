import type { Problem } from '@mezite/core'
import { problemAbout } from '../reasons.ts'
import type { AppRequest } from '../request/app-request.ts'
import type { Upstream } from './upstream.ts'

/** Why the response did not arrive, or not in full. */
export interface UpstreamFailure {
  /** The app sent something that is not HTTP. */
  readonly broken: boolean
  /** The link to the agent broke, not the app. */
  readonly linkLost: boolean
  readonly detail: string
}

/** The failure of a connection that is gone; `error` null: the app closed it cleanly. Its detail is for operators. */
export function connectionGone(error: Error | null): UpstreamFailure {
  const linkLost = (error as { code?: string } | null)?.code === 'MEZ_LINK_LOST'
  const detail = linkLost
    ? 'the link to the agent broke'
    : `the app ${error === null ? 'closed' : 'reset'} the connection`
  return { broken: false, linkLost, detail }
}

const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])

/**
 * Whether a request that has left may be sent once more: it has no body, repeating it changes nothing (RFC 9110
 * section 9.2.2), no byte of a response has arrived, and the failure is probably not the app's: the link to the agent
 * broke, or a connection that had been idle turned out to be dead.
 */
export function mayRepeat(request: AppRequest, upstream: Upstream, failure: UpstreamFailure): boolean {
  if (failure.broken || upstream.responding || request.upgrade || request.length !== undefined) return false
  return (failure.linkLost || upstream.reused) && IDEMPOTENT.has(request.method)
}

/** The problem for the browser; its cause is for the log. */
export function failureProblem(app: string, failure: UpstreamFailure): Problem {
  const code = failure.broken ? 'answer_invalid' : failure.linkLost ? 'link_lost' : 'app_reset'
  const problem = problemAbout(code, app)
  problem.cause = failure.detail
  return problem
}
