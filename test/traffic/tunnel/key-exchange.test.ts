// together: tunnels
/** Clients of TLS 1.3 and the hub agree on keys that a recording does not give away to a quantum computer. */
import { once } from 'node:events'
import { connect } from 'node:tls'
import t from 'tap'
import { createTestAgent, createTestHub } from '../../../core/testing/index.ts'

const hub = await createTestHub()
t.teardown(() => hub.stop())

const groupOf = async (options: object): Promise<unknown> => {
  const { hostname: servername } = new URL(hub.url)
  const socket = connect({ port: hub.ports.public, host: '127.0.0.1', ca: hub.ca, servername, ...options })
  await once(socket, 'secureConnect')
  const { name } = socket.getEphemeralKeyInfo() as { name?: string }
  socket.destroy()
  return name
}

t.test('a client that offers X25519MLKEM768 gets it, and another one is served', async (t) => {
  t.equal(await groupOf({ ALPNProtocols: ['h2', 'http/1.1'] }), 'X25519MLKEM768')
  t.equal(await groupOf({ ecdhCurve: 'X25519' }), 'X25519')
})

t.test('the list of agents shows the key exchange of each tunnel', async (t) => {
  for (const transport of ['http2', 'websocket']) {
    const agent = await createTestAgent(hub, { hostname: transport, transports: [transport] })
    const agents = await hub.api<Record<string, unknown>[]>('GET', '/agents')
    t.match(
      agents.find(({ hostname }) => hostname === transport),
      { connected: true, key_exchange: 'X25519MLKEM768' },
      transport,
    )
    await agent.stop()
  }
  const agents = await hub.api<Record<string, unknown>[]>('GET', '/agents')
  t.match(agents[0], { connected: false, key_exchange: null })
})
