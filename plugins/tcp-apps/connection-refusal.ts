import type { TLSSocket } from 'node:tls'
import { limits } from './limits.ts'

const SETTINGS = 4
const GOAWAY = 7

/**
 * Closes a connection whose certificate does not count, with the reason in a GOAWAY frame (RFC 9113, 6.8) after the
 * empty SETTINGS frame that a server must begin with. No HTTP/2 session is made for a stranger, and nothing is read.
 */
export function closeRefused(socket: TLSSocket, reason: string): void {
  const text = Buffer.from(reason)
  const end = setTimeout(() => socket.destroy(), limits.closeMs)
  socket.once('close', () => clearTimeout(end))
  // Last stream 0 and NO_ERROR: nothing was taken.
  const goaway = Buffer.concat([Buffer.alloc(8), text])
  socket.end(Buffer.concat([frame(SETTINGS, Buffer.alloc(0)), frame(GOAWAY, goaway)]))
  // What the client has sent is let go, or closing would reset the connection before it has read why.
  socket.resume()
}

/** A frame of stream 0 without flags (RFC 9113, 4.1). */
function frame(type: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head.writeUInt8(type, 3)
  return Buffer.concat([head, payload])
}
