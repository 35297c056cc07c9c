import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import {
  ALPN_HEADER,
  DETAIL_HEADER,
  DialRefusal,
  type DialTarget,
  detailValue,
  type Log,
  messageOf,
  REASON_HEADER,
  readDialHeaders,
  relaySocket,
  StreamPipe,
  type UnreadBudget,
} from '@mezite/core/agent'

export type Dial = (target: DialTarget) => Promise<Duplex>

/** Serves one CONNECT stream: dials the application, reports the result, then relays bytes both ways. */
export async function serveStream(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  dial: Dial,
  budget: UnreadBudget,
  log: Log,
): Promise<void> {
  const target = readDialHeaders(headers)
  if (!target) return refuse(stream, 400, 'target_invalid')
  let app: Duplex
  try {
    app = await dial(target)
  } catch (error) {
    const reason = error instanceof DialRefusal ? error.reason : 'unreachable'
    log.info({ app: target.app, reason, error: messageOf(error) }, 'application not reached')
    return refuse(
      stream,
      reason === 'target_not_allowed' ? 403 : reason === 'connect_timeout' ? 504 : 502,
      reason,
      error instanceof DialRefusal ? error.message : null,
    )
  }
  // The hub may have given up in the meantime.
  if (stream.destroyed || stream.closed) return void app.destroy()
  app.on('error', () => app.destroy())
  if (app.destroyed) return refuse(stream, 502, 'unreachable')
  const { alpnProtocol } = app as Partial<TLSSocket>
  stream.respond(
    { ':status': 200, ...(alpnProtocol ? { [ALPN_HEADER]: alpnProtocol } : {}) },
    { endStream: false },
  )
  const pipe = new StreamPipe(stream, '', budget)
  relaySocket(pipe, app, (chunk) => pipe.writeOwned(chunk))
}

function refuse(
  stream: ServerHttp2Stream,
  status: number,
  reason: string,
  detail: string | null = null,
): void {
  if (stream.destroyed || stream.closed) return
  stream.respond(
    {
      ':status': status,
      [REASON_HEADER]: reason,
      ...(detail === null ? {} : { [DETAIL_HEADER]: detailValue(detail) }),
    },
    { endStream: true },
  )
}
