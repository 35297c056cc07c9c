import { databaseProblem, html, messageOf, Problem } from '@mezite/core'
import { isLocalPath } from '@mezite/core/identity'
import { addressKey, type HubResponse, isNavigation } from '@mezite/core/protocol'
import {
  assetResponse,
  formResponse,
  HOME_PATH,
  htmlResponse,
  languageOf,
  notice,
  problemResponse,
  redirectResponse,
} from '../client/response.ts'
import type { Deps } from '../deps.ts'
import { problemFor } from '../reasons.ts'
import type { AppRequest } from '../request/app-request.ts'
import { APP_COOKIE, cookieOf, ourCookie } from '../request/cookies.ts'
import { publicOrigin } from '../request/origin.ts'
import { recordFailure } from '../request/refusal-log.ts'
import { texts } from '../texts.ts'
import { nextHost } from './companions.ts'
import { sessionRoute } from './session-routes.ts'
import { nonceHash } from './sign-in-response.ts'

/** Whether the hub reserves this path on apps' hosts. Matched exactly: other spellings go to the app, behind the gate. */
export function isHubPath(target: string): boolean {
  return target.startsWith('/.mezite/') || target === '/.mezite' || target.startsWith('/.mezite?')
}

/** Serves `/.mezite/`: the end of a sign-in, signing out of this app, and the soft end of a session. */
export async function hubRoute(deps: Deps, request: AppRequest): Promise<HubResponse> {
  const url = new URL(request.target, 'https://app.invalid')
  if (url.pathname === '/.mezite/session' && request.method === 'GET')
    return exchange(deps, request, url.searchParams)
  if (url.pathname === '/.mezite/logout' && /^(?:GET|POST)$/.test(request.method))
    return logout(deps, request)
  if (url.pathname === HOME_PATH && isNavigation(request))
    return redirectResponse(302, `${deps.publicNames.signInOrigin}/`, [])
  const asset = request.method === 'GET' ? assetResponse(deps.pages, url.pathname) : undefined
  if (asset !== undefined) return asset
  const soft = sessionRoute(deps, request, url.pathname)
  if (soft !== undefined) return soft
  const problem = problemFor('not_found', 'The hub has no such page.')
  recordFailure(deps.audit, request, problem)
  return problemResponse(deps.pages, request, problem)
}

async function exchange(deps: Deps, request: AppRequest, query: URLSearchParams): Promise<HubResponse> {
  const { app, clientIp, requestId } = request
  const hash = nonceHash(request)
  const path = query.get('path') ?? '/'
  const code = query.get('code') ?? ''
  const redeemed =
    app !== undefined && hash !== undefined && isLocalPath(path) && /^[A-Za-z0-9_.-]{16,512}$/.test(code)
      ? await redeem(deps, { code, app, nonceHash: hash, clientIp }, requestId)
      : null
  if (redeemed === null || redeemed instanceof Problem || app === undefined) {
    const text =
      'This sign-in link was already used, has expired, or belongs to another browser. Open the app again.'
    const problem = redeemed instanceof Problem ? redeemed : problemFor('handover_refused', text)
    recordRefusal(deps, request, problem.code)
    return problemResponse(deps.pages, request, problem)
  }
  // The hub's own pages, such as that of a small window, are for this host alone.
  const here = request.host.host
  const next = isHubPath(path)
    ? path
    : await nextHost(deps, { app, clientIp, here }, { host: here, path, at: 0 }, redeemed.session)
  return redirectResponse(303, next, ['Set-Cookie', ourCookie(APP_COOKIE, redeemed.token, null)])
}

/** Redeems the code. Returns a Problem when it cannot be checked now: it may be valid, and the same address works later. */
async function redeem(
  deps: Deps,
  input: Parameters<Deps['sessions']['tickets']['redeem']>[0],
  requestId: string,
) {
  const address = addressKey(input.clientIp)
  if (!deps.handovers.take(address, deps.proxyLimits.callsPerMinute.pages))
    return problemFor(
      'too_many_requests',
      'Too many sign-ins are finishing right now. Reload this page in a moment.',
    )
  try {
    const redeemed = await deps.sessions.tickets.redeem(input)
    // Only failures and attempts under way count: many people share the address of an office.
    if (redeemed !== null) deps.handovers.give(address)
    return redeemed
  } catch (error) {
    const problem = error instanceof Problem ? error : databaseProblem(error)
    if (problem === null) throw error
    // Anyone can cause this line, and the database failure is logged elsewhere.
    deps.log.debug({ error: messageOf(error), request_id: requestId }, 'failed to redeem a sign-in code')
    return problem
  }
}

/**
 * GET ends the session when the person or the app itself navigates here; from anywhere else it shows a button,
 * so that a foreign page cannot sign people out. POST needs this very origin.
 */
async function logout(deps: Deps, request: AppRequest): Promise<HubResponse> {
  const own = publicOrigin(request.host.host, deps.publicNames)
  const near = request.site === 'same-origin' || request.site === 'none'
  const posted = request.origin === own || request.site === 'same-origin'
  const meant = request.method === 'POST' ? posted : near && isNavigation(request)
  if (request.method === 'POST' && !meant) {
    recordRefusal(deps, request, 'origin_not_allowed')
    const text = 'Only pages of this app can sign you out of it.'
    return problemResponse(deps.pages, request, problemFor('origin_not_allowed', text))
  }
  const { pages } = deps
  const words = texts[languageOf(pages, request)]
  if (!meant) {
    const more = html`<div class="actions">
      <form method="post" action="/.mezite/logout"><button>${words.signOut}</button></form>
      <a class="button plain" href="/">${words.stay}</a>
    </div>`
    const content = { title: words.signOutTitle, sentences: [words.signOutText], more }
    return formResponse(200, notice(pages, request, content))
  }
  const token = cookieOf(request.cookies, APP_COOKIE)
  const session = token === undefined ? undefined : await deps.sessions.find('app', token)
  if (session !== undefined && session.appId === request.app?.id)
    await deps.sessions.end([session.id], 'logout', deps.sessions.subjectOf(session) ?? null)
  const more = html`<div class="actions">
    <a class="button" href=${HOME_PATH}>${words.steps.home}</a>
    <a class="button plain" href=${`${deps.publicNames.signInOrigin}/web/logout`}>${words.everywhere}</a>
  </div>`
  const content = { title: words.signedOutTitle, sentences: [words.signedOutText], more }
  const lines = ['Set-Cookie', ourCookie(APP_COOKIE, '', 0)]
  return htmlResponse(200, notice(pages, request, content), lines)
}

function recordRefusal(deps: Deps, request: AppRequest, reason: string): void {
  const { app, clientIp, requestId } = request
  const fields = { app: app?.name ?? null }
  deps.audit.record({ type: 'access.denied', success: false, reason, clientIp, requestId, fields })
}
