import { type App, Problem, type Subject } from '@mezite/core'
import {
  type Admission,
  type AdmissionQuery,
  type Caller,
  type ConnectionInfo,
  type HubResponse,
  isNavigation,
  type Refusal,
} from '@mezite/core/protocol'
import { languageOf, problemResponse } from '../client/response.ts'
import type { Deps } from '../deps.ts'
import { type AppRequest, kindFor } from '../request/app-request.ts'
import { APP_COOKIE, cookieOf } from '../request/cookies.ts'
import { originAllowed, readableBy } from '../request/origin.ts'
import { recordFailure } from '../request/refusal-log.ts'
import { texts } from '../texts.ts'
import { isHubPath } from './reserved-routes.ts'
import { signInResponse } from './sign-in-response.ts'

/** A request that may be forwarded. */
export interface Admitted {
  readonly kind: 'admitted'
  readonly request: AppRequest
  readonly admission: Admission
  /** Ends the request in the hub's own name; set once its exchange runs. */
  fail?: (problem: Problem) => void
}

const TOKEN = /^[A-Za-z0-9_-]{20,128}$/

/**
 * Asks the gate for access to the app of the request, for a browser or, with `certified`, for a stream of msh, which
 * reaches one app. Before sign-in all hosts respond alike.
 */
export function admit(
  deps: Deps,
  request: AppRequest,
  requestId: string,
  certified?: ConnectionInfo['certified'],
): Admitted | HubResponse | Promise<Admitted | HubResponse> {
  const app = certified ? deps.catalog.byId(certified.appId) : deps.catalog.byHost(request.host.host)
  const protocol = kindFor(deps.catalog, app)
  if (
    certified &&
    app?.protocol === protocol &&
    (request.host.host !== app.publicAddr || isHubPath(request.target))
  )
    return refuse(
      deps,
      request,
      requestId,
      new Problem(421, 'misdirected', `This stream serves ${app.name} only.`),
    )
  const query: AdmissionQuery = {
    who: certified ? { kind: 'cert', sessionId: certified.sessionId } : callerOf(request, app),
    app,
    protocol,
    clientIp: request.clientIp,
    requestId,
    interactive: isNavigation(request),
    request,
    objection:
      app !== undefined && !originAllowed(request, app, deps.publicNames) ? 'origin_not_allowed' : null,
  }
  const settle = (outcome: Admission | Refusal): Admitted | HubResponse =>
    outcome.outcome === 'admitted'
      ? { kind: 'admitted', request, admission: outcome }
      : responseTo(deps, request, requestId, app, outcome, certified !== undefined)
  const outcome = deps.access.admit(query)
  return outcome instanceof Promise ? outcome.then(settle) : settle(outcome)
}

function callerOf(request: AppRequest, app: App | undefined): Caller | null {
  const token = cookieOf(request.cookies, APP_COOKIE)
  if (token !== undefined && TOKEN.test(token)) return { kind: 'app', token }
  const { origin } = request
  const listed = request.preflight && origin !== undefined && app?.origins.includes(origin)
  return listed ? { kind: 'preflight', origin } : null
}

function responseTo(
  deps: Deps,
  request: AppRequest,
  requestId: string,
  app: App | undefined,
  refusal: Refusal,
  certified: boolean,
): HubResponse {
  const { status, code, subject, message, link } = refusal
  const give = (problem: Problem) => refuse(deps, request, requestId, problem, app, subject)
  /** The gate records the refusals of people whom it knows, and of certificates. */
  const fail = (problem: Problem) => {
    if (subject === null && !certified) recordFailure(deps.audit, request, problem, requestId, { app })
    return give(problem)
  }
  const name = app?.name ?? 'This application'
  switch (refusal.outcome) {
    case 'stale':
      return fail(staleProblem())
    case 'unauthenticated':
      if (!certified) return signInResponse(deps, request, app, requestId, { code, known: subject !== null })
      return fail(new Problem(status, code, 'This login has ended. Sign in again: msh login'))
    case 'required':
      if (!certified) return signInResponse(deps, request, app, requestId, { code, known: true })
      return give(new Problem(status, code, `${name} has requirements that a login of msh cannot meet.`))
    case 'denied': {
      const words = texts[isNavigation(request) ? languageOf(deps.pages, request) : 'en']
      const text =
        code === 'origin_not_allowed'
          ? `The page that sent this request may not use ${name}.`
          : [words.denied(subject?.user ?? '', name), message ?? ''].join(' ').trimEnd()
      return give(new Problem(status, code, text, link === null ? {} : { link }))
    }
    case 'disabled':
      return fail(new Problem(status, code, `${name} is switched off right now.`))
    case 'unavailable':
      if (code === 'audit_unavailable')
        return fail(new Problem(status, code, 'Access cannot be recorded right now. Try again in a moment.'))
      return fail(new Problem(404, 'app_unknown', 'There is no such web application.'))
  }
}

/** The refusal when access ends while an agent is dialled. The gate has recorded it. */
export function endedProblem({ ended }: Admission): Problem {
  return ended === 'stale_view' ? staleProblem() : new Problem(403, 'revoked', 'Your access has just ended.')
}

function staleProblem(): Problem {
  return new Problem(503, 'view_stale', 'Access cannot be checked right now. Try again in a moment.')
}

function refuse(
  { pages }: Deps,
  request: AppRequest,
  requestId: string,
  problem: Problem,
  app?: App,
  subject: Subject | null = null,
): HubResponse {
  const lines = ['Vary', 'Origin', ...readableBy(request, app)]
  const person = subject && { name: subject.user, roles: subject.roles }
  return problemResponse(pages, request, problem, requestId, lines, person)
}
