import type { Server, Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

/** How long a hub that stops waits for TLS handshakes. */
const HANDSHAKES_MS = 1_000
const POLL_MS = 20

/** Stops listening; resolves when the last connection has ended, or at once if the server does not listen. */
export function closePort(server: Server): Promise<void> {
  return new Promise((resolve) => (server.listening ? server.close(() => resolve()) : resolve()))
}

/** Accepts no more connections. Resolves once no handshake is left, at the latest after a second. */
export async function stopAccepting(server: Server, noHandshakes: () => boolean): Promise<void> {
  // The kernel resets the connections that wait to be accepted when the port closes: accept them first.
  await new Promise((resolve) => setImmediate(resolve))
  void closePort(server)
  const end = performance.now() + HANDSHAKES_MS
  while (!noHandshakes() && performance.now() < end) await pause(POLL_MS)
}

/** Includes both ends, because a balancer may use one of its ports for several addresses of the hub. */
export function endsOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`
}
