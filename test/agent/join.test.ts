// together: tunnels
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import fs, { readdirSync, readFileSync, statSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { connect } from 'node:net'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import t from 'tap'
import { createAgentIdentity } from '../../agent/agent-identity.ts'
import { makeKeyRequest } from '../../agent/certificate-request.ts'
import { createIdentityStore } from '../../agent/identity-store.ts'
import { connectPinned, joinCluster, renewExpired } from '../../agent/join.ts'
import { connectOutbound } from '../../agent/outbound-connection.ts'
import { createTransportChoice } from '../../agent/transport-choice.ts'
import { systemClock } from '../../core/kernel/clock.ts'
import type { HubTarget } from '../../core/protocol.ts'
import { createTestHub, memoryLog } from '../../core/testing/index.ts'
import { anyTables } from '../any-tables.ts'
import { startStopwatch } from '../stopwatch.ts'
import { leaveAtOnce, sessionCounter } from '../traffic/http/leave-at-once.ts'
import { startTunnelHub } from '../traffic/tunnel/start-tunnel-hub.ts'
import { until } from '../until.ts'

const host = '127.0.0.1'
const carrier = (port: number) => {
  const socket = connect(port, host)
  socket.on('error', () => {})
  return socket
}

t.test('J126 of 50 that join with one token at once, exactly one gets in', async (t) => {
  const hub = await startTunnelHub()
  t.teardown(() => hub.close())
  const token = await hub.token()
  const caPin = hub.authorities.pin()
  const results = await Promise.allSettled(
    Array.from({ length: 50 }, async () =>
      joinCluster({
        connect: () => connectPinned({ carrier: carrier(hub.port), host, caPin }),
        token,
        hostname: 'node-1',
        request: await makeKeyRequest('node-1'),
      }),
    ),
  )
  t.equal(results.filter((result) => result.status === 'fulfilled').length, 1)
  for (const result of results)
    if (result.status === 'rejected') t.match(result.reason, { code: 'MEZ_TOKEN_REFUSED' })
  t.equal(hub.events.filter((event) => event.type === 'agent.joined').length, 1)
  t.equal(hub.events.filter((event) => event.reason === 'token_refused').length, 49)
})

t.test('J126 an agent that missed the response joins again with the same token and key', async (t) => {
  const hub = await startTunnelHub()
  t.teardown(() => hub.close())
  const caPin = hub.authorities.pin()
  const [first, other] = [await makeKeyRequest('node-1'), await makeKeyRequest('node-1')]
  const join = (token: string, request = first, hostname = 'node-1') =>
    joinCluster({
      connect: () => connectPinned({ carrier: carrier(hub.port), host, caPin }),
      token,
      hostname,
      request,
    })
  const refused = { code: 'MEZ_TOKEN_REFUSED' }
  for (const token of [await hub.token('node-1'), await hub.token(null)]) {
    await anyTables(hub.db).deleteFrom('agents').execute()
    const lost = await join(token)
    await t.rejects(join(token, other), refused, 'another key')
    await t.rejects(join(token, await makeKeyRequest('node-2'), 'node-2'), refused, 'another host name')
    const again = await join(token)
    t.not(again.certificate, lost.certificate)
    t.same(await anyTables(hub.db).selectFrom('agents').select('generation').execute(), [{ generation: 2 }])
    const [row] = await anyTables(hub.db).selectFrom('agents').select('cert_serial').execute()
    t.equal(new X509Certificate(again.certificate).serialNumber.toLowerCase(), row?.cert_serial)
  }
  const token = await hub.token('node-1')
  const joined = await join(token)
  await join(await hub.token('node-1'), other)
  await t.rejects(join(token), refused, 'the agent has joined with another token since')
  await anyTables(hub.db).deleteFrom('agents').execute()
  await t.rejects(join(token), refused, 'the agent was removed')
  t.ok(joined.certificate)

  const brief = await hub.token('node-1')
  await join(brief)
  await anyTables(hub.db)
    .updateTable('join_tokens')
    .set({ expires: new Date(Date.now() - 1) })
    .execute()
  await t.rejects(join(brief), refused, 'the token has expired')
})

t.test('J126 a restarted agent uses the key that it has begun to join with', async (t) => {
  const hub = await startTunnelHub()
  t.teardown(() => hub.close())
  const dataDir = t.testdir()
  const [token, caPin] = [await hub.token('node-1'), hub.authorities.pin()]
  const request = await createIdentityStore(dataDir).joinRequest('node-1')
  t.equal(statSync(join(dataDir, 'join-request.json')).mode & 0o777, 0o600)
  const connect = () => connectPinned({ carrier: carrier(hub.port), host, caPin })
  await joinCluster({ connect, token, hostname: 'node-1', request })
  await hub.agent({ token, dataDir }).start()
  await hub.until(() => hub.tunnel.links().length === 1, 'it is connected')
  t.notOk(readdirSync(dataDir).includes('join-request.json'), 'the next join has a new key')
})

t.test('H108 a joiner that breaks HTTP/2 and leaves at once leaves nothing behind in memory', async (t) => {
  const hub = await startTunnelHub()
  t.teardown(() => hub.close())
  const count = await sessionCounter()
  const before = count()
  const there = { port: hub.port, host, rejectUnauthorized: false, ALPNProtocols: ['mezite-join/1'] }
  for (let n = 0; n < 100; n++) await leaveAtOnce(there)
  // This test's own hold on them.
  hub.sockets.length = 0
  await until(() => count() <= before + 1, 'of 100 sessions none is left')
  t.pass('collected')
})

t.test('J127 the hub refuses expired and guessed tokens, and audits them', async (t) => {
  const hub = await startTunnelHub()
  t.teardown(() => hub.close())
  const expired = await hub.token('node-1', -1)
  for (const token of [expired, 'guessed', '']) {
    await t.rejects(hub.agent({ token: token || 'x' }).start(), { code: 'MEZ_TOKEN_REFUSED' })
  }
  t.equal(hub.events.filter((event) => event.type === 'agent.rejected').length, 3)
  const rows = await anyTables(hub.db).selectFrom('join_tokens').selectAll().execute()
  t.notOk(JSON.stringify(rows).includes(expired), 'only a hash is stored')
})

t.test('J128 a token admits the host name that it was made for, or one that is free', async (t) => {
  const hub = await startTunnelHub()
  t.teardown(() => hub.close())
  await t.rejects(hub.agent({ token: await hub.token('node-2') }).start(), { code: 'MEZ_TOKEN_REFUSED' })
  await hub.agent({ token: await hub.token(null) }).start()
  await t.rejects(hub.agent({ token: await hub.token(null) }).start(), /taken or has apps/)
})

t.test('J128 a token for a free name does not admit a name that an app binds, even expired', async (t) => {
  const hub = await createTestHub()
  t.teardown(() => hub.stop())
  const names = { brief: new Date(Date.now() - 1_000).toISOString(), lasting: undefined }
  for (const [name, expires] of Object.entries(names))
    await hub.api('PUT', `/apps/${name}`, {
      kind: 'app',
      version: 'v1',
      metadata: { name, ...(expires === undefined ? {} : { expires }) },
      spec: { uri: 'http://127.0.0.1:9', agents: [`host-of-${name}`] },
    })
  type Made = { token: string; ca_pin: string }
  const { token, ca_pin: caPin } = await hub.api<Made>('POST', '/tokens', { roles: ['app'] })
  const address = { host: 'hub.mezite.localhost', port: hub.ports.public }
  const joinAs = async (hostname: string) =>
    joinCluster({
      connect: async () => {
        const carrier = await connectOutbound(address, AbortSignal.timeout(30_000), {})
        return connectPinned({ carrier, host: address.host, caPin })
      },
      token,
      hostname,
      request: await makeKeyRequest(hostname),
    })
  for (const name of ['lasting', 'brief'])
    await t.rejects(joinAs(`host-of-${name}`), /taken or has apps/, name)
  t.ok(await joinAs('free'))
})

t.test('J133 a wrong pin stops the agent before it has sent anything', async (t) => {
  const hub = await startTunnelHub()
  t.teardown(() => hub.close())
  const token = await hub.token()
  const caPin = `sha256:${'0'.repeat(64)}`
  await t.rejects(hub.agent({ token, caPin }).start(), { code: 'MEZ_PIN_MISMATCH' })
  t.notOk(hub.events.some((event) => event.type === 'agent.rejected'))
  await hub.agent({ token }).start()
})

t.test('the identity is stored for the owner only, and later starts need no token', async (t) => {
  const hub = await startTunnelHub()
  t.teardown(() => hub.close())
  const dataDir = join(t.testdir({}), 'agent')
  const first = hub.agent({ token: await hub.token(), dataDir })
  await first.start()
  await first.stop(500)
  t.equal(statSync(dataDir).mode & 0o777, 0o700)
  for (const file of readdirSync(dataDir)) t.equal(statSync(join(dataDir, file)).mode & 0o777, 0o600)
  await hub.agent({ dataDir }).start()
  await hub.until(() => hub.tunnel.links().length === 1, 'it is back')
  await t.rejects(hub.agent().start(), { code: 'MEZ_IDENTITY_MISSING' })
})

t.test('a broken identity and a data directory that cannot be written stop the start', async (t) => {
  const hub = await startTunnelHub()
  t.teardown(() => hub.close())
  const dir = t.testdir({
    broken: { 'identity.json': '{"key":"-----BEGIN secret' },
    full: { 'identity.json.new': {} },
  })
  const broken = hub.agent({ dataDir: join(dir, 'broken') }).start()
  await t.rejects(broken, { code: 'MEZ_IDENTITY_UNREADABLE', message: /identity\.json$/ })
  const token = await hub.token()
  const unwritable = hub.agent({ token, dataDir: join(dir, 'full') }).start()
  await t.rejects(unwritable, { code: 'MEZ_DATA_DIR_UNWRITABLE' })
  await hub.agent({ token }).start()
  t.pass('the token was not spent for nothing')
})

t.test('J138 the tunnel rejects strangers and other certificates, and issues no ticket', async (t) => {
  // No time passes, in which more could be recorded.
  const hub = await startTunnelHub({ clock: { now: Date.now, monotonic: () => 0 } })
  t.teardown(() => hub.close())
  const closed = (options: object) =>
    new Promise<{ ticket: boolean }>((resolve) => {
      let ticket = false
      const socket = connectTls({
        socket: carrier(hub.port),
        ALPNProtocols: ['mezite-tunnel/1'],
        rejectUnauthorized: false,
        ...options,
      })
      socket.on('session', () => {
        ticket = true
      })
      socket.on('error', () => {})
      socket.resume()
      socket.once('close', () => resolve({ ticket }))
    })
  t.same(await closed({}), { ticket: false })
  t.same(
    await closed(await hub.authorities.hubIdentity()),
    { ticket: false },
    "the hub's own certificate is no agent's",
  )
  t.equal(hub.tunnel.links().length, 0)
  const refused = () => hub.events.filter(({ reason }) => reason === 'certificate_refused').length
  t.equal(refused(), 2)
  await closed({ maxVersion: 'TLSv1.2' })
  await closed({ ALPNProtocols: ['mezite-tunnel/1x'] })
  t.equal(refused(), 2, 'what is no TLS of ours says nothing about a certificate')
  for (let time = 0; time < 35; time++) await closed({})
  t.equal(refused(), 30, 'a stranger does not fill the audit log')
})

t.test('an agent reconnects to a hub that it has lost', async (t) => {
  const hub = await startTunnelHub()
  t.teardown(() => hub.close())
  const agent = hub.agent({ token: await hub.token() })
  await agent.start()
  await hub.until(() => hub.tunnel.links().length === 1, 'connected')
  const watch = startStopwatch()
  hub.sockets.at(-1)?.destroy()
  await hub.until(() => hub.changed.length >= 3 && hub.tunnel.links().length === 1, 'connected again')
  t.ok(watch.took() < 10_000)
})

t.test(
  'a transport that ignores its signal, returns nothing or throws is followed by the next one',
  async (t) => {
    const { log, lines } = memoryLog()
    const late = Promise.withResolvers<PassThrough>()
    const stopped = new AbortController()
    const transport = (name: string, dial: () => unknown) => ({ name, dial: dial as never })
    const reach = (dialMs: number, ...transports: ReturnType<typeof transport>[]) =>
      createTransportChoice({ address: { host, port: 1 }, transports, env: {}, log }).reach(
        async (carrier) => {
          await pause(150)
          return carrier
        },
        { signal: stopped.signal, prove: () => 'proof', dialMs },
      )
    t.ok(
      await reach(
        50,
        transport('quick', async () => new PassThrough()),
      ),
      'the exchange after the dial may take longer',
    )
    const hanging = transport('hanging', () => late.promise)
    const tried = reach(
      50,
      hanging,
      transport('empty', async () => undefined),
      transport('broken', () => {
        throw new Error('no radio')
      }),
    )
    await t.rejects(tried, { message: /'hanging' timed out after 50 ms/ }, 'the preferred one says why')
    t.match(lines, [/'hanging' timed out after 50 ms/, /'empty' did not return a stream/, /no radio/])
    const carrier = new PassThrough()
    late.resolve(carrier)
    await until(() => carrier.destroyed, 'what comes too late is closed')
    const endless = reach(
      60_000,
      transport('hanging', () => new Promise(() => {})),
    )
    stopped.abort()
    await t.rejects(endless, { code: 'MEZ_HUB_UNREACHABLE' }, 'and the end of the agent ends it')
  },
)

t.test(
  'fault 32: an expired certificate is renewed by proof of its key, for 7 days, unless the agent is locked or removed',
  async (t) => {
    let aheadMs = 0
    const clock = { now: () => Date.now() + aheadMs, monotonic: () => performance.now() }
    const hub = await startTunnelHub({ agentLifeMs: 1_500, clock })
    t.teardown(() => hub.close())
    const dataDir = join(t.testdir({}), 'agent')
    const first = hub.agent({ token: await hub.token(), dataDir })
    await first.start()
    await first.stop(200)
    const before = readFileSync(join(dataDir, 'identity.json'), 'utf8')
    const expired = () => new Promise((resolve) => setTimeout(resolve, 1_700))
    await expired()

    hub.locked.add('node-1')
    await t.rejects(hub.agent({ dataDir }).start(), { code: 'MEZ_IDENTITY_MISSING' }, 'locked')
    t.ok(hub.events.some(({ reason }) => reason === 'agent_locked'))
    hub.locked.clear()
    aheadMs = 7 * 24 * 3_600_000 + 5_000
    await t.rejects(hub.agent({ dataDir }).start(), { code: 'MEZ_IDENTITY_MISSING' }, 'after the grace')
    t.ok(hub.events.some(({ reason }) => reason === 'certificate_expired'))
    aheadMs = 0
    t.equal(readFileSync(join(dataDir, 'identity.json'), 'utf8'), before, 'and nothing has changed')

    const second = hub.agent({ dataDir })
    await second.start()
    await hub.until(() => hub.tunnel.links().length === 1, 'it is back without a token')
    t.not(readFileSync(join(dataDir, 'identity.json'), 'utf8'), before)
    await second.stop(200)
    await expired()
    await anyTables(hub.db).deleteFrom('agents').execute()
    await t.rejects(hub.agent({ dataDir }).start(), { code: 'MEZ_IDENTITY_MISSING' }, 'removed')
    t.ok(hub.events.some(({ reason }) => reason === 'agent_unknown'))
  },
)

t.test('a power cut cannot bring back the identity before a renewal', async (t) => {
  const store = createIdentityStore(t.testdir())
  const steps: string[] = []
  const { fsyncSync, renameSync } = fs
  // Runs after the originals are back.
  t.teardown(syncBuiltinESMExports)
  t.intercept(fs, 'renameSync', {
    value: (from: string, to: string) => {
      steps.push('rename')
      renameSync(from, to)
    },
  })
  t.intercept(fs, 'fsyncSync', {
    value: (fd: number) => {
      steps.push(fs.fstatSync(fd).isDirectory() ? 'sync the folder' : 'sync the file')
      fsyncSync(fd)
    },
  })
  syncBuiltinESMExports()
  store.write({ hostname: 'node-1', clusterName: 'test', key: '', certificate: '', hubCa: [] })
  t.strictSame(steps.slice(-2), ['rename', 'sync the folder'])
})

t.test('dials to two hubs at once renew an expired certificate once', async (t) => {
  const hub = await startTunnelHub({ agentLifeMs: 1_500 })
  t.teardown(() => hub.close())
  const dataDir = join(t.testdir({}), 'agent')
  const first = hub.agent({ token: await hub.token(), dataDir })
  await first.start()
  await first.stop(200)
  await pause(1_700)
  const address = { host, port: hub.port }
  const { log } = memoryLog()
  const transports = [{ name: 'tcp', dial: ({ connect }: HubTarget) => connect() }]
  const identity = createAgentIdentity({
    dataDir,
    address,
    log,
    hostname: 'node-1',
    clock: systemClock,
    token: undefined,
    tokenProblem: undefined,
    caPin: undefined,
    choice: createTransportChoice({ address, transports, env: {}, log }),
  })
  const { signal } = new AbortController()
  const [one, other] = await Promise.all([identity.ensure(signal), identity.ensure(signal)])
  t.equal(one.certificate, other.certificate)
  t.same(await anyTables(hub.db).selectFrom('agents').select('generation').execute(), [{ generation: 2 }])
})

t.test('J138 a renewal needs the key of a certificate of this cluster', async (t) => {
  const hub = await startTunnelHub()
  t.teardown(() => hub.close())
  const renew = async (shown: object) => {
    const socket = connectTls({
      socket: carrier(hub.port),
      ALPNProtocols: ['mezite-join/1'],
      rejectUnauthorized: false,
      ...shown,
    })
    const secured = once(socket, 'secureConnect')
    const expired = { hostname: 'node-1', clusterName: 'test', key: '', certificate: '', hubCa: [] }
    return renewExpired(expired, async () => {
      await secured
      return socket
    })
  }
  t.equal(await renew({}), null, 'no certificate')
  t.equal(await renew(await hub.authorities.hubIdentity()), null, 'the certificate of the hub')
  const other = await startTunnelHub({ apart: true })
  t.teardown(() => other.close())
  const stranger = await joinCluster({
    connect: () => connectPinned({ carrier: carrier(other.port), host, caPin: other.authorities.pin() }),
    token: await other.token(),
    hostname: 'node-1',
    request: await makeKeyRequest('node-1'),
  })
  t.equal(await renew({ key: stranger.key, cert: stranger.certificate }), null, 'of another cluster')
  t.equal(hub.events.filter(({ reason }) => reason === 'certificate_refused').length, 3)
})
