// together: tunnels
import 'reflect-metadata'
import { generateKeyPairSync, type KeyObject, webcrypto } from 'node:crypto'
import { connect } from 'node:net'
import * as x509 from '@peculiar/x509'
import t from 'tap'
import { makeKeyRequest } from '../../../agent/certificate-request.ts'
import { connectPinned, joinCluster } from '../../../agent/join.ts'
import {
  type LeafRequest,
  makeLeaf,
  P256,
  type Signer,
} from '../../../core/gate/pki/certificate-templates.ts'
import { offeredTransports, openTransports } from '../../../core/traffic/tunnel/transports.ts'
import { connectHub } from '../../../core/wire/hub-connection.ts'
import { anyTables } from '../../any-tables.ts'
import { startStopwatch } from '../../stopwatch.ts'
import { joined, startApp } from './start-app.ts'
import { startTunnelHub, type TunnelHub, testApp } from './start-tunnel-hub.ts'

const host = '127.0.0.1'
const carrier = (port: number) => {
  const socket = connect(port, host)
  socket.on('error', () => {})
  return socket
}

/** The cluster's own agent authority, which only a thief of its key would have. */
async function thief(hub: TunnelHub): Promise<Signer> {
  const row = await anyTables(hub.db)
    .selectFrom('authorities')
    .selectAll()
    .where('name', '=', 'agent-ca')
    .executeTakeFirstOrThrow()
  const place = { table: 'authorities', id: row.id, purpose: 'private-key' }
  const pkcs8 = hub.secretBox.open(place, Buffer.from(row.sealed_key))
  const key = await webcrypto.subtle.importKey('pkcs8', new Uint8Array(pkcs8), P256, false, ['sign'])
  return { certificate: row.certificate, key: key as CryptoKey }
}

const pemOf = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString()

async function forge(
  hub: TunnelHub,
  more: Partial<LeafRequest>,
): Promise<{ key: string; certificate: string }> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const leaf = await makeLeaf(await thief(hub), {
    publicKey: new x509.PublicKey(publicKey.export({ type: 'spki', format: 'der' })),
    commonName: 'node-1',
    purpose: 'client',
    names: [{ type: 'url', value: 'mezite://test/agent/node-1' }],
    notBefore: Date.now(),
    notAfter: Date.now() + 60_000,
    ...more,
  })
  return { key: pemOf(privateKey), certificate: leaf.toString('pem') }
}

/** Resolves when the hub has closed the connection, with why it says in the audit log. */
async function refusal(hub: TunnelHub, identity: { key: string; certificate: string }): Promise<unknown> {
  const before = hub.events.length
  const socket = await connectHub({
    carrier: carrier(hub.port),
    host,
    alpn: ['mezite-tunnel/1'],
    hubCa: hub.authorities.bundle('hub-ca'),
    clusterName: 'test',
    ...identity,
  })
  socket.on('error', () => {})
  socket.resume()
  await new Promise<void>((resolve) => (socket.destroyed ? resolve() : socket.once('close', () => resolve())))
  await hub.until(() => hub.events.length > before, 'it is audited')
  return hub.events.at(-1)?.reason
}

t.test('J138 only certificates of agents of this cluster open a tunnel', async (t) => {
  const hub = await joined(t)
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const person = { user: 'alice', sessionId: 's1', notAfter: Date.now() + 60_000 }
  const user = await hub.authorities.issueUser({ publicKey, ...person })
  const key = pemOf(privateKey)
  t.equal(await refusal(hub, { key, certificate: user.certificate }), 'certificate_refused', "a user's")
  const own = await hub.authorities.hubIdentity()
  t.equal(await refusal(hub, { key: own.key, certificate: own.cert }), 'certificate_refused', "the hub's own")
  t.equal(
    await refusal(hub, await forge(hub, { purpose: 'server' })),
    'certificate_refused',
    'a wrong purpose',
  )
  for (const value of [
    'mezite://other/agent/node-1',
    'mezite://test/user/node-1',
    'mezite://test/agent/',
    'mezite://test/agent/NODE-1',
    'mezite://test/agent/node-1/x',
  ]) {
    const forged = await forge(hub, { names: [{ type: 'url', value }] })
    t.equal(await refusal(hub, forged), 'certificate_refused', value)
  }
  const two = ['mezite://test/agent/node-1', 'mezite://test/agent/node-2']
  const forged = await forge(hub, { names: two.map((value) => ({ type: 'url' as const, value })) })
  t.equal(await refusal(hub, forged), 'certificate_refused', 'two names')
  t.equal(await refusal(hub, await forge(hub, {})), 'certificate_superseded', 'one that the hub never issued')
  t.equal(hub.tunnel.links().length, 1, 'the honest agent is still there')
})

t.test('J138 an agent of another cluster is refused, and itself refuses this hub', async (t) => {
  const hub = await joined(t)
  const other = await startTunnelHub({ apart: true })
  t.teardown(() => other.close())
  const [token, caPin] = [await other.token('node-1'), other.authorities.pin()]
  const identity = await joinCluster({
    connect: () => connectPinned({ carrier: carrier(other.port), host, caPin }),
    token,
    hostname: 'node-1',
    request: await makeKeyRequest('node-1'),
  })
  const { key, certificate } = identity
  t.equal(await refusal(hub, { key, certificate }), 'certificate_refused')
  await t.rejects(connectHub({ carrier: carrier(hub.port), host, alpn: ['mezite-tunnel/1'], ...identity }), {
    code: 'MEZ_HUB_UNTRUSTED',
  })
})

