import { constants, performServerHandshake, type ServerHttp2Stream } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import { releaseListeners } from '../../wire/listener-release.ts'
import { JoinRefusal } from './enrolment.ts'

const BODY_BYTES = 32 * 1024
const DEADLINE_MS = 15_000

export type JoinBody = Readonly<Record<string, unknown>>

/**
 * Serves one POST with a small JSON body over HTTP/2, by path, then closes; any other request on the connection is
 * refused. Handlers throw `JoinRefusal` for errors that the client may see; any other error becomes 500 without details.
 */
export function serveJoin(
  socket: TLSSocket,
  handlers: Readonly<Record<string, (body: JoinBody) => Promise<object>>>,
): void {
  const session = performServerHandshake(socket, {
    settings: { maxConcurrentStreams: 1, maxHeaderListSize: 8_192, initialWindowSize: 65_535 },
  })
  const deadline = setTimeout(() => socket.destroy(), DEADLINE_MS)
  session.on('error', () => socket.destroy())
  releaseListeners(session)
  socket.once('close', () => {
    clearTimeout(deadline)
    session.destroy()
  })
  let taken = false
  // Not `once`: an error on a stream without a listener would crash the hub.
  session.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    if (taken) return stream.close(constants.NGHTTP2_REFUSED_STREAM)
    taken = true
    const path = headers[':path'] ?? ''
    const handler = Object.hasOwn(handlers, path) ? handlers[path] : undefined
    if (headers[':method'] !== 'POST' || !handler) {
      respond(stream, 404, { code: 'not_found' })
      session.close()
      return
    }
    read(stream)
      .then(handler)
      .then((body) => respond(stream, 200, body))
      .catch((error: unknown) => {
        if (error instanceof JoinRefusal) {
          return respond(stream, error.status, { code: error.code, detail: error.message })
        }
        respond(stream, 500, { code: 'internal_error' })
      })
      .finally(() => session.close())
      .catch(() => socket.destroy())
  })
}

function respond(stream: ServerHttp2Stream, status: number, body: object): void {
  if (stream.destroyed || stream.closed) return
  stream.respond({ ':status': status, 'content-type': 'application/json' })
  stream.end(Buffer.from(JSON.stringify(body)))
}

function read(stream: ServerHttp2Stream): Promise<JoinBody> {
  const invalid = (): JoinRefusal =>
    new JoinRefusal(400, 'join_invalid', 'The body must be a small JSON object.')
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    stream.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > BODY_BYTES) {
        reject(invalid())
        stream.removeAllListeners('data')
        stream.rstCode || stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM)
      } else chunks.push(chunk)
    })
    stream.once('aborted', () => reject(invalid()))
    stream.once('end', () => {
      try {
        const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'))
        if (typeof body !== 'object' || body === null || Array.isArray(body)) throw invalid()
        resolve(body as JoinBody)
      } catch {
        reject(invalid())
      }
    })
  })
}
