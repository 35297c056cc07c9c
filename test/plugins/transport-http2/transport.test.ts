import { createServer, type Socket } from 'node:net'
import t from 'tap'
import { conformTransport } from '../../../core/testing/transport-conformance.ts'
import { dialTcp } from '../../../plugins/transport-http2/tcp-dialer.ts'

const arrivals: ((socket: Socket) => void)[] = []
const server = createServer((socket) => arrivals.shift()?.(socket))
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
t.teardown(() => server.close())
const { port } = server.address() as { port: number }

conformTransport(t, async () => {
  const hub = new Promise<Socket>((resolve) => void arrivals.push(resolve))
  const agent = await dialTcp({ host: 'hub.mezite.localhost', port, signal: AbortSignal.timeout(30_000) })
  return { agent, hub: await hub }
})

t.test('a dial ends with its signal, and a refused one rejects', async (t) => {
  await t.rejects(dialTcp({ host: '127.0.0.1', port, signal: AbortSignal.abort() }))
  await t.rejects(
    dialTcp({ host: '127.0.0.1', port: 1, signal: AbortSignal.timeout(30_000) }),
    /ECONNREFUSED/,
  )
})
