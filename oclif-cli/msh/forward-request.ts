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

/** Why the request gets 403; null: it does not. */
export function refusalOf(incoming: IncomingMessage): string | null {
  if (!incoming.url?.startsWith('/') && incoming.url !== '*') return 'This port is no proxy.'
  return judgeLocalRequest(incoming.rawHeaders, incoming.socket.localPort ?? 0)
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
