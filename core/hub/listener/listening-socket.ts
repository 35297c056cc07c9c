import type { Server, Socket } from 'node:net'
import { MezError } from '../../kernel/error.ts'

/** Where no other program is in the way. */
const HINTS: ReadonlyMap<string, string> = new Map([
  ['EACCES', 'A port below 1024 takes root or CAP_NET_BIND_SERVICE, as in examples/systemd/mezhub.service.'],
  ['EADDRNOTAVAIL', 'Name an address of this machine, or 0.0.0.0 for all.'],
])

/**
 * Listens on `host:port` or `[v6]:port` and resolves with the port taken. Rejects with `MEZ_CONFIG_INVALID` when the
 * address is none, `MEZ_PORT_UNAVAILABLE` when it cannot be had.
 */
export function listen(server: Server, listenAddr: string): Promise<{ port: number }> {
  const [, v6, host = v6, port] = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(listenAddr) ?? []
  if (port === undefined) {
    throw new MezError(
      'MEZ_CONFIG_INVALID',
      `proxy.listen_addr: ${JSON.stringify(listenAddr)} is no host:port`,
    )
  }
  return new Promise((resolve, reject) => {
    const failed = (cause: NodeJS.ErrnoException): void => {
      const hint = HINTS.get(cause.code ?? '')
      const message = `cannot listen on ${listenAddr}: ${cause.message}`
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

/** A balancer may use one port of its own for several addresses of the hub. */
export function endsOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`
}
