import { STATUS_CODES } from 'node:http'
import type { Problem } from '@mezite/core'
import { escapeHtml, formLines, ownLines, page, scriptLines } from './page.ts'

/** An answer that the hub gives itself. */
export interface Answer {
  readonly kind: 'answer'
  readonly status: number
  readonly lines: readonly string[]
  readonly body: string
}

/** What tells a navigation from a script's request. */
export interface Asker {
  readonly mode: string | undefined
  readonly site: string | undefined
  readonly dest: string | undefined
  readonly accept: string | undefined
  /** It wants a WebSocket. */
  readonly upgrade?: boolean
}

/** A person looks at the answer: Fetch Metadata says so, or there is none and HTML is wanted. */
export function isNavigation(asker: Asker): boolean {
  if (asker.upgrade === true) return false
  if (asker.mode !== undefined) return asker.mode === 'navigate'
  if (asker.site !== undefined || asker.dest !== undefined) return false
  return asker.accept?.toLowerCase().includes('text/html') ?? false
}

const nextSteps: Readonly<Record<number, string>> = {
  403: 'If you need it, ask an administrator and give them the two codes below.',
  429: 'Close other windows of this application, or wait a moment.',
  404: 'Check the address, or ask an administrator whether the application still exists.',
  502: 'Try again in a moment. If it stays like this, tell an administrator.',
  503: 'Try again in a moment. If it stays like this, tell an administrator.',
  504: 'Try again in a moment. If it stays like this, tell an administrator.',
}

const titles: Readonly<Record<number, string>> = {
  403: 'You cannot open this',
  404: 'There is no such application',
  429: 'Too much at once',
  431: 'The request is too large',
  502: 'The application cannot be reached',
  503: 'Not available right now',
  504: 'The application did not answer in time',
}

/** A refusal: a page for people, problem+json (RFC 9457) for programs. */
export function problemAnswer(
  asker: Asker,
  problem: Problem,
  requestId: string,
  lines: string[] = [],
): Answer {
  const { status, code, message, members } = problem
  const title = titles[status] ?? STATUS_CODES[status] ?? 'Refused'
  const extra = status === 503 || status === 429 ? ['Retry-After', '5', ...lines] : lines
  if (!isNavigation(asker)) {
    const document = { title, status, code, detail: message, request_id: requestId, ...members }
    return answer(status, JSON.stringify(document), 'application/problem+json', extra)
  }
  const sentences = [message, nextSteps[status] ?? 'Go back and try another way.']
  const codes = `<p><small>Reason <code>${escapeHtml(code)}</code><br>Request <code>${requestId}</code></small></p>`
  return htmlAnswer(status, page(title, sentences, codes), extra)
}

export function htmlAnswer(status: number, html: string, lines: readonly string[] = []): Answer {
  return answer(status, html, 'text/html; charset=utf-8', lines)
}

/** A page with a form that posts to this very host. */
export function formAnswer(status: number, html: string): Answer {
  const lines = [...formLines, 'Content-Type', 'text/html; charset=utf-8']
  return { kind: 'answer', status, lines, body: html }
}

/** What the hub itself gives to this app's own pages; a page among it may load the hub's script from this host. */
export function pageAnswer(type: string, body: string): Answer {
  const lines = [...scriptLines, 'Cross-Origin-Resource-Policy', 'same-origin', 'Content-Type', type]
  return { kind: 'answer', status: 200, lines, body }
}

/** A script for this app's own pages, the same on every host. */
export function scriptAnswer(body: string): Answer {
  const { status, lines } = pageAnswer('text/javascript; charset=utf-8', '')
  const kept = lines.map((text) => (text === 'no-store' ? 'public, max-age=3600' : text))
  return { kind: 'answer', status, lines: kept, body }
}

export function redirectAnswer(status: 302 | 303, location: string, lines: readonly string[]): Answer {
  return { kind: 'answer', status, lines: [...ownLines, 'Location', location, ...lines], body: '' }
}

function answer(status: number, body: string, type: string, lines: readonly string[]): Answer {
  return { kind: 'answer', status, lines: [...ownLines, 'Content-Type', type, ...lines], body }
}
