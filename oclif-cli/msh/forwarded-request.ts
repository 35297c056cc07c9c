import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { readFraming } from '@mezite/core/protocol'
import type { AppAgent } from './app-agent.ts'
import { type OriginNames, towardsApp } from './header-mapping.ts'
import type { HubLine } from './hub-connection.ts'
import { judgeLocalRequest } from './local-request-check.ts'
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
  readonly status: 400 | 403 | 417 | 501
  readonly text: string
}

/** What the request gets instead of the app's answer; null: it is sent on. */
export function refusalOf(incoming: IncomingMessage): LocalRefusal | null {
  if (!incoming.url?.startsWith('/') && incoming.url !== '*')
    return { status: 403, text: 'This port is no proxy.' }
  const foreign = judgeLocalRequest(incoming.rawHeaders, incoming.socket.localPort ?? 0)
  if (foreign !== null) return { status: 403, text: foreign }
  // As on the public port. What else Node.js lets pass would reach the app with its coding forgotten.
  const framing = readFraming({
    http10: incoming.httpVersion === '1.0',
    length: incoming.headers['content-length'],
    encoding: incoming.headers['transfer-encoding'],
    expect: incoming.headers.expect,
  })
  return 'status' in framing ? { status: framing.status, text: framing.detail } : null
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

/** Of the answer that says so: an error in any case, whatever the hub says. */
export function statusOf(error: unknown): number {
  return error instanceof Refusal && error.status >= 400 ? error.status : 502
}

/** In plain words, with the code. */
export function told(error: unknown, app: string): string {
  if (error instanceof Refusal) return `${error.message} (${error.reason})`
  return `the connection to ${app} broke before an answer came (connection_lost)`
}

const SAFE = /^(GET|HEAD|OPTIONS|TRACE|DELETE)$/
