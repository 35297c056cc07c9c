import type { Server, Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { MezError } from '../../kernel/error.ts'

/** Next steps for errors other than a port that is in use. */
const HINTS: ReadonlyMap<string, string> = new Map([
  ['EACCES', 'A port below 1024 takes root or CAP_NET_BIND_SERVICE, as in examples/systemd/mezhub.service.'],
  ['EADDRNOTAVAIL', 'Name an address of this machine, or 0.0.0.0 for all.'],
])

/**
 * Listens on `host:port` or `[v6]:port` and resolves with the actual port; `key` is the configuration key of the address.
 * Rejects with `MEZ_CONFIG_INVALID` if it is not an address, and with `MEZ_PORT_UNAVAILABLE` if it cannot be used.
 */
export function listen(
  server: Server,
  listenAddr: string,
  key = 'proxy.listen_addr',
): Promise<{ port: number }> {
  const [, v6, host = v6, port] = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(listenAddr) ?? []
  if (port === undefined) {
    throw new MezError('MEZ_CONFIG_INVALID', `${key}: ${JSON.stringify(listenAddr)} is not HOST:PORT`)
  }
  return new Promise((resolve, reject) => {
    const failed = (cause: NodeJS.ErrnoException): void => {
      const hint = HINTS.get(cause.code ?? '')
      const message = `${key}: cannot listen on ${listenAddr}: ${cause.message}`
      reject(new MezError('MEZ_PORT_UNAVAILABLE', message, { cause, ...(hint && { hint }) }))
    }
    server.once('error', failed)
    server.listen({ host: host || '0.0.0.0', port: Number(port) }, () => {
      server.removeListener('error', failed)
      const address = server.address()
      resolve({ port: typeof address === 'object' && address ? address.port : 0 })
    })
  })
}

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
