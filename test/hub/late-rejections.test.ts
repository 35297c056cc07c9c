// together: hubs
/** Handlers of plugins that are async functions and reject: what that costs, and what the log says. */
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { defineHubPlugin } from '@mezite/core'
import { protocols, transports } from '@mezite/core/protocol'
import t from 'tap'
import { systemClock } from '../../core/kernel/clock.ts'
import { createTestHub, memoryLog } from '../../core/testing/index.ts'
import { guardProtocol } from '../../core/traffic/listener/protocol-guard.ts'
import { proveJoin } from '../../core/wire/carrier-proof.ts'
import { connectCarrier, openHttp2, upgradeCarrier } from '../e2e/open-carrier.ts'
import { joinToken } from '../e2e/start-agent.ts'

const host = 'hub.mezite.localhost'
const PATH = '/v1/tunnel/late'
const late = async (): Promise<never> => {
  await pause(5)
  throw new Error('too late')
}
const NAMED = { takes: 'alpn', drain: async () => {} } as const

const hub = await createTestHub({
  plugins: [
    defineHubPlugin({
      name: 'rejects-late',
      api: 1,
      summary: 'Rejects after its handlers have returned',
      provides: { protocols, transports },
      setup({ provide }) {
        provide.protocols({ ...NAMED, name: 'open', alpn: 'open/1', clientAuthority: null, accept: late })
        provide.protocols({
          ...NAMED,
          name: 'closed',
          alpn: 'closed/1',
          clientAuthority: 'user-ca',
          accept: late,
          refused: late,
        })
        provide.transports({ name: 'late', path: { path: PATH, upgrade: late, connect: late } })
      },
    }),
  ],
})
t.teardown(() => hub.stop())
const at = { port: hub.ports.public, host }
const prove = proveJoin((await joinToken(hub.api, 'node-1')).token, systemClock)
const named = () =>
  hub.log.filter((line) => line.includes('rejects-late') && line.includes('too late')).length

t.test('R194 late rejections in accept and refused of a protocol end their connection only', async (t) => {
  for (const alpn of ['open/1', 'closed/1']) {
    const before = named()
    const socket = connectTls({
      port: at.port,
      host: '127.0.0.1',
      servername: host,
      rejectUnauthorized: false,
      ALPNProtocols: [alpn],
    })
    socket.on('error', () => {})
    socket.resume()
    await once(socket, 'close')
    t.equal(named(), before + 1, alpn)
  }
  await hub.ready()
})

t.test('R194 late rejections in upgrade and connect of a transport end their connection only', async (t) => {
  const authorization = (method: 'GET' | 'CONNECT') => prove({ method, host, path: PATH })
  const before = named()
  const upgraded = await upgradeCarrier(at, Buffer.alloc(0), { authorization: authorization('GET') }, PATH)
  t.equal(upgraded.status, 0)
  const session = await openHttp2(at)
  const headers = { ':path': PATH, authorization: authorization('CONNECT') }
  t.equal(await connectCarrier(session, Buffer.alloc(0), headers), 0)
  session.destroy()
  t.equal(named(), before + 2)
  await hub.ready()
})

t.test('R194 late rejections in handlers of apps’ hosts end their connection or stream only', async (t) => {
  const { log, lines } = memoryLog()
  const throwing = (): never => {
    throw new Error('at once')
  }
  const handlers = { request: late, bodyless: late, upgrade: late, stream: throwing }
  const guarded = guardProtocol(
    { name: 'apps', takes: 'app-hosts', ...handlers, drain: async () => {} },
    'rejects-late',
    log,
  )
  if (guarded.takes !== 'app-hosts') return t.fail('the kind of protocol changed')
  const closed: string[] = []
  const closable = (name: string) => ({ destroy: () => closed.push(name) }) as unknown as Duplex
  const routed = {} as never
  guarded.request(routed, { socket: closable('request') } as never, {} as never)
  guarded.bodyless?.(routed, { socket: closable('bodyless') } as never)
  guarded.upgrade(routed, {} as never, closable('upgrade'), Buffer.alloc(0))
  guarded.stream(routed, { stream: closable('stream') } as never)
  t.strictSame(closed, ['stream'])
  await pause(50)
  t.strictSame(closed.toSorted(), ['bodyless', 'request', 'stream', 'upgrade'])
  t.equal(lines.filter((line) => line.includes('rejects-late')).length, 4)
})
