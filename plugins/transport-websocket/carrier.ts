import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { createWebSocketStream, type WebSocket, WebSocketServer } from 'ws'

/** A message is held in memory until it is complete, even before the sender is authenticated. */
const MESSAGE_BYTES = 64 * 1024

/** The same at both ends. The bytes are already encrypted, so compression would only cost time. */
export const webSocketOptions = { perMessageDeflate: false, maxPayload: MESSAGE_BYTES } as const

/** The bytes of an open WebSocket, which has no half-close, in binary messages of at most `MESSAGE_BYTES`. */
export function carrierOf(socket: WebSocket): Duplex {
  const carrier = createWebSocketStream(socket, { allowHalfOpen: false })
  const write = carrier._write.bind(carrier)
  carrier._write = (chunk: Buffer, encoding, done) => {
    let at = 0
    for (; chunk.length - at > MESSAGE_BYTES; at += MESSAGE_BYTES)
      socket.send(chunk.subarray(at, at + MESSAGE_BYTES))
    write(chunk.subarray(at), encoding, done)
  }
  carrier.on('error', () => carrier.destroy())
  return carrier
}

/** Accepts the WebSockets of upgrades. */
export function createCarrierServer() {
  const server = new WebSocketServer({ noServer: true, ...webSocketOptions })
  return (request: IncomingMessage, socket: Duplex, head: Buffer, deliver: (carrier: Duplex) => void): void =>
    server.handleUpgrade(request, socket, head, (made) => deliver(carrierOf(made)))
}
