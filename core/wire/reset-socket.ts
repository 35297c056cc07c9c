import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

const carriers = new WeakMap<Duplex, Socket>()

/** Says what TCP connection carries a TLS connection, so that `resetSocket` can reset it. */
export function carriedBy(secured: Duplex, carrier: Socket): void {
  carriers.set(secured, carrier)
}

/**
 * Ends a connection so that the other side cannot take what it got for all: with RST when it stands on TCP. Others,
 * such as Unix sockets, have no reset and are closed.
 */
export function resetSocket(socket: Duplex): void {
  const carrier = carriers.get(socket) ?? socket
  if (carrier instanceof Socket && !carrier.destroyed && !('encrypted' in carrier)) {
    try {
      carrier.resetAndDestroy()
    } catch {
      // Node.js throws for what is no TCP socket.
    }
  }
  socket.destroy()
}
