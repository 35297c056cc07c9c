import { STATUS_CODES } from 'node:http'
import { html, type Pages, Problem, type Subject } from '@mezite/core'
import {
  formLines,
  framedLines,
  grpcErrorLines,
  type HubResponse,
  isGrpcCall,
  isNavigation,
  ownLines,
} from '@mezite/core/protocol'
import { ownSteps, texts } from '../texts.ts'

type Requester = Parameters<typeof isNavigation>[0]

/** A request that is refused; its id leads from the response to the records. */
type Refused = Requester & { readonly requestId: string }

/** Leads to the person's applications on the hub's own host. */
export const HOME_PATH = '/.mezite/'
const ASSETS = '/.mezite/assets/'

/** The signed-in person whom a page names. */
export type Person = { readonly name: string; readonly roles: readonly string[] } | null

/** The person of a subject; null for a request of nobody. */
export const personOf = (subject: Subject | null): Person =>
  subject && { name: subject.user, roles: subject.roles }

/** What a plugin offers in a denial, with the address where the person goes on. */
export interface ShownHelp {
  readonly title: string
  readonly text: string
  readonly url: string
}

/** Links of a refusal's page, by the name in the catalogue of texts. */
const TARGETS = { home: HOME_PATH, open: '/', retry: '' } as const

/** A refusal: a page for people, problem+json (RFC 9457) for programs, a status for gRPC calls. */
export function problemResponse(
  pages: Pages,
  requester: Refused,
  problem: Problem,
  lines: string[] = [],
  user: Person = null,
): HubResponse {
  const { status, code, message, members } = problem
  const { requestId } = requester
  if (isGrpcCall(requester.lines ?? [])) return grpcResponse(problem, requestId, lines)
  const waits = (status === 503 || status === 429) && !lines.some((text) => /^retry-after$/i.test(text))
  const extra = waits ? ['Retry-After', '5', ...lines] : lines
  if (!isNavigation(requester)) {
    const { title } = adviceFor(pages, 'en', problem)
    const document = { title, status, code, detail: message, request_id: requestId, ...members }
    return textResponse(status, JSON.stringify(document), 'application/problem+json', extra)
  }
  const language = languageOf(pages, requester)
  const words = texts[language]
  const { title, next, steps, sentence } = adviceFor(pages, language, problem)
  const { link } = members
  const help = Array.isArray(members.help) ? (members.help as ShownHelp[]) : []
  const { contact } = pages.brand
  // The documentation asks for a sign-in, unless it is public.
  const isAdmin = user?.roles.includes('admin') === true
  const explanation = user === null ? null : pages.explanationOf(code, isAdmin ? undefined : language)
  const body = html`<div class="card">
    <h1>${title}</h1>
    <p>${sentence}</p>
    ${next === null ? null : html`<p class="quiet">${next}</p>`}
    <div class="actions">
      ${steps.map((step, at) => html`<a class=${at === 0 ? 'button' : 'button plain'} href=${TARGETS[step]}>${words.steps[step]}</a>`)}
      ${typeof link === 'string' ? html`<a class="button plain" href=${link} rel="noreferrer">${words.learnMore}</a>` : null}
    </div>
    ${help.map(({ title, text, url }) => [html`<p>${text}</p>`, html`<div class="actions"><a class="button" href=${url}>${title}</a></div>`])}
    <dl class="facts">
      <dt>${words.reason}</dt><dd><code data-copy>${code}</code>${explanation === null ? null : html` <a href=${explanation} rel="noreferrer">${isAdmin ? words.meaning : words.help}</a>`}</dd>
      <dt>${words.request}</dt><dd><code data-copy>${requestId}</code></dd>
      ${contact === null ? null : [html`<dt>${words.contact}</dt>`, html`<dd>${contact}</dd>`]}
    </dl>
  </div>`
  const page = pages.render({ title, body, on: 'app', user, language })
  // A page that only has to wait is not a failure: it loads itself again.
  return code === 'handover_busy'
    ? htmlResponse(202, page, ['Refresh', '2', ...extra])
    : htmlResponse(status, page, extra)
}

function grpcResponse(
  { status, code, message, members }: Problem,
  requestId: string,
  lines: readonly string[],
): HubResponse {
  const { login_url } = members
  const link = typeof login_url === 'string' ? ` login_url: ${login_url}` : ''
  const text = `${message} (${code}, request ${requestId})${link}`
  return {
    kind: 'response',
    status: 200,
    lines: [...ownLines, ...grpcErrorLines(status, text), ...lines],
    body: '',
  }
}

