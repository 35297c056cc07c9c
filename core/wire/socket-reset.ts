import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

const carriers = new WeakMap<Duplex, Socket>()
/** Deadline for our end to be sent: usually one pass of the event loop, but TLS may wait for a peer that does not read. */
const END_MS = 1_000

/** Registers the TCP connection under a TLS connection, so that `resetSocket` can reset it. */
export function carriedBy(secured: Duplex, carrier: Socket): void {
  carriers.set(secured, carrier)
}

/**
 * Closes a connection so that the other side cannot mistake partial data for complete data: with RST if it runs over TCP.
 * Others, such as Unix sockets, cannot be reset and are closed. Takes effect at once, or right after our end if that is
 * just being sent.
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

/** Node.js calls shutdown(2) once everything written was sent, and emits `finish` afterwards. */
function isShuttingDown(socket: Duplex): boolean {
  return socket.writableEnded && !socket.writableFinished && socket.writableLength === 0 && !socket.destroyed
}

function resetNow(socket: Duplex): void {
  const carrier = carriers.get(socket) ?? socket
  if (carrier instanceof Socket && !carrier.destroyed && !('encrypted' in carrier)) {
    try {
      carrier.resetAndDestroy()
    } catch {
      // Node.js throws when it is not a TCP socket.
    }
  }
  socket.destroy()
}
