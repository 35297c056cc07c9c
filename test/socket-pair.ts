import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/**
 * The two ends of a connection of this machine, for node:http2, which would throw an ERR_INTERNAL_ASSERTION over a `duplexPair`
 * whose other end is destroyed. The caller destroys both.
 */
export async function socketPair(): Promise<[Socket, Socket]> {
  const server = createServer({ noDelay: true })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const near = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', noDelay: true })
  const [[far]] = (await Promise.all([once(server, 'connection'), once(near, 'connect')])) as [
    [Socket],
    unknown,
  ]
  server.close()
  for (const socket of [near, far]) socket.on('error', () => {})
  return [near, far]
}
