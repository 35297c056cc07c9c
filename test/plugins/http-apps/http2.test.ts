import { once } from 'node:events'
import type { ClientHttp2Session, ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2'
import t from 'tap'
import { OK, openByteApp } from './byte-app.ts'
import { appAt, COOKIE, openGateway } from './gateway.ts'

t.setTimeout(60_000)

export interface Answered {
  readonly status: number
  readonly headers: Record<string, string | string[]>
  readonly trailers: Record<string, string | string[]> | null
  readonly body: string
  readonly code: number
}

function request(session: ClientHttp2Session, headers: OutgoingHttpHeaders = {}, end = true): ClientHttp2Stream {
  const stream = session.request(
    { ':authority': 'a.apps.test', ':path': '/', cookie: COOKIE, ...headers },
    { endStream: end },
  )
  stream.on('error', () => {})
  return stream
}

/** Resolves at the end of the stream, however it ends. */
async function answer(stream: ClientHttp2Stream): Promise<Answered> {
  let headers: Record<string, string | string[]> = {}
  let trailers: Record<string, string | string[]> | null = null
  const chunks: Buffer[] = []
  stream.on('response', (fields) => {
    headers = fields as never
  })
  stream.on('trailers', (fields) => {
    trailers = fields as never
  })
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  if (!stream.closed || !stream.destroyed) await once(stream, 'close').catch(() => {})
  const body = Buffer.concat(chunks).toString('latin1')
  return { status: Number(headers[':status'] ?? 0), headers, trailers, body, code: stream.rstCode ?? 0 }
}

t.test('a request over HTTP/2 reaches the app as one of HTTP/1.1', async (t) => {
  const app = await openByteApp(() => OK)
  const gateway = await openGateway(appAt(app.port))
  t.teardown(() => {
    app.close()
    return gateway.close()
  })
  const session = await gateway.session()
  const got = await answer(request(session, { ':path': '/x?y=1', accept: 'a/b' }))
  t.match(got, { status: 200, body: 'ok', code: 0 })
  t.match(app.requests[0], /^GET \/x\?y=1 HTTP\/1\.1\r\nHost: /)
  const [record] = await gateway.recorded(1)
  t.match(record, { success: true, user: 'ann', fields: { status: 200, method: 'GET', path: '/x', bytes_out: 2 } })
})
