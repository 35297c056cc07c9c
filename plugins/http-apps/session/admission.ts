import { type App, Problem, type Session, type Subject } from '@mezite/core'
import type { AccessContext, ConnectionInfo, Decision, HubResponse } from '@mezite/core/protocol'
import { problemResponse } from '../client/response.ts'
import type { Deps } from '../deps.ts'
import type { AppRequest } from '../request/app-request.ts'
import { APP_COOKIE, readCookie } from '../request/cookies.ts'
import { originAllowed, readableBy } from '../request/origin.ts'
import { isHubPath } from './reserved-routes.ts'
import { signInResponse } from './sign-in-response.ts'

/** A request that may be forwarded. */
export interface Admitted {
  readonly kind: 'admitted'
  readonly request: AppRequest
  readonly requestId: string
  readonly app: App
  /** Both null for a preflight from an origin that the app lists: it carries nobody's identity. */
  readonly subject: Subject | null
  readonly session: Session | null
  readonly context: AccessContext
  /** Number of the change at which it was decided. */
  readonly revision: number
}

export type Verdict = Admitted | HubResponse

const TOKEN = /^[A-Za-z0-9_-]{20,128}$/

/**
 * Who asks, and may they: the one gate before an app. The order of the answers is contract; before sign-in all
 * hosts answer alike. Synchronous when session and decision are in memory.
 */
export function admit(deps: Deps, request: AppRequest, requestId: string): Verdict | Promise<Verdict> {
  const app = deps.catalog.byHost(request.host.host)
  const token = readCookie(request.cookies, APP_COOKIE)
  if (app === undefined || token === undefined || !TOKEN.test(token)) {
    const open = app !== undefined && request.preflight && app.origins.includes(request.origin ?? '')
    return open ? preflight(deps, request, app, requestId) : signInResponse(deps, request, app, requestId)
  }
  if (!deps.revisions.fresh()) return refuse(request, requestId, stale(), app)
  const found = deps.sessions.find('app', token)
  if (!(found instanceof Promise)) return identified(deps, request, requestId, app, found)
  return found.then((session) => identified(deps, request, requestId, app, session))
}

/** The same for a stream of msh: one app, and the session behind the certificate instead of a cookie. */
export function admitCertified(
  deps: Deps,
  request: AppRequest,
  requestId: string,
  certified: NonNullable<ConnectionInfo['certified']>,
): Verdict | Promise<Verdict> {
  if (!deps.revisions.fresh()) return refuse(request, requestId, stale())
  const app = deps.catalog.byId(certified.appId)
  if (app === undefined || app.protocol !== 'http')
    return refuse(request, requestId, new Problem(404, 'app_unknown', 'There is no such web application.'))
  // The hub's own paths belong to browsers.
  if (request.host.host !== app.publicAddr || isHubPath(request.target))
    return refuse(request, requestId, new Problem(421, 'misdirected', `This stream serves ${app.name} only.`))
  const session = deps.sessions.byId(certified.sessionId)
  const subject = session?.kind === 'cert' ? deps.sessions.subjectOf(session) : undefined
  if (session === undefined || subject === undefined)
    return refuse(request, requestId, new Problem(401, 'session_ended', 'This login has ended.'))
  const context: AccessContext = { protocol: 'http', clientIp: request.clientIp }
  const { revision } = deps.revisions
  const asked: Admitted = { kind: 'admitted', request, requestId, app, subject, session, context, revision }
  if (!originAllowed(request, app, deps.publicNames)) return denied(deps, asked, 'origin_not_allowed')
  const settle = (decision: Decision): Verdict =>
    // There is no browser to ask, so what is required is refused.
    decision.effect === 'require' ? denied(deps, asked, decision.reason) : decided(deps, asked, decision)
  const decision = deps.access.decide({ subject, app, context })
  return decision instanceof Promise ? decision.then(settle) : settle(decision)
}

/**
 * What was decided, as it is now: with who the person is today. Null: it holds no more. Asked again only when access data
 * has changed since.
 */
export function stillAdmitted(deps: Deps, admitted: Admitted): Admitted | null | Promise<Admitted | null> {
  const { revisions, sessions, catalog } = deps
  const { revision } = revisions
  if (revision === admitted.revision) return admitted
  const { app, session, context } = admitted
  if (catalog.byId(app.id) !== app || !revisions.fresh()) return null
  if (session === null) return { ...admitted, revision }
  const live = sessions.byId(session.id)
  const subject = live && sessions.subjectOf(live)
  if (subject === undefined) return null
  const settle = ({ effect }: Decision) => (effect === 'allow' ? { ...admitted, subject, revision } : null)
  const decision = deps.access.decide({ subject, app, context })
  return decision instanceof Promise ? decision.then(settle) : settle(decision)
}

