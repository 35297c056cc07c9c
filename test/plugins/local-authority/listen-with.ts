import type { AddressInfo } from 'node:net'
import { createServer } from 'node:tls'

/** A TLS server on a free port of 127.0.0.1, which closes each connection; resolves to its port. */
export async function listenWith(
  t: { teardown(end: () => unknown): void },
  { cert, key }: { readonly cert: string; readonly key: string },
): Promise<number> {
  const server = createServer({ cert, key }, (socket) => {
    socket.on('error', () => {})
    socket.end()
  })
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}