/** A refusal whose sentence is in the language of the person already. */
export class TranslatedProblem extends Problem {}

/** What the page of a problem says: by its reason, and otherwise by its status. The sentence of a problem is English. */
function adviceFor(pages: Pages, language: 'en' | 'de', problem: Problem) {
  const { code, status, message } = problem
  const { byStatus, otherwise } = texts[language]
  const advice = byStatus[status] ?? { ...otherwise, title: STATUS_CODES[status] ?? otherwise.title }
  const reason = pages.reasonOf(code)
  const steps = Object.hasOwn(ownSteps, code) ? ownSteps[code] : undefined
  return {
    title: reason?.title?.[language] ?? advice.title,
    next: steps === undefined ? advice.next : null,
    steps: steps ?? advice.steps,
    sentence: (language !== 'en' && !(problem instanceof TranslatedProblem) && reason?.[language]) || message,
  }
}

/** The language of the person, for pages. */
export function languageOf(pages: Pages, { lines = [] }: Requester): 'en' | 'de' {
  const at = lines.findIndex((text, i) => i % 2 === 0 && text.toLowerCase() === 'accept-language')
  return pages.languageOf(at < 0 ? undefined : lines[at + 1])
}

/** A page of one card with a title and sentences; `more` follows them. */
export function notice(
  pages: Pages,
  requester: Requester,
  {
    title,
    sentences,
    more = null,
    scripts = [],
  }: {
    readonly title: string
    readonly sentences: readonly string[]
    readonly more?: Parameters<Pages['render']>[0]['body']
    readonly scripts?: readonly string[]
  },
): string {
  const body = html`<div class="card">
    <h1>${title}</h1>
    ${sentences.map((sentence) => html`<p>${sentence}</p>`)}
    ${more}
  </div>`
  return pages.render({ title, body, on: 'app', scripts, language: languageOf(pages, requester) })
}

export function htmlResponse(status: number, page: string, lines: readonly string[] = []): HubResponse {
  return textResponse(status, page, 'text/html; charset=utf-8', lines)
}

/** A page with a form that posts to this very host. */
export function formResponse(status: number, page: string): HubResponse {
  const lines = [...formLines, 'Content-Type', 'text/html; charset=utf-8']
  return { kind: 'response', status, lines, body: page }
}

/** A page that pages of `ancestors` (sources as in a policy) may show in a frame. */
export function framedResponse(
  status: number,
  page: string,
  ancestors: string,
  more: readonly string[],
): HubResponse {
  const lines = [...framedLines(ancestors), 'Content-Type', 'text/html; charset=utf-8', ...more]
  return { kind: 'response', status, lines, body: page }
}

/** A response of the hub for this app's own pages. */
export function pageResponse(type: string, body: string): HubResponse {
  const lines = [...ownLines, 'Cross-Origin-Resource-Policy', 'same-origin', 'Content-Type', type]
  return { kind: 'response', status: 200, lines, body }
}

/** A script for this app's own pages, the same on every host. */
export function scriptResponse(body: string): HubResponse {
  const { status, lines } = pageResponse('text/javascript; charset=utf-8', '')
  return { kind: 'response', status, lines: cached(lines, 'public, max-age=3600'), body }
}

/** A file that the hub's pages on this host load; undefined for other paths. */
export function assetResponse(pages: Pages, path: string): HubResponse | undefined {
  const asset = path.startsWith(ASSETS) ? pages.asset(path.slice(ASSETS.length)) : undefined
  if (asset === undefined) return undefined
  const { status, lines } = pageResponse(asset.type, '')
  const policy = lines.indexOf('Content-Security-Policy') + 1
  const own = lines.map((text, at) => (at === policy ? (asset.policy ?? text) : text))
  return {
    kind: 'response',
    status,
    lines: cached(own, 'public, max-age=31536000, immutable'),
    body: asset.content,
  }
}

const cached = (lines: readonly string[], how: string) =>
  lines.map((text) => (text === 'no-store' ? how : text))

export function redirectResponse(status: 302 | 303, location: string, lines: readonly string[]): HubResponse {
  return { kind: 'response', status, lines: [...ownLines, 'Location', location, ...lines], body: '' }
}

export function textResponse(
  status: number,
  body: string,
  type: string,
  lines: readonly string[],
): HubResponse {
  return { kind: 'response', status, lines: [...ownLines, 'Content-Type', type, ...lines], body }
}
