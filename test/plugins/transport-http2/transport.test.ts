import { createServer, type Socket } from 'node:net'
import type { AgentTransport } from '@mezite/core/protocol'
import t from 'tap'
import { connectOutbound } from '../../../agent/outbound-connection.ts'
import { conformTransport } from '../../../core/testing/transport-conformance.ts'

const arrivals: ((socket: Socket) => void)[] = []
const server = createServer((socket) => arrivals.shift()?.(socket))
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
t.teardown(() => server.close())
const { port } = server.address() as { port: number }

const dial = (host: string, at: number, signal: AbortSignal) => {
  const address = { host, port: at }
  const connect = () => connectOutbound(address, signal, {})
  const http2: AgentTransport = { name: 'http2', dial: (target) => target.connect() }
  return http2.dial({ ...address, signal, connect })
}

conformTransport(t, async () => {
  const hub = new Promise<Socket>((resolve) => void arrivals.push(resolve))
  const agent = await dial('hub.mezite.localhost', port, AbortSignal.timeout(30_000))
  return { agent, hub: await hub }
})

t.test('a dial ends with its signal, and a refused one rejects', async (t) => {
  await t.rejects(dial('127.0.0.1', port, AbortSignal.abort()))
  await t.rejects(dial('127.0.0.1', 1, AbortSignal.timeout(30_000)), /ECONNREFUSED/)
})