/** The refusal when `stillAdmitted` says no; recorded, because nothing else will be. */
export function withdrawn(deps: Deps, admitted: Admitted): Problem {
  if (!deps.revisions.fresh()) return stale()
  recordDenied(deps, admitted, 'revoked')
  return new Problem(403, 'revoked', 'Your access has just ended.')
}

function identified(
  deps: Deps,
  request: AppRequest,
  requestId: string,
  app: App,
  session: Session | undefined,
): Verdict | Promise<Verdict> {
  const subject = session?.appId === app.id ? deps.sessions.subjectOf(session) : undefined
  if (session === undefined || subject === undefined) return signInResponse(deps, request, app, requestId)
  const context: AccessContext = { protocol: 'http', clientIp: request.clientIp }
  const { revision } = deps.revisions
  const asked: Admitted = { kind: 'admitted', request, requestId, app, subject, session, context, revision }
  if (app.protocol !== 'http')
    return refuse(request, requestId, new Problem(404, 'app_unknown', `${app.name} is no web application.`))
  if (!originAllowed(request, app, deps.publicNames)) return denied(deps, asked, 'origin_not_allowed')
  const decision = deps.access.decide({ subject, app, context })
  if (!(decision instanceof Promise)) return decided(deps, asked, decision)
  return decision.then((late) => decided(deps, asked, late))
}

function decided(deps: Deps, asked: Admitted, decision: Decision): Verdict {
  const { request, requestId, app } = asked
  if (decision.effect === 'require')
    return signInResponse(deps, request, app, requestId, { code: decision.reason })
  if (decision.effect !== 'allow') return denied(deps, asked, decision.reason, decision.message)
  const problem = unavailable(deps, app)
  if (problem !== null) return refuse(request, requestId, problem, app)
  if (asked.session !== null) deps.sessions.touch(asked.session)
  return asked
}

function preflight(deps: Deps, request: AppRequest, app: App, requestId: string): Verdict {
  if (!deps.revisions.fresh()) return refuse(request, requestId, stale(), app)
  const problem =
    app.protocol === 'http' ? unavailable(deps, app) : new Problem(404, 'app_unknown', 'No web app.')
  if (problem !== null) return refuse(request, requestId, problem, app)
  return {
    kind: 'admitted',
    request,
    requestId,
    app,
    subject: null,
    session: null,
    context: { protocol: 'http', clientIp: request.clientIp },
    revision: deps.revisions.revision,
  }
}

function unavailable(deps: Deps, app: App): Problem | null {
  if (!app.enabled) return new Problem(503, 'app_disabled', `${app.name} is switched off at the moment.`)
  if (!deps.audit.accepting)
    return new Problem(503, 'audit_unavailable', 'Access cannot be recorded at the moment, so none is given.')
  return null
}

/** One refusal of somebody who is known. */
export function recordDenied(deps: Deps, asked: Admitted, reason: string): void {
  const { request, requestId, app, subject, session } = asked
  deps.audit.record({
    type: 'access.denied',
    success: false,
    reason,
    user: subject?.user ?? null,
    roles: subject?.roles ?? null,
    clientIp: request.clientIp,
    sessionId: session?.id ?? null,
    requestId,
    fields: { app: app.name },
  })
}

function denied(deps: Deps, asked: Admitted, reason: string, message = ''): HubResponse {
  const { request, requestId, app, subject } = asked
  recordDenied(deps, asked, reason)
  const text =
    reason === 'origin_not_allowed'
      ? `The page that sent this may not use ${app.name}.`
      : `You are signed in as ${subject?.user}, but you may not use ${app.name}. ${message}`.trimEnd()
  return refuse(request, requestId, new Problem(403, reason, text), app)
}

function stale(): Problem {
  return new Problem(503, 'view_stale', 'The hub cannot see at the moment who may do what.')
}

function refuse(request: AppRequest, requestId: string, problem: Problem, app?: App): HubResponse {
  return problemResponse(request, problem, requestId, ['Vary', 'Origin', ...readableBy(request, app)])
}
