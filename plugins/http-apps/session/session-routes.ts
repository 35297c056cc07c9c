import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Problem, type Session } from '@mezite/core'
import type { HubResponse } from '@mezite/core/protocol'
import { languageOf, notice, pageResponse, problemResponse, scriptResponse } from '../client/response.ts'
import type { Deps } from '../deps.ts'
import { problemFor } from '../reasons.ts'
import { type AppRequest, kindFor } from '../request/app-request.ts'
import { APP_COOKIE, cookieOf } from '../request/cookies.ts'
import { publicOrigin } from '../request/origin.ts'
import { recordFailure } from '../request/refusal-log.ts'
import { texts } from '../texts.ts'
import { OPEN_PATH, openHere } from './companions.ts'
import { RENEWED_PATH, signInResponse } from './sign-in-response.ts'

const MAX_WARN_MS = 5 * 60_000

/**
 * Serves the soft end of a session below `/.mezite/`: the script that pages may include, its status request, and the
 * first and last page of the small window. Undefined for other paths. No response reveals whether the host has an app.
 */
export function sessionRoute(
  deps: Deps,
  request: AppRequest,
  path: string,
): HubResponse | Promise<HubResponse> | undefined {
  if (request.method !== 'GET' && request.method !== 'HEAD') return undefined
  switch (path) {
    case '/.mezite/session.js':
      return scriptResponse(sessionScript)
    case '/.mezite/renewed.js':
      return scriptResponse(renewedScript)
    case '/.mezite/resend.js':
      return scriptResponse(resendScript)
    case '/.mezite/held.js':
      return scriptResponse(heldScript)
    case '/.mezite/session-status':
      return status(deps, request)
    case '/.mezite/renew':
      return signInResponse(deps, request, { renewal: true })
    case RENEWED_PATH:
      return renewed(deps, request)
    case OPEN_PATH:
      return sessionOf(deps, request).then((session) => openHere(deps, request, session))
    default:
      return undefined
  }
}

/**
 * Returns when the session ends and whose it is, or 403 with a sentence for the person when access is locked or has ended.
 * Only this app's own pages may ask, and asking does not count as use.
 */
async function status(deps: Deps, request: AppRequest): Promise<HubResponse> {
  const failed = (problem: Problem): HubResponse => {
    recordFailure(deps.audit, request, problem)
    return problemResponse(deps.pages, request, problem)
  }
  const foreign = request.origin !== undefined && request.origin !== ownOrigin(deps, request)
  if (foreign || (request.site !== undefined && request.site !== 'same-origin')) {
    const text = 'Only pages of this app may ask about its session.'
    return failed(problemFor('origin_not_allowed', text))
  }
  if (!deps.revisions.fresh()) {
    const text = 'Sessions cannot be checked right now. Try again in a moment.'
    return failed(problemFor('view_stale', text))
  }
  const session = await sessionOf(deps, request)
  if (session === undefined) return signInResponse(deps, request, { renewal: true })
  const who = { kind: 'app', sessionId: session.id } as const
  const { app, clientIp, requestId } = request
  const protocol = kindFor(deps.catalog, app)
  const query = { who, app, protocol, clientIp, requestId, probe: true } as const
  const access = await deps.access.admit(query)
  if (access.outcome === 'denied') {
    const { accessLocked, accessEnded } = texts[languageOf(deps.pages, request)]
    const text = access.message || (access.code === 'locked' ? accessLocked : accessEnded)
    // Open pages ask again and again, and nobody sees this response.
    return problemResponse(deps.pages, request, new Problem(403, access.code, text))
  }
  return pageResponse('application/json', JSON.stringify(statusOf(session, deps.clock.now())))
}

/** `seconds_left` and `warn_seconds` beside `expires`, because a browser's clock may be wrong. */
export function statusOf(session: Session, now: number) {
  const idleEnd = session.idleMs > 0 ? session.lastUsed + session.idleMs : Number.POSITIVE_INFINITY
  const end = Math.min(session.expires, idleEnd)
  const wholeMs = idleEnd < session.expires ? session.idleMs : session.expires - session.created
  return {
    user: session.user,
    expires: new Date(end).toISOString(),
    seconds_left: Math.max(0, end - now) / 1_000,
    // A quarter of a short session, so that sign-in knows that the person wants a new one.
    warn_seconds: Math.min(MAX_WARN_MS, wholeMs / 4) / 1_000,
  }
}

/** The last page of the small window: it notifies the page that opened it, and closes. */
async function renewed(deps: Deps, request: AppRequest): Promise<HubResponse> {
  const session = await sessionOf(deps, request)
  if (session === undefined) return signInResponse(deps, request, { renewal: true })
  const { renewedTitle, renewedText } = texts[languageOf(deps.pages, request)]
  const content = { title: renewedTitle, sentences: [renewedText], scripts: ['/.mezite/renewed.js'] }
  return pageResponse('text/html; charset=utf-8', notice(deps.pages, request, content))
}

async function sessionOf(deps: Deps, { app, cookies }: AppRequest): Promise<Session | undefined> {
  const token = cookieOf(cookies, APP_COOKIE)
  const session = token === undefined ? undefined : await deps.sessions.find('app', token)
  const isHere = session !== undefined && session.appId === app?.id
  return isHere && deps.sessions.subjectOf(session) !== undefined ? session : undefined
}

function ownOrigin(deps: Deps, request: AppRequest): string {
  return publicOrigin(request.host.host, deps.publicNames)
}

/** The script that pages include to be warned before their session ends. */
export const sessionScript = served('session.js')
/** The script of the page with which the small window closes. */
export const renewedScript = served('renewed.js')

/** The script of the page that sends a form again. */
const resendScript = served('resend.js')
/** The script of the page that sends a held request again. */
const heldScript = served('held.js')

/** Reads a script once, so that a broken installation fails at start-up; removes comments and indentation. */
function served(name: string): string {
  const file = createRequire(import.meta.url).resolve(`@mezite/plugin-http-apps/browser/${name}`)
  return readFileSync(file, 'utf8').replace(/^[ \t]*(?:(?:\/\/|\/\*\*).*)?\n?/gm, '')
}