t.test('J138 a certificate does not join, and a token does not open a tunnel', async (t) => {
  const hub = await joined(t)
  const reach = { carrier: carrier(hub.port), host, alpn: ['mezite-tunnel/1', 'mezite-join/1'] }
  const { key, certificate } = await forge(hub, {})
  const options = { hubCa: hub.authorities.bundle('hub-ca'), clusterName: 'test', key, certificate }
  const socket = await connectHub({ ...reach, ...options })
  t.equal(socket.alpnProtocol, 'mezite-join/1', 'each door speaks one protocol')
  socket.destroy()
  t.equal(hub.tunnel.links().length, 1)
})

t.test('J132 an agent sees requests of its own apps only', async (t) => {
  const hub = await joined(t)
  await hub.agent({ token: await hub.token('node-2'), hostname: 'node-2' }).start()
  await hub.until(() => hub.tunnel.links().length === 2, 'both are connected')
  const app = await startApp(t, (socket) => socket.resume())
  const mine = testApp(app.uri, ['node-2'])
  for (let at = 0; at < 20; at++) {
    const pipe = await hub.open(mine)
    t.equal(pipe.agent, 'node-2')
    pipe.destroy()
  }
  t.same(
    hub.tunnel.candidates(mine).map(({ hostname }) => hostname),
    ['node-2'],
  )
})

t.test('J127 guessing tokens is limited to 30 a minute from one address', async (t) => {
  const hub = await startTunnelHub({ joinsPerMinute: 30 })
  t.teardown(() => hub.close())
  const caPin = hub.authorities.pin()
  const request = await makeKeyRequest('node-1')
  const guess = (at: number) =>
    joinCluster({
      connect: () => connectPinned({ carrier: carrier(hub.port), host, caPin }),
      token: `guess-${at}`,
      hostname: 'node-1',
      request,
    }).then(
      () => 'joined',
      (error: { code: string }) => error.code,
    )
  const answers: string[] = []
  const started = performance.now()
  for (let at = 0; at < 40; at++) answers.push(await guess(at))
  const flow = Math.ceil((performance.now() - started) / 2_000)
  const heard = answers.filter((code) => code === 'MEZ_TOKEN_REFUSED').length
  t.ok(heard >= 30 && heard <= 30 + flow, `${heard} were heard`)
  const later = answers.filter((code) => code === 'MEZ_HUB_UNREACHABLE').length
  t.equal(later, 40 - heard, 'the agent tries the others later')
  t.equal(hub.events.filter((event) => event.reason === 'token_refused').length, heard)
})

t.test('an agent over a transport that is not offered is refused', async (t) => {
  const hub = await startTunnelHub({ offered: ['webtransport'] })
  t.teardown(() => hub.close())
  void hub
    .agent({ token: await hub.token() })
    .start()
    .catch(() => {})
  await hub.until(() => hub.events.some((event) => event.reason === 'transport_not_offered'), 'it is audited')
  t.equal(hub.tunnel.links().length, 0)
})

t.test('a hub offers all loaded transports, or the configured ones', async (t) => {
  const [http2, other] = [
    { name: 'http2', alpn: true },
    { name: 'other', listen: async () => {} },
  ]
  t.same(offeredTransports([http2, other], undefined), [http2, other])
  t.same(offeredTransports([http2, other], ['other']), [other])
  t.throws(() => offeredTransports([http2], ['webtransport']), {
    code: 'MEZ_CONFIG_INVALID',
    message: /"webtransport".*available: http2/,
  })
  t.throws(() => offeredTransports([other, other], undefined), {
    code: 'MEZ_SERVICE_TWICE',
    message: /other/,
  })
  const twin = { ...http2, name: 'third' }
  t.throws(() => offeredTransports([http2, twin], undefined), {
    code: 'MEZ_SERVICE_TWICE',
    message: /third/,
  })
  let carriers = 0
  const listening = {
    name: 'a',
    listen: async (deliver: (carrier: never, from: never) => void) => deliver({} as never, {} as never),
  }
  await openTransports([http2, listening], (_carrier, { transport }) => {
    if (transport === 'a') carriers += 1
  })
  t.equal(carriers, 1, 'a carrier comes with the name of its transport')
  const broken = { name: 'broken', listen: () => Promise.reject(new Error('no port')) }
  await t.rejects(
    openTransports([broken], () => {}),
    { code: 'MEZ_START_FAILED', message: /'broken'.*no port/ },
  )
  const hanging = { name: 'hanging', listen: () => new Promise<void>(() => {}) }
  await t.rejects(
    openTransports([hanging], () => {}, 10),
    { code: 'MEZ_START_FAILED', message: /'hanging'/ },
  )
})

t.test(
  'fault 6: nobody is admitted while the database is unreachable, and waiting agents are once it is back',
  async (t) => {
    const hub = await joined(t)
    const { catchUp, fresh } = hub.revisions
    let away = true
    Object.assign(hub.revisions, {
      fresh: () => !away && fresh(),
      catchUp: () => (away ? Promise.reject(new Error('away')) : catchUp()),
    })
    hub.sockets.at(-1)?.destroy()
    await hub.until(() => hub.tunnel.links().length === 0, 'the link is lost')
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    t.equal(hub.tunnel.links().length, 0)
    away = false
    const watch = startStopwatch()
    await hub.until(() => hub.tunnel.links().length === 1, 'it is back')
    t.ok(watch.took() < 5_000, `after ${watch.took()} ms`)
  },
)
