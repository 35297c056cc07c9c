import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'

/** An application on a free port of 127.0.0.1, which ends with the test. Resolves to the port. */
export async function startHttpApp(
  t: { teardown(close: () => unknown): void },
  listener: RequestListener,
): Promise<number> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close().closeAllConnections())
  return (server.address() as AddressInfo).port
}
