import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import type { AppAgent } from './app-agent.ts'
import type { HubLine } from './hub-line.ts'
import { judgeLocalRequest } from './judge-local-request.ts'
import { type OriginNames, towardsApp } from './map-headers.ts'
import { Refusal } from './refusal.ts'

/** What a local origin stands for. */
export interface LocalOrigin {
  readonly app: string
  readonly publicHost: string
  readonly line: Pick<HubLine, 'open'>
  readonly note: (text: string) => void
}

/** Why a request is not sent on. */
export interface LocalRefusal {
  readonly status: 400 | 403 | 501
  readonly text: string
}

/** What the request gets instead of the app's answer; null: it is sent on. */
export function refusalOf(incoming: IncomingMessage): LocalRefusal | null {
  if (!incoming.url?.startsWith('/') && incoming.url !== '*')
    return { status: 403, text: 'This port is no proxy.' }
  const foreign = judgeLocalRequest(incoming.rawHeaders, incoming.socket.localPort ?? 0)
  if (foreign !== null) return { status: 403, text: foreign }
  const coding = incoming.headers['transfer-encoding']
  if (coding === undefined) return null
  // As on the public port. What else Node.js lets pass would reach the app with its coding forgotten.
  if (incoming.httpVersion === '1.0') return { status: 400, text: 'The length of the request is ambiguous.' }
  if (coding.trim().toLowerCase() === 'chunked') return null
  return { status: 501, text: 'Only the transfer coding chunked is understood.' }
}

export function namesOf(incoming: IncomingMessage, { publicHost }: LocalOrigin): OriginNames {
  return { publicHost, localHost: incoming.headers.host ?? '' }
}

/** Begins the request to the app; the caller sends the body. */
export function forward(
  incoming: IncomingMessage,
  names: OriginNames,
  agent: AppAgent,
  more: readonly string[] = [],
): ClientRequest {
  const headers = [...towardsApp(incoming.rawHeaders, names), ...more]
  if (incoming.headers['transfer-encoding'] !== undefined) headers.push('Transfer-Encoding', 'chunked')
  else if (incoming.headers['content-length'] === undefined && !SAFE.test(incoming.method ?? '')) {
    headers.push('Content-Length', '0')
  }
  return request({ agent, method: incoming.method, path: incoming.url, headers })
}

/** In plain words, with the code. */
export function told(error: unknown, app: string): string {
  if (error instanceof Refusal) return `${error.message} (${error.reason})`
  return `the connection to ${app} broke before an answer came (connection_lost)`
}

const SAFE = /^(GET|HEAD|OPTIONS|TRACE|DELETE)$/
