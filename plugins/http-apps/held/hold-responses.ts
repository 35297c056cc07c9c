import { html } from '@mezite/core'
import type { HubResponse } from '@mezite/core/protocol'
import {
  formResponse,
  htmlResponse,
  languageOf,
  notice,
  problemResponse,
  redirectResponse,
} from '../client/response.ts'
import type { Deps } from '../deps.ts'
import { problemFor } from '../reasons.ts'
import type { AppRequest } from '../request/app-request.ts'
import { ourCookie } from '../request/cookies.ts'
import { publicOrigin } from '../request/origin.ts'
import { texts } from '../texts.ts'
import type { HeldEntry } from './held-requests.ts'

/** Names the held request that a browser sends again, so that the held bytes go in its place. */
export const HELD_COOKIE = '__Host-mezite_held'
export const HELD_PATH = '/.mezite/held/'
const COOKIE_SECONDS = 60
const FRAMES = /^(?:iframe|frame|embed|object|fencedframe)$/

/** The request that gets the response. */
interface Place {
  readonly deps: Deps
  readonly request: AppRequest
}

/** Lets the browser send an empty request to the same address, in whose place the held bytes go: the address of the answer is then the right one. */
export function sendAgain({ deps, request }: Place, { id, request: held }: HeldEntry): HubResponse {
  const cookie = ['Set-Cookie', ourCookie(HELD_COOKIE, id, COOKIE_SECONDS)]
  if (held.method === 'GET') return redirectResponse(303, held.target, cookie)
  const words = texts[languageOf(deps.pages, request)]
  const page = notice(deps.pages, request, {
    title: words.signedTitle,
    sentences: [words.signedText],
    more: html`<form method="post" action=${held.target} data-held><div class="actions"><button>${words.continue}</button></div></form>`,
    scripts: ['/.mezite/held.js'],
  })
  const { kind, status, body, lines } = formResponse(200, page)
  return { kind, status, body, lines: [...lines, ...cookie] }
}

export const pathOf = ({ deps }: Place, { hold }: HeldEntry): string =>
  deps.publicNames.signInOrigin + hold.path

/** Leads the browser of a navigation to the page of the decision. */
export function pageFor(call: Place, entry: HeldEntry): HubResponse {
  const { deps, request } = call
  const url = pathOf(call, entry)
  const framed = FRAMES.test(request.dest ?? '')
  if (request.length === undefined && !framed) return redirectResponse(302, url, [])
  const { pages } = deps
  const language = languageOf(pages, request)
  const words = texts[language]
  const target = framed ? '_blank' : undefined
  const body = html`<div class="card">
    <h1>${words.signTitle}</h1>
    <p>${words.signText}</p>
    <div class="actions"><a class="button" href=${url} target=${target} rel="noopener">${words.confirm}</a></div>
  </div>`
  // A redirect of a form would be subject to the form policy of the page that has posted it.
  const page = pages.render({
    title: words.signTitle,
    body,
    on: 'app',
    language,
    ...(!framed && { forwardTo: url }),
  })
  return htmlResponse(401, page, ['Vary', 'Origin'])
}

/** A page's script gets the address of the decision, and sends its request again afterwards. */
export function challenge(call: Place, entry: HeldEntry): HubResponse {
  const problem = problemFor('signature_required', SIGN_AND_REPEAT, { challenge_url: pathOf(call, entry) })
  return problemResponse(call.deps.pages, call.request, problem, ['Vary', 'Origin'])
}

const SIGN_AND_REPEAT =
  'This must be signed: open challenge_url in a browser, then send the same request again.'

/** A program comes back for the outcome (RFC 9110 section 15.3.3). */
export function accepted(call: Place, entry: HeldEntry): HubResponse {
  const { request, deps } = call
  const origin = publicOrigin(entry.request.host.host, deps.publicNames)
  const location = origin + HELD_PATH + entry.id
  const document = { status: 'waiting', location, challenge_url: pathOf(call, entry) }
  const { kind, body, lines } = problemResponse(
    deps.pages,
    { ...request, accept: 'application/json', mode: undefined, dest: undefined },
    problemFor('signature_required', SIGN_ELSEWHERE, document),
    ['Location', location, 'Retry-After', '2'],
  )
  return { kind, status: 202, body, lines }
}

const SIGN_ELSEWHERE =
  'The request waits until it is signed: open challenge_url in a browser, and get location for the response.'

function headerOf({ lines }: AppRequest, name: string): string | null {
  const at = lines.findIndex((text, i) => i % 2 === 0 && text.toLowerCase() === name)
  return at < 0 ? null : (lines[at + 1] ?? null)
}

export const contentTypeOf = (request: AppRequest): string | null => headerOf(request, 'content-type')

/** `Prefer: respond-async` (RFC 7240 section 4.1). A response to HEAD has no body, so its program waits. */
export const prefersAsync = (request: AppRequest): boolean =>
  request.method !== 'HEAD' &&
  /(?:^|[\s,;])respond-async(?:$|[\s,;])/i.test(headerOf(request, 'prefer') ?? '')
