import { STATUS_CODES } from 'node:http'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import type { Audit } from '../../api/audit.ts'
import { databaseProblem } from '../../api/database-problem.ts'
import { Problem } from '../../api/problem.ts'
import { problemFor } from '../../api/reasons.ts'
import { messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import type { ErrorPage } from '../pages/error-pages.ts'

/** `problem` is the cause of the page, for pages with more than `page` contains. */
export type RenderError = (page: ErrorPage, request: FastifyRequest, problem: Problem) => string

/** The code of a problem that ends by itself: the page of it says so, and continues after 2 s. */
const PASSING = 'handover_busy'

/**
 * The status of the page of a problem. A page that only has to wait is not a failure: it loads `retryUrl`, or itself, again. Not
 * after a form was sent, which would not be sent again.
 */
function statusOfPage(
  { method }: FastifyRequest,
  reply: FastifyReply,
  { status, code, retryUrl }: Pick<Problem, 'status' | 'code' | 'retryUrl'>,
): number {
  if (code !== PASSING || method !== 'GET') return status
  reply.header('refresh', retryUrl === undefined ? '2' : `2; url=${retryUrl}`)
  return 202
}

const OWN_CODES: Readonly<Record<string, string>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_EMPTY_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'bad_request',
  FST_ERR_VALIDATION: 'invalid_request',
}

/** Converts any thrown value to a problem; an internal error becomes a 500 without details. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error
  const ofDatabase = databaseProblem(error)
  if (ofDatabase) return ofDatabase
  const { statusCode, code = '', validation } = error as Partial<FastifyError>
  if (code === 'FST_ERR_MAX_PARAM_LENGTH') return problemFor('not_found', 'The name is too long.')
  if (validation) return problemFor('invalid_request', messageOf(error))
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new Problem(statusCode, OWN_CODES[code] ?? 'bad_request', messageOf(error))
  }
  return problemFor('internal_error')
}

/** Sends an error as a page to a browser that navigates, and as problem+json (RFC 9457) to every other caller. */
export function sendError(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  options: { readonly log: Log; readonly renderError: RenderError; readonly audit: Pick<Audit, 'record'> },
): FastifyReply {
  const problem = problemOf(error)
  recordFailure(options.audit, request, problem)
  if (problem.status >= 500 && !problem.audited) logFailure(error, problem, request, options.log)
  const { status, code, message: detail, members } = problem
  const title = typeof members.title === 'string' ? members.title : ''
  const { retryUrl } = problem
  reply.code(status)
  if ((status === 429 || code === PASSING) && !reply.hasHeader('retry-after'))
    reply.header('retry-after', '10')
  if (isNavigation(request)) {
    const more = {
      ...(typeof members.link === 'string' && { link: members.link }),
      ...(retryUrl !== undefined && { retryUrl }),
    }
    reply.code(statusOfPage(request, reply, problem))
    const page = { status, title, code, detail, requestId: request.id, ...more }
    return reply.page(options.renderError(page, request, problem))
  }
  reply.type('application/problem+json')
  const heading = title || (STATUS_CODES[status] ?? 'Error')
  const document = {
    type: 'about:blank',
    ...members,
    title: heading,
    status,
    code,
    detail,
    request_id: request.id,
  }
  return reply.serializer(JSON.stringify).send(document)
}

/** Records an error response as `request.failed`, so that the id on its page leads to the reason. */
export function recordFailure(
  audit: Pick<Audit, 'record'>,
  { id, subject, clientIp, method, url }: FastifyRequest,
  { status, code, audited }: Problem,
): void {
  if (audited) return
  audit.record({
    type: 'request.failed',
    success: false,
    reason: code,
    user: subject?.user ?? null,
    roles: subject?.roles ?? null,
    clientIp,
    sessionId: subject?.sessionId ?? null,
    requestId: id,
    fields: { app: null, method, path: url.split('?', 1)[0] ?? '', status },
  })
}

/** Logs a deliberate refusal without a stack, because it is not a fault of the program. */
function logFailure(error: unknown, problem: Problem, { id, subject }: FastifyRequest, log: Log): void {
  const fields = { request_id: id, user: subject?.user ?? null, code: problem.code }
  if (error instanceof Problem) log.info({ ...fields, detail: problem.message }, 'a web request was rejected')
  else if (problem.status === 503)
    log.warn({ ...fields, cause: messageOf(error) }, 'a web request failed temporarily')
  else {
    const cause = error instanceof Error ? error.stack : String(error)
    log.error({ ...fields, cause }, 'a web request failed')
  }
}

/** True if a browser navigates to a page: not a call of the API or of a script. */
function isNavigation({ url, headers, routeOptions }: FastifyRequest): boolean {
  if (routeOptions?.config?.errors === 'page') return true
  if (url.startsWith('/v1/')) return false
  const mode = headers['sec-fetch-mode']
  if (mode !== undefined) return mode === 'navigate'
  return /\btext\/html\b/.test(headers.accept ?? '')
}
