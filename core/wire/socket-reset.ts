import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

const carriers = new WeakMap<Duplex, Socket>()
/** An end whose way is free takes one pass of the event loop; of TLS, it may have to wait for a peer that does not read. */
const END_MS = 1_000

/** Says what TCP connection carries a TLS connection, so that `resetSocket` can reset it. */
export function carriedBy(secured: Duplex, carrier: Socket): void {
  carriers.set(secured, carrier)
}

/**
 * Ends a connection so that the other side cannot take what it got for all: with RST when it stands on TCP. Others,
 * such as Unix sockets, have no reset and are closed. Takes effect at once, or, when our end is on its way just now,
 * right after it.
 */
export function resetSocket(socket: Duplex): void {
  // libuv refuses to reset a socket during shutdown(2), and Node.js then never closes it: its descriptor is lost.
  if (!isShuttingDown(socket)) return void resetNow(socket)
  const stop = (): void => {
    clearTimeout(deadline)
    socket.removeListener('finish', ended)
    socket.removeListener('close', stop)
  }
  const ended = (): void => {
    stop()
    resetNow(socket)
  }
  const deadline = setTimeout(() => socket.destroy(), END_MS)
  socket.once('finish', ended)
  socket.once('close', stop)
}

/** Node.js shuts down when all that was written has left, and tells it by `finish`. */
function isShuttingDown(socket: Duplex): boolean {
  return socket.writableEnded && !socket.writableFinished && socket.writableLength === 0 && !socket.destroyed
}

function resetNow(socket: Duplex): void {
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
