import type { ClientHttp2Session, ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2'
import { type Fields, RawHttp2 } from '../../traffic/http/raw-http2.ts'
import { COOKIE, type Gateway } from './gateway.ts'

export interface Answered {
  readonly status: number
  readonly headers: Record<string, string | string[]>
  readonly trailers: Record<string, string | string[]> | null
  readonly body: string
  readonly code: number
}

/** A request of Ann's for the app `a`; `body`: one follows. */
export function send(
  session: ClientHttp2Session,
  more: OutgoingHttpHeaders = {},
  body = false,
): ClientHttp2Stream {
  const fields = { ':authority': 'a.apps.test', ':path': '/', cookie: COOKIE, ...more }
  const stream = session.request(fields, { endStream: !body })
  stream.on('error', () => {})
  return stream
}

/** Resolves when the stream is over, however it ended. */
export function answer(stream: ClientHttp2Stream): Promise<Answered> {
  const got = { status: 0, headers: {}, trailers: null as Answered['trailers'], body: '', code: 0 }
  stream.on('response', (fields) => {
    got.status = Number(fields[':status'])
    got.headers = fields
  })
  stream.on('trailers', (fields) => {
    got.trailers = fields as never
  })
  stream.on('data', (chunk: Buffer) => {
    got.body += chunk.toString('latin1')
  })
  return new Promise((resolve) => {
    stream.on('close', () => resolve({ ...got, code: stream.rstCode ?? 0 }))
  })
}

/** The fields of such a request, for a client that writes its own frames. */
export const fields = (method: string, path = '/', ...more: [string, string][]): Fields => [
  [':method', method],
  [':scheme', 'https'],
  [':authority', 'a.apps.test'],
  [':path', path],
  ['cookie', COOKIE],
  ...more,
]

/** That client, connected. */
export async function rawClient(gateway: Gateway, settings?: Buffer): Promise<RawHttp2> {
  const client = new RawHttp2(await gateway.dial('a.apps.test', 'h2'), settings)
  await client.ping()
  return client
}
