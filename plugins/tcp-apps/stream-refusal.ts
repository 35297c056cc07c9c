import { constants, type ServerHttp2Stream } from 'node:http2'
import { MESSAGE_HEADER, REASON_HEADER, resetStream } from '@mezite/core/protocol'
import type { Refused } from './admission.ts'

/** Answers no, with the reason, and is done with the stream: what the client still sends is not waited for. */
export function refuseStream(stream: ServerHttp2Stream, { status, reason, message }: Refused): void {
  if (stream.destroyed || stream.closed) return
  // Without a reader the end of the client's side is never seen.
  stream.resume()
  stream.once('finish', () => {
    if (!stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR)
  })
  try {
    const said = message === undefined ? {} : { [MESSAGE_HEADER]: encodeURIComponent(message.toWellFormed()) }
    stream.respond({ ':status': status, [REASON_HEADER]: reason, ...said }, { endStream: true })
  } catch {
    // The client went between the check and here.
    resetStream(stream)
  }
}
