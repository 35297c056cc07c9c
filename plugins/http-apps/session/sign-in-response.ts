import { createHash, randomBytes } from 'node:crypto'
import { appsDomainOf, html, type Pages, Problem } from '@mezite/core'
import { type HubResponse, isNavigation } from '@mezite/core/protocol'
import {
  framedResponse,
  htmlResponse,
  languageOf,
  notice,
  problemResponse,
  redirectResponse,
} from '../client/response.ts'
import type { Deps } from '../deps.ts'
import type { AppRequest } from '../request/app-request.ts'
import { cookieOf, NONCE_COOKIE, ourCookie } from '../request/cookies.ts'
import { readableBy } from '../request/origin.ts'
import { recordFailure } from '../request/refusal-log.ts'
import { texts } from '../texts.ts'
import { challengeLines } from './challenge-lines.ts'
import { confirmationPage, type FormFields } from './resent-form.ts'

const NONCE = /^[A-Za-z0-9_-]{43}$/
const NONCE_SECONDS = 600
const MAX_PATH = 4096
/** The last page of a renewal: the small window notifies its page and closes. */
export const RENEWED_PATH = '/.mezite/renewed'
const FRAMES = new Set(['iframe', 'frame', 'embed', 'object', 'fencedframe'])

/** SHA-256 of the nonce cookie, to which a session ticket is bound; undefined when this browser has none. */
export function nonceHash(request: AppRequest): string | undefined {
  const nonce = cookieOf(request.cookies, NONCE_COOKIE)
  return nonce !== undefined && NONCE.test(nonce) ? hash(nonce) : undefined
}

export interface SignInOptions {
  /** Sign-in ends at `RENEWED_PATH`, and asks the person again when its own session is nearly over. */
  readonly renewal?: boolean
  /** Reason code for scripts. */
  readonly code?: string
  /** The gate knows the person, and has recorded the refusal. */
  readonly known?: boolean
  /** The request needs more than a sign-in: the person meets the requirement beside the page, which then sends it again. */
  readonly required?: boolean
  /** The fields of the form that was posted, to be sent again. */
  readonly fields?: FormFields | null
}

/**
 * The response to a request without a session, the same for every host below the apps' domain, and to one whose session
 * does not meet a requirement: a redirect for a navigation, a page where a redirect would lose a body or stay inside a
 * frame, else 401 with `login_url`, which scripts of listed origins can read too.
 */
export function signInResponse(
  deps: Deps,
  request: AppRequest,
  {
    renewal = false,
    code = 'login_required',
    known = false,
    required = false,
    fields = null,
  }: SignInOptions = {},
): HubResponse {
  const nonce = nonceOf(request)
  const lines = ['Set-Cookie', ourCookie(NONCE_COOKIE, nonce, NONCE_SECONDS), 'Vary', 'Origin']
  const safe = request.method === 'GET' || request.method === 'HEAD'
  const url = launchUrl(deps, request, safe, hash(nonce), renewal)
  const challenge = required ? challengeUrl(deps, request, hash(nonce)) : null
  if (!isNavigation(request)) {
    if (!known) recordFailure(deps.audit, request, { status: 401, code }, { app: request.app })
    const more = [...lines, ...challengeLines(deps, request, { status: 401, code }, false)]
    return unauthorized(deps.pages, request, { url, challenge, code, lines: more })
  }
  const words = texts[languageOf(deps.pages, request)]
  const more = html`<div class="actions"><a class="button" href=${url} target="_blank" rel="noopener">${words.signIn}</a></div>`
  if (FRAMES.has(request.dest ?? '')) {
    const page = notice(deps.pages, request, {
      title: words.signInTitle,
      sentences: [words.signInFrame],
      more,
    })
    // Browsers send no session cookie in frames of other sites, so this page can only open a tab.
    const domain = appsDomainOf(request.host.host, deps.publicNames)
    const near = domain === null ? "'self'" : `'self' https://*.${domain}${deps.publicNames.portSuffix}`
    return framedResponse(401, page, near, lines)
  }
  if (challenge !== null && (!safe || request.length !== undefined))
    return confirmationPage(deps, request, { challenge, fields, lines })
  if (!safe || request.length !== undefined) {
    const content = { title: words.signInAgainTitle, sentences: [words.signInAgain], more }
    return htmlResponse(401, notice(deps.pages, request, content), lines)
  }
  return redirectResponse(302, url, lines)
}

function unauthorized(
  pages: Pages,
  request: AppRequest,
  {
    url,
    challenge,
    code,
    lines,
  }: {
    readonly url: string
    readonly challenge: string | null
    readonly code: string
    readonly lines: string[]
  },
): HubResponse {
  const detail =
    code === 'login_required'
      ? 'Sign in first: open login_url in a browser. Without one, run `msh app login APP` and use the address that it prints.'
      : 'This needs more than signing in: open challenge_url in a browser, then send the request again.'
  const members = { login_url: url, ...(challenge !== null && { challenge_url: challenge }) }
  const problem = new Problem(401, code, detail, members)
  return problemResponse(pages, request, problem, [...lines, ...readableBy(request, request.app)])
}

/** The address of the sign-in host that asks the gate again, with the header line that it needs. */
export function launchLink(
  deps: Deps,
  request: AppRequest,
): { readonly url: string; readonly lines: string[] } {
  const nonce = nonceOf(request)
  const safe = request.method === 'GET' || request.method === 'HEAD'
  const lines = ['Set-Cookie', ourCookie(NONCE_COOKIE, nonce, NONCE_SECONDS)]
  return { url: launchUrl(deps, request, safe, hash(nonce), false), lines }
}

function launchUrl(deps: Deps, request: AppRequest, safe: boolean, nonce: string, renewal: boolean): string {
  const wanted = safe && !request.upgrade && request.target.length <= MAX_PATH
  // Browsers send a backslash in a query as it is, and the hub leads to no path that has one.
  const here = wanted ? request.target.replace(/^[/\\]+/, '/').replaceAll('\\', '%5C') : '/'
  const path = encodeURIComponent(renewal ? RENEWED_PATH : here)
  const { signInOrigin } = deps.publicNames
  return `${signInOrigin}/web/launch?host=${request.host.host}&path=${path}&nonce=${nonce}${renewal ? '&renew=1' : ''}`
}

/** Where a small window meets the requirement of exactly this request, and then tells the page. */
function challengeUrl(
  { publicNames }: Deps,
  { host, method, target, upgrade }: AppRequest,
  nonce: string,
): string {
  const wanted = `${method} ${target.replaceAll('\\', '%5C')}${upgrade ? ' websocket' : ''}`
  const query = new URLSearchParams({ host: host.host, path: RENEWED_PATH, nonce, wanted })
  return `${publicNames.signInOrigin}/web/launch?${query}`
}

/** An existing nonce is kept, or the second of two tabs would invalidate the first. */
function nonceOf(request: AppRequest): string {
  const had = cookieOf(request.cookies, NONCE_COOKIE)
  return had !== undefined && NONCE.test(had) ? had : randomBytes(32).toString('base64url')
}

function hash(nonce: string): string {
  return createHash('sha256').update(nonce).digest('base64url')
}
