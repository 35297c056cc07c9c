import { type IncomingMessage, type RequestOptions, request } from 'node:http'
import { connect } from 'node:http2'
import type { Duplex } from 'node:stream'
import type { App } from '../../api/app.ts'
import type { Pipe } from '../../api/tunnel.ts'
import { PipeDuplex } from '../../wire/pipe-duplex.ts'

/** How long an app may take to respond. */
const RESPONSE_MS = 10_000

/** Protocols that the agent offers in TLS for the request, best first. */
export function healthAlpn({ httpVersion }: App): readonly string[] {
  if (httpVersion === '1.1') return ['http/1.1']
  return httpVersion === 'auto' ? ['h2', 'http/1.1'] : ['h2']
}

/**
 * Sends the GET request of `app.health` over a new connection, as nobody: without an identity and without a header of a
 * client. Returns null for a status from 200 to 399, otherwise a sentence for operators. The caller closes the pipe.
 */
export async function requestHealth(pipe: Pipe, app: App): Promise<string | null> {
  const { path } = app.health!
  const headers = { 'user-agent': 'mezite-health', accept: '*/*' }
  const found = await sendAsHub(pipe, app, { method: 'GET', path, headers })
  if (typeof found === 'number' && found >= 200 && found < 400) return null
  return `GET ${path}: ${typeof found === 'number' ? `status ${found}` : found}`
}

/** Posts a form as nobody; resolves like `sendAsHub`. */
export const postAsHub = (pipe: Pipe, app: App, path: string, body: string): Promise<number | string> =>
  sendAsHub(pipe, app, {
    ...{ method: 'POST', path, body },
    headers: { 'user-agent': 'mezite', 'content-type': 'application/x-www-form-urlencoded', accept: '*/*' },
  })

/**
 * Sends one request of the hub itself: without a session, without an identity. Resolves to the status, or to a sentence for operators
 * if there is none within 10 s. The connection is closed then.
 */
async function sendAsHub(
  pipe: Pipe,
  app: App,
  request: {
    readonly method: 'GET' | 'POST'
    /** With the query. */
    readonly path: string
    readonly headers: Readonly<Record<string, string>>
    readonly body?: string
  },
): Promise<number | string> {
  const { method, path, body = '' } = request
  const duplex = new PipeDuplex(pipe)
  const isHttp2 = pipe.alpn === 'h2' || app.httpVersion === 'h2c'
  const host =
    app.rewriteHost === 'preserve'
      ? app.publicAddr
      : app.rewriteHost === 'upstream'
        ? new URL(app.uri).host
        : app.rewriteHost
  const length: Readonly<Record<string, string>> =
    method === 'POST' ? { 'content-length': String(Buffer.byteLength(body)) } : {}
  const headers = { ...request.headers, ...length, 'x-forwarded-proto': 'https' }
  const late = Promise.withResolvers<string>()
  const deadline = setTimeout(() => late.resolve(`no response within ${RESPONSE_MS / 1_000} s`), RESPONSE_MS)
  try {
    const status = isHttp2
      ? statusOverHttp2(
          duplex,
          app,
          { ':method': method, ':path': path, ':authority': host, ...headers },
          body,
        )
      : statusOverHttp1(duplex, { method, path, headers: { host, ...headers } }, body)
    return await Promise.race([status, late.promise])
  } finally {
    clearTimeout(deadline)
    duplex.destroy()
  }
}

const CLOSED = 'the app closed the connection without a response'

function statusOverHttp1(
  duplex: Duplex,
  options: Pick<RequestOptions, 'method' | 'path' | 'headers'>,
  body: string,
): Promise<number | string> {
  return new Promise((resolve) => {
    // Without an agent, which would open connections of its own from the hub.
    const sent = request({ ...options, createConnection: () => duplex })
    sent.on('error', () => resolve(CLOSED))
    sent.on('response', (response: IncomingMessage) => {
      response.on('error', () => {})
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    sent.end(body)
  })
}

function statusOverHttp2(
  duplex: Duplex,
  { uri }: App,
  headers: Readonly<Record<string, string>>,
  body: string,
): Promise<number | string> {
  return new Promise((resolve) => {
    const session = connect('http://app', { createConnection: () => duplex, settings: { enablePush: false } })
    session.on('error', () => resolve(CLOSED))
    session.on('close', () => resolve(CLOSED))
    const scheme = uri.startsWith('https:') ? 'https' : 'http'
    const stream = session.request({ ':scheme': scheme, ...headers }, { endStream: body === '' })
    stream.on('error', () => resolve(CLOSED))
    stream.on('response', (response) => {
      resolve(response[':status'] ?? 0)
      session.destroy()
    })
    if (body !== '') stream.end(body)
  })
}
