import type { Server } from 'node:net'
import { MezError } from '../kernel/error.ts'

/** Next steps for errors other than a port that is in use. */
const HINTS: ReadonlyMap<string, string> = new Map([
  ['EACCES', 'A port below 1024 takes root or CAP_NET_BIND_SERVICE, as in examples/systemd/mezhub.service.'],
  ['EADDRNOTAVAIL', 'Name an address of this machine, or 0.0.0.0 for all.'],
])

/**
 * Listens on `host:port` or `[v6]:port` and resolves with the actual port; `key` is the configuration key of the address,
 * and `anyHost` the address for an empty host.
 * Rejects with `MEZ_CONFIG_INVALID` if it is not an address, and with `MEZ_PORT_UNAVAILABLE` if it cannot be used.
 */
export function listen(
  server: Server,
  listenAddr: string,
  key: string,
  anyHost = '0.0.0.0',
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
    server.listen({ host: host || anyHost, port: Number(port) }, () => {
      server.removeListener('error', failed)
      server.on('error', () => {})
      const address = server.address()
      resolve({ port: typeof address === 'object' && address ? address.port : 0 })
    })
  })
}
