import { once } from 'node:events'
import type { Server as HttpServer } from 'node:http'
import type { AddressInfo, Server } from 'node:net'
import { MezError } from '../../kernel/error.ts'

/** Next steps for errors other than a port that is in use. */
const HINTS: ReadonlyMap<string, string> = new Map([
  ['EACCES', 'A port below 1024 takes root or CAP_NET_BIND_SERVICE: see examples/operations/mezhub.service.'],
  ['EADDRNOTAVAIL', 'Name an address of this machine, or 0.0.0.0 for all.'],
])

/**
 * Listens on `host:port` or `[v6]:port` and resolves with the actual port; `key` is the configuration key of the address,
 * and `anyHost` the address for an empty host.
 * Rejects with `MEZ_CONFIG_INVALID` if it is not an address, and with `MEZ_PORT_UNAVAILABLE` if it cannot be used.
 */
export async function listen(
  server: Server,
  listenAddr: string,
  key: string,
  anyHost = '0.0.0.0',
): Promise<{ port: number }> {
  const [, v6, host = v6, port] = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(listenAddr) ?? []
  if (port === undefined) {
    throw new MezError('MEZ_CONFIG_INVALID', `${key}: ${JSON.stringify(listenAddr)} is not HOST:PORT`)
  }
  try {
    server.listen({ host: host || anyHost, port: Number(port) })
    await once(server, 'listening')
  } catch (error) {
    const cause = error as NodeJS.ErrnoException
    const hint = HINTS.get(cause.code ?? '')
    const message = `${key}: cannot listen on ${listenAddr}: ${cause.message}`
    throw new MezError('MEZ_PORT_UNAVAILABLE', message, { cause, ...(hint && { hint }) })
  }
  server.on('error', () => {})
  return { port: (server.address() as AddressInfo).port }
}

/** A port of plain HTTP beside the public one. */
export interface PlainPort {
  /** `onto` listens on an inherited socket instead of the address. */
  listen(onto?: (server: HttpServer) => Promise<unknown>): Promise<{ readonly port: number }>
  close(): Promise<void>
}

/** The port of a server that takes at most so many connections; `address` is what `listen` takes. */
export function plainPort(
  server: HttpServer,
  connections: number,
  ...address: [listenAddr: string, key: string, anyHost?: string]
): PlainPort {
  server.maxConnections = connections
  server.on('clientError', (_error, socket) => socket.destroy())
  return {
    async listen(onto) {
      if (!onto) return listen(server, ...address)
      await onto(server)
      return { port: (server.address() as AddressInfo).port }
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        if (server.listening) server.close(() => resolve())
        else resolve()
      }),
  }
}
