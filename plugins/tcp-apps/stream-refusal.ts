import { constants, type ServerHttp2Stream } from 'node:http2'
import { MESSAGE_HEADER, REASON_HEADER, type Refusal, resetStream } from '@mezite/core/protocol'

/** The response that a client gets for a stream that does not reach its app. */
export interface StreamRefusal {
  /** Status code of HTTP. */
  readonly status: number
  /** A stable reason code, for which msh has a sentence. */
  readonly reason: string
  /** The message of the lock or the policy for the person. */
  readonly message?: string
}

/** The gate's refusal as the client receives it. */
export function refusalOf({ status, code, message, link }: Refusal): StreamRefusal {
  const text = [message, link].filter((part) => part !== null).join(' ')
  return { status, reason: code, ...(text === '' ? {} : { message: text }) }
}

/** The refusal when no agent could connect: 504 when it took too long, 503 when all agents are busy, else 502. */
export function dialFailure(error: unknown): StreamRefusal & { readonly agent: string | null } {
  const { code, reason, agent } = (error ?? {}) as { code?: unknown; reason?: unknown; agent?: unknown }
  const known = typeof reason === 'string' && /^[a-z0-9_]{1,64}$/.test(reason) ? reason : 'app_unreachable'
  const status = code === 'MEZ_DIAL_TIMEOUT' ? 504 : known === 'agent_limit' ? 503 : 502
  return { status, reason: known, agent: typeof agent === 'string' ? agent : null }
}

/** Responds with the refusal and closes the stream without waiting for the rest that the client sends. */
export function refuseStream(stream: ServerHttp2Stream, { status, reason, message }: StreamRefusal): void {
  if (stream.destroyed || stream.closed) return
  // Without a reader the end of the client's side is never seen.
  stream.resume()
  stream.once('finish', () => {
    if (!stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR)
  })
  try {
    const more = message === undefined ? {} : { [MESSAGE_HEADER]: encodeURIComponent(message.toWellFormed()) }
    stream.respond({ ':status': status, [REASON_HEADER]: reason, ...more }, { endStream: true })
  } catch {
    // The client has disconnected since the check.
    resetStream(stream)
  }
}
