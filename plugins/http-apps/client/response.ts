import { STATUS_CODES } from 'node:http'
import type { Problem } from '@mezite/core'
import {
  actions,
  escapeHtml,
  formLines,
  framedLines,
  type HubResponse,
  isNavigation,
  ownLines,
  page,
  type Requester,
  scriptLines,
} from '@mezite/core/protocol'

/** Leads to the person's applications on the hub's own host. */
export const HOME_PATH = '/.mezite/'
const HOME = `<a href="${HOME_PATH}">Your applications</a>`
/** The same address again, as a navigation. */
const RETRY = '<a href="">Try again</a>'
const OPEN = '<a href="/">Open the application</a>'

/** The parts of a refusal's page beside the refusal itself. */
interface Advice {
  readonly title: string
  readonly next: string | null
  readonly steps: readonly string[]
}

const WAIT = 'Try again in a moment. If this continues, contact your administrator.'
const ASK = 'If you need it, ask an administrator and give them the two codes below.'
const LOST = 'Check the address, or ask an administrator whether the application still exists.'

const byStatus: Readonly<Record<number, Advice>> = {
  403: { title: 'You cannot open this', next: ASK, steps: [HOME] },
  404: { title: 'There is no such application', next: LOST, steps: [HOME] },
  429: {
    title: 'Too much at once',
    next: 'Close other windows of this application, or wait a moment.',
    steps: [RETRY, HOME],
  },
  502: { title: 'The application cannot be reached', next: WAIT, steps: [RETRY, HOME] },
  503: { title: 'Not available right now', next: WAIT, steps: [RETRY, HOME] },
  504: { title: 'The application did not respond in time', next: WAIT, steps: [RETRY, HOME] },
}

const byCode: Readonly<Record<string, Advice>> = {
  handover_refused: { title: 'This sign-in link no longer works', next: null, steps: [OPEN, HOME] },
  locked: { title: 'Your access is locked', next: ASK, steps: [HOME] },
  not_found: { title: 'There is no such page', next: null, steps: [OPEN, HOME] },
}

/** A refusal: a page for people, problem+json (RFC 9457) for programs. */
export function problemResponse(
  requester: Requester,
  problem: Problem,
  requestId: string,
  lines: string[] = [],
): HubResponse {
  const { status, code, message, members } = problem
  const { title, next, steps } = adviceFor(status, code)
  const extra = status === 503 || status === 429 ? ['Retry-After', '5', ...lines] : lines
  if (!isNavigation(requester)) {
    const document = { title, status, code, detail: message, request_id: requestId, ...members }
    return answer(status, JSON.stringify(document), 'application/problem+json', extra)
  }
  const sentences = next === null ? [message] : [message, next]
  const { link } = members
  const more = typeof link === 'string' ? [`<a href="${escapeHtml(link)}">Learn more</a>`] : []
  const codes = `<dl><dt>Reason</dt><dd><code>${escapeHtml(code)}</code></dd><dt>Request</dt><dd><code>${requestId}</code></dd></dl>`
  return htmlResponse(status, page(title, sentences, actions(...steps, ...more) + codes), extra)
}

function adviceFor(status: number, code: string): Advice {
  if (Object.hasOwn(byCode, code)) return byCode[code]!
  const title = STATUS_CODES[status] ?? 'Refused'
  return byStatus[status] ?? { title, next: 'Go back and try another way.', steps: [HOME] }
}

export function htmlResponse(status: number, html: string, lines: readonly string[] = []): HubResponse {
  return answer(status, html, 'text/html; charset=utf-8', lines)
}

/** A page with a form that posts to this very host. */
export function formResponse(status: number, html: string): HubResponse {
  const lines = [...formLines, 'Content-Type', 'text/html; charset=utf-8']
  return { kind: 'response', status, lines, body: html }
}

/** A page that pages of `ancestors` (sources as in a policy) may show in a frame. */
export function framedResponse(
  status: number,
  html: string,
  ancestors: string,
  more: readonly string[],
): HubResponse {
  const lines = [...framedLines(ancestors), 'Content-Type', 'text/html; charset=utf-8', ...more]
  return { kind: 'response', status, lines, body: html }
}

/** A response of the hub for this app's own pages; if it is a page, it may load the hub's script from this host. */
export function pageResponse(type: string, body: string): HubResponse {
  const lines = [...scriptLines, 'Cross-Origin-Resource-Policy', 'same-origin', 'Content-Type', type]
  return { kind: 'response', status: 200, lines, body }
}

/** A script for this app's own pages, the same on every host. */
export function scriptResponse(body: string): HubResponse {
  const { status, lines } = pageResponse('text/javascript; charset=utf-8', '')
  const kept = lines.map((text) => (text === 'no-store' ? 'public, max-age=3600' : text))
  return { kind: 'response', status, lines: kept, body }
}

export function redirectResponse(status: 302 | 303, location: string, lines: readonly string[]): HubResponse {
  return { kind: 'response', status, lines: [...ownLines, 'Location', location, ...lines], body: '' }
}

function answer(status: number, body: string, type: string, lines: readonly string[]): HubResponse {
  return { kind: 'response', status, lines: [...ownLines, 'Content-Type', type, ...lines], body }
}
