import type { AddressInfo, Server } from 'node:net'
import { CliError } from '@mezite/cli-shared'

/** The only address that msh listens on. */
export const LOOPBACK = '127.0.0.1'

/** Listens on a port of 127.0.0.1 (0: a free one) and gives its number. Throws `MEZ_PORT_TAKEN`. */
export function listenLoopback(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const failed = (cause: NodeJS.ErrnoException): void => {
      const why =
        cause.code === 'EADDRINUSE'
          ? 'another program listens there'
          : cause.code === 'EACCES'
            ? 'this user may not listen there'
            : cause.message
      reject(new CliError('MEZ_PORT_TAKEN', `cannot listen on ${LOOPBACK}:${port}: ${why}`, { cause }))
    }
    server.once('error', failed)
    server.listen(port, LOOPBACK, () => {
      server.removeListener('error', failed)
      server.on('error', () => {})
      resolve((server.address() as AddressInfo).port)
    })
  })
}
