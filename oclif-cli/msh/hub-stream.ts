import { type ClientHttp2Session, type ClientHttp2Stream, constants } from 'node:http2'
import {
  APP_PROTOCOL_HEADER,
  MESSAGE_HEADER,
  PUBLIC_HOST_HEADER,
  REASON_HEADER,
  resetStream,
  StreamPipe,
} from '@mezite/core/protocol'
import { lockMessageOf, Refusal, reasonOf } from './refusal.ts'

/** Longer than the deadlines of the hub and its agents. */
const RESPONSE_MS = 60_000

export type AppProtocol = 'tcp' | 'http'

/** One connection to an app. */
export interface AppStream {
  readonly pipe: StreamPipe
  /** The public host of an HTTP app; null if the hub does not name it. */
  readonly publicHost: string | null
}

/** The connection to the hub ended before the response. No byte was sent to the app, so the caller may retry. */
export class StreamLost extends Error {
  override readonly name = 'StreamLost'
}

/** Opens one connection to an app. Throws `Refusal` or `StreamLost`. */
export function openStream(
  session: ClientHttp2Session,
  target: { readonly app: string; readonly protocol: AppProtocol; readonly signal?: AbortSignal | undefined },
): Promise<AppStream> {
  const { app, protocol, signal } = target
  return new Promise((resolve, reject) => {
    let stream: ClientHttp2Stream
    try {
      stream = session.request(
        {
          ':method': 'CONNECT',
          ':authority': app,
          ...(protocol === 'http' ? { [APP_PROTOCOL_HEADER]: 'http' } : {}),
        },
        { endStream: false },
      )
    } catch {
      return reject(new StreamLost('the connection takes no more streams'))
    }
    const settle = (run: () => void): void => {
      clearTimeout(deadline)
      stream.removeListener('close', onClose)
      signal?.removeEventListener('abort', abort)
      run()
    }
    const refuse = (error: Error): void =>
      settle(() => {
        resetStream(stream)
        reject(error)
      })
    const abort = (): void => refuse(new StreamLost('aborted'))
    const onClose = (): void =>
      settle(() => {
        const lost =
          session.destroyed || session.closed || stream.rstCode === constants.NGHTTP2_REFUSED_STREAM
        reject(
          lost ? new StreamLost('the connection to the hub ended') : new Refusal(app, 502, 'app_unreachable'),
        )
      })
    const deadline = setTimeout(() => refuse(new Refusal(app, 504, 'connect_timeout')), RESPONSE_MS)
    // Stays for the life of the stream; the `close` handler does the work.
    stream.on('error', () => {})
    stream.once('close', onClose)
    signal?.addEventListener('abort', abort, { once: true })
    if (signal?.aborted) return abort()
    stream.once('response', (headers) => {
      const status = headers[':status'] ?? 0
      if (status !== 200) {
        const message = lockMessageOf(headers[MESSAGE_HEADER])
        return refuse(new Refusal(app, status, reasonOf(headers[REASON_HEADER]), message))
      }
      const host = headers[PUBLIC_HOST_HEADER]
      const publicHost = typeof host === 'string' && /^[a-z0-9.-]{1,253}(:\d{1,5})?$/.test(host) ? host : null
      settle(() => resolve({ pipe: new StreamPipe(stream, ''), publicHost }))
    })
  })
}
