// together: tunnels
/** Five hubs, of which three have a link to the agent: the others reach it through these, and nobody else does. */
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { constants } from 'node:http2'
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { makeKeyRequest } from '../../../agent/certificate-request.ts'
import { systemClock as clock } from '../../../core/kernel/clock.ts'
import type { Log } from '../../../core/kernel/log.ts'
import { chooseHubs } from '../../../core/state/hubs/hub-registry.ts'
import { createSecretBox } from '../../../core/state/secrets/secret-box.ts'
import { testActor } from '../../../core/testing/index.ts'
import { createPeers } from '../../../core/traffic/relay/peers.ts'
import { createRelayServer } from '../../../core/traffic/relay/relay-server.ts'
import { connectAgent, LiveLink } from '../../../core/traffic/tunnel/link.ts'
import { AGENT_HEADER, dialHeaders } from '../../../core/wire/dial-headers.ts'
import { connectHub } from '../../../core/wire/hub-connection.ts'
import { RELAY_ALPN, tunnelHttp2 } from '../../../core/wire/tunnel-protocol.ts'
import { quiet } from '../tunnel/open-test-store.ts'
import { drain, startApp } from '../tunnel/start-app.ts'
import { startTunnelHub, type TunnelHub, testApp } from '../tunnel/start-tunnel-hub.ts'

const isDirect = (hub: TunnelHub, hostname = 'node-1') =>
  hub.tunnel.links().some((link) => link.hostname === hostname && link instanceof LiveLink)
const isConnected = (hub: TunnelHub, hostname = 'node-1') =>
  hub.tunnel.links().some((link) => link.hostname === hostname)

/** Hubs that know each other, and `node-1` at three of them. */
async function startFive(t: Test) {
  /** Connections with the new key of the hub CA, by both hubs. */
  const renewed = new Set<string>()
  const logOf = (at: number) => ({
    ...quiet,
    info: (fields: object, text: string) =>
      void (text.includes('with the new key') && renewed.add(`${at} ${(fields as { hub: string }).hub}`)),
  })
  const first = await startTunnelHub({ relays: true, log: logOf(0) as Log })
  t.teardown(() => first.close())
  const hubs = [first]
  for (let at = 1; at < 5; at++) {
    const hub = await startTunnelHub({ relays: true, beside: first, log: logOf(at) as Log })
    t.teardown(() => hub.close())
    hubs.push(hub)
  }
  first.cluster.reach(hubs)
  const agent = first.agent({ token: await first.token() })
  await agent.start()
  const chosen = chooseHubs('node-1', first.cluster.reachable)
  const settled = () =>
    first.until(
      () =>
        hubs.every(
          (hub) =>
            isDirect(hub) === chosen.has(hub.id) &&
            [...chosen.keys()].every((id) => id === hub.id || hub.relay?.has('node-1', id)),
        ),
      'the chosen hubs alone have links, and each hub knows of all of them',
    )
  await settled()
  const direct = hubs.filter(({ id }) => chosen.has(id))
  const [relayed, other] = hubs.filter(({ id }) => !chosen.has(id)) as [TunnelHub, TunnelHub]
  return { hubs, direct, relayed, other, agent, settled, renewed }
}

const echo = (t: Test) => startApp(t, (socket) => socket.pipe(socket))

async function exchange(hub: TunnelHub, uri: string, sent: Buffer): Promise<Buffer> {
  const pipe = await hub.open(testApp(uri))
  const reading = drain(pipe)
  pipe.write(sent)
  pipe.end()
  const { bytes, error } = await reading
  if (error) throw error
  return bytes
}

t.test('J270 an agent has links to three of five hubs, and every hub reaches its apps', async (t) => {
  const { hubs, relayed, agent } = await startFive(t)
  t.equal(hubs.filter((hub) => isDirect(hub)).length, 3)
  const app = await echo(t)
  for (const hub of hubs) {
    const sent = randomBytes(300_000)
    t.ok((await exchange(hub, app.uri, sent)).equals(sent), `${hub.id} gets each byte back`)
    const [link] = hub.tunnel.links()
    t.match(link, { hostname: 'node-1', transport: 'http2' })
    t.ok(link!.since > 0)
  }
  t.strictSame(
    relayed.changed.filter(({ connected }) => !connected),
    [],
    'the link that ended was not the last one',
  )
  await agent.stop(500)
  await relayed.until(() => hubs.every((hub) => !isConnected(hub)), 'every hub knows that it has gone')
  t.match(relayed.changed.at(-1), { hostname: 'node-1', connected: false })
  await t.rejects(relayed.open(testApp(app.uri)), { code: 'MEZ_AGENT_NONE' })
})

t.test('J270 reasons and details of the agent pass through the hub that relays', async (t) => {
  const { direct, relayed } = await startFive(t)
  const app = testApp('tcp://127.0.0.1:1')
  relayed.apps.push(app)
  const errors = await Promise.all(
    [direct[0]!, relayed].map((hub) => hub.open(app).catch((error: unknown) => error)),
  )
  const [own, theirs] = errors as { code: string; reason: string; message: string; agent: string }[]
  t.equal(own!.code, 'MEZ_DIAL_FAILED')
  for (const key of ['code', 'reason', 'message', 'agent'] as const) t.equal(theirs![key], own![key], key)
  t.match(relayed.tunnel.stateOf(app), { state: 'unreachable', reason: own!.reason })
  t.equal(relayed.tunnel.lastError(app, 'node-1'), own!.message)
})

t.test('every hub knows which apps an agent does not reach, from the hubs that try', async (t) => {
  const { hubs, relayed } = await startFive(t)
  const app = testApp('tcp://127.0.0.1:1')
  for (const hub of hubs) hub.apps.push(app)
  await relayed.until(
    () => hubs.every((hub) => hub.tunnel.stateOf(app).state === 'unreachable'),
    'each hub says that the app is not reached',
  )
  t.match(relayed.tunnel.lastError(app, 'node-1'), /agent node-1 cannot reach app/)
  const there = await echo(t)
  for (const hub of hubs) hub.apps.splice(0, 1, { ...app, uri: there.uri })
  await relayed.until(
    () => hubs.every((hub) => hub.tunnel.stateOf(hub.apps[0]!).state === 'ready'),
    'each hub says that it is reached again',
  )
})

t.test('a slow reader holds back the app through the hub that relays', async (t) => {
  const { relayed } = await startFive(t)
  let written = 0
  const chunk = randomBytes(64 << 10)
  const app = await startApp(t, (socket) => {
    const write = () => {
      while (written < 64 << 20) {
        written += chunk.length
        if (!socket.write(chunk)) return void socket.once('drain', write)
      }
      socket.end()
    }
    write()
  })
  const pipe = await relayed.open(testApp(app.uri))
  const hash = createHash('sha256')
  let read = 0
  const over = Promise.withResolvers<Error | null>()
  pipe.ondata = (bytes) => {
    hash.update(bytes)
    if (read === 0) pipe.pause()
    read += bytes.length
  }
  pipe.onclose = over.resolve
  await relayed.until(() => read > 0, 'the first bytes arrive')
  let before = -1
  await relayed.until(() => {
    const still = written === before
    before = written
    return still
  }, 'the app waits')
  t.ok(written < 64 << 20, `${written} bytes were sent`)
  pipe.resume()
  pipe.end()
  t.equal(await over.promise, null)
  t.equal(read, written)
  const expected = createHash('sha256')
  for (let at = 0; at < written; at += chunk.length) expected.update(chunk)
  t.equal(hash.digest('hex'), expected.digest('hex'))
})

/** A download that does not end, through `hub`. */
async function download(t: Test, hub: TunnelHub) {
  const ended = Promise.withResolvers<string>()
  const app = await startApp(t, (socket) => {
    socket.on('error', (error: NodeJS.ErrnoException) => ended.resolve(error.code ?? 'error'))
    socket.on('end', () => ended.resolve('clean end'))
    socket.resume()
    const timer = setInterval(() => socket.write('tick'), 20)
    socket.once('close', () => clearInterval(timer))
  })
  const pipe = await hub.open(testApp(app.uri))
  const begun = Promise.withResolvers<void>()
  const reading = drain(pipe)
  const { ondata } = pipe
  pipe.ondata = (chunk) => {
    begun.resolve()
    ondata(chunk)
  }
  await begun.promise
  return { pipe, reading, ended: ended.promise, uri: app.uri }
}

t.test('J270 access that ends cuts a relayed download, at the app too', async (t) => {
  const { relayed } = await startFive(t)
  const { pipe, reading, ended } = await download(t, relayed)
  pipe.destroy()
  t.ok((await reading).error)
  t.equal(await ended, 'ECONNRESET')
})

t.test('J271 a locked agent serves nothing through any hub, whichever learns of it first', async (t) => {
  const { hubs, direct, relayed, settled } = await startFive(t)
  const lock = (hub: TunnelHub) => {
    hub.locked.add('node-1')
    return hub.revisions.write(async (_trx, change) => change.touch('lock', 'x'))
  }
  const { uri } = await echo(t)
  await lock(relayed)
  await relayed.until(() => relayed.lost.includes('node-1 locked'), 'its streams are ended here at once')
  t.same(relayed.tunnel.candidates(testApp(uri)), [])
  await t.rejects(relayed.open(testApp(uri)), { code: 'MEZ_AGENT_NONE' })
  relayed.locked.clear()

  await settled()
  const { reading, ended } = await download(t, relayed)
  for (const hub of direct) hub.locked.add('node-1')
  await lock(direct[0]!)
  t.ok((await reading).error, 'the hubs that relay cut it')
  t.equal(await ended, 'ECONNRESET')
  for (const hub of hubs) hub.locked.add('node-1')
  await t.rejects(relayed.open(testApp(uri)), { code: 'MEZ_AGENT_NONE' })
  await relayed.until(() => hubs.every((hub) => !isConnected(hub)), 'no hub has it any more')
})

t.test('J271 a lock while the agent connects to the app lets nothing through', async (t) => {
  const { relayed } = await startFive(t)
  const app = await startApp(t, (socket) => {
    relayed.locked.add('node-1')
    socket.resume()
  })
  await t.rejects(relayed.open(testApp(app.uri)), { code: 'MEZ_DIAL_FAILED', reason: 'agent_not_bound' })
})

t.test('J272 the streams that a killed hub relayed are lost, and no others', async (t) => {
  const { direct, relayed } = await startFive(t)
  const first = await download(t, relayed)
  const second = await download(t, relayed)
  const carrier = (hub: TunnelHub) =>
    hub.tunnel.links().find(({ hostname }) => hostname === 'node-1')?.streams
  const killed = direct.find((hub) => carrier(hub) !== 0)!
  t.equal(carrier(killed), 1, 'the two took different ways')
  // As a process that dies: its sockets close, and nobody says anything.
  for (const socket of killed.sockets) socket.resetAndDestroy()
  const dead = await Promise.race([
    first.reading.then(({ error }) => ({ error, other: second })),
    second.reading.then(({ error }) => ({ error, other: first })),
  ])
  t.match(dead.error, { code: 'MEZ_LINK_LOST' })
  const { uri } = await echo(t)
  t.equal(String(await exchange(relayed, uri, Buffer.from('next'))), 'next', 'the next one is served at once')
  let alive = false
  dead.other.pipe.ondata = () => {
    alive = true
  }
  await relayed.until(() => alive, 'the other one goes on')
  dead.other.pipe.destroy()
})

t.test('J272 a request survives when the hub that relays has just lost its link', async (t) => {
  const { direct, relayed } = await startFive(t)
  const { uri } = await echo(t)
  for (const hub of direct.slice(0, 2)) hub.tunnel.disconnect('node-1', 'test')
  for (let at = 0; at < 5; at++)
    t.equal(String(await exchange(relayed, uri, Buffer.from('through'))), 'through')
})

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

/** A connection to the relay of a hub, with the sealed line of `from`. */
async function dialRelay(
  hub: TunnelHub,
  from: string,
  identity: { readonly key: string; readonly certificate: string },
  box = hub.secretBox,
) {
  const peers = createPeers({ registry: hub.cluster, secretBox: box, instanceId: from, clock })
  const carrier = connectTcp(hub.port, '127.0.0.1')
  carrier.on('error', () => {})
  await once(carrier, 'connect')
  carrier.write(peers.header(hub.id, { address: '127.0.0.1', port: 1 }))
  const socket = await connectHub({
    carrier,
    host: '127.0.0.1',
    alpn: [RELAY_ALPN],
    hubCa: hub.authorities.bundle('hub-ca'),
    clusterName: 'test',
    ...identity,
  })
  socket.on('error', () => {})
  return socket
}

/** What a connection is answered, until it closes: the first line of the list of agents, or nothing. */
async function answerOf(connecting: ReturnType<typeof dialRelay>): Promise<string> {
  const socket = await connecting.catch(() => null)
  if (socket === null) return ''
  const session = connectAgent(socket, tunnelHttp2)
  const over = Promise.withResolvers<string>()
  session.on('error', () => {})
  session.once('close', () => over.resolve(''))
  const stream = session.request({ ':method': 'POST', ':path': '/v1/agents' }, { endStream: false })
  stream.on('error', () => {})
  stream.once('data', (bytes: Buffer) => over.resolve(String(bytes)))
  const answer = await over.promise
  session.destroy()
  return answer
}

t.test('J273 nobody but a hub of the cluster gets anything from the relay', async (t) => {
  const { direct } = await startFive(t)
  const hub = direct[0]!
  const { authorities } = hub
  const pair = () => generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pem = (key: ReturnType<typeof pair>['privateKey']) =>
    String(key.export({ type: 'pkcs8', format: 'pem' }))
  const user = pair()
  const userCertificate = await authorities.issueUser({
    publicKey: user.publicKey,
    user: 'alice',
    sessionId: 's',
    notAfter: Date.now() + 60_000,
  })
  const { key, cert } = await authorities.hubIdentity()
  const own = await authorities.peerIdentity('hub-9')
  const { key: agentKey, csr } = await makeKeyRequest('node-1')
  const agent = await authorities.issueAgent({ csr, hostname: 'node-1', generation: 1 })
  const strangers = {
    'the certificate of an agent': { key: agentKey, certificate: agent.certificate },
    'the certificate of a user': { key: pem(user.privateKey), certificate: userCertificate.certificate },
    'the certificate that hubs show to agents': { key, certificate: cert },
    'the certificate of another hub': await authorities.peerIdentity('hub-8'),
  }
  for (const [what, identity] of Object.entries(strangers))
    t.equal(await answerOf(dialRelay(hub, 'hub-9', identity)), '', what)
  const foreign = await startTunnelHub({ apart: true })
  t.teardown(() => foreign.close())
  t.equal(
    await answerOf(dialRelay(hub, 'hub-9', await foreign.authorities.peerIdentity('hub-9'))),
    '',
    'the certificate of a hub of another cluster',
  )
  t.equal(
    await answerOf(dialRelay(hub, 'hub-9', own, createSecretBox(randomBytes(32)))),
    '',
    'a line that is sealed with another key',
  )
  t.match(await answerOf(dialRelay(hub, 'hub-9', own)), /"type":"hello","hub":"hub-/, 'a hub is served')
})

t.test('J273 garbage from a hub that has authenticated ends its own connection alone', async (t) => {
  const { direct, relayed } = await startFive(t)
  const hub = direct[0]!
  const { uri } = await echo(t)
  for (let at = 0; at < 20; at++) {
    const socket = await dialRelay(hub, 'hub-9', await hub.authorities.peerIdentity('hub-9'))
    const over = once(socket, 'close')
    socket.resume()
    const garbage = Buffer.alloc(4_096, 'x')
    socket.write(at % 2 === 0 ? garbage : Buffer.concat([preface, garbage]))
    await over
  }
  const silent: Socket[] = []
  for (const bytes of [Buffer.alloc(0), Buffer.alloc(100, 'x'), Buffer.from('MEZITE-PEER/1 AAAA\r\n')]) {
    const socket = connectTcp(hub.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(bytes)
    silent.push(socket)
  }
  for (const each of [hub, relayed]) t.equal(String(await exchange(each, uri, Buffer.from('on'))), 'on')
  for (const socket of silent) socket.destroy()
})
t.test('J274 a hub relays through its own links alone', async (t) => {
  const { direct, relayed, other } = await startFive(t)
  const { uri } = await echo(t)
  const tls = { verify: true, serverName: null, ca: null }
  async function ask(hub: TunnelHub, agent: string | null, target: string): Promise<number> {
    const socket = await dialRelay(hub, 'hub-9', await hub.authorities.peerIdentity('hub-9'))
    const session = connectAgent(socket, tunnelHttp2)
    session.on('error', () => {})
    const headers = dialHeaders({ app: 'app', uri: target, tls, connectMs: 3_000 })
    const stream = session.request(
      { ...headers, ...(agent === null ? {} : { [AGENT_HEADER]: agent }) },
      { endStream: false },
    )
    stream.on('error', () => {})
    const [{ ':status': status }] = (await once(stream, 'response')) as [{ ':status': number }]
    stream.close(constants.NGHTTP2_NO_ERROR)
    session.destroy()
    return status
  }
  t.equal(await ask(direct[0]!, 'node-1', uri), 200)
  for (const hub of [relayed, other]) t.equal(await ask(hub, 'node-1', uri), 503, 'it would have to relay')
  t.equal(await ask(direct[0]!, 'node-2', uri), 503, 'an agent that nobody knows')
  t.equal(await ask(direct[0]!, 'Node 1', uri), 400)
  t.equal(await ask(direct[0]!, null, uri), 400)
  direct[0]!.locked.add('node-1')
  t.equal(await ask(direct[0]!, 'node-1', uri), 503, 'a locked agent')
})

t.test(
  'J275 a hub that stops finishes its relayed streams, and the others use other ways at once',
  async (t) => {
    const { hubs, direct, relayed } = await startFive(t)
    const { uri } = await echo(t)
    const { pipe, reading } = await download(t, relayed)
    const via = direct.find((hub) => hub.tunnel.links()[0]!.streams === 1)!
    via.cluster.reach(hubs.filter((hub) => hub !== via))
    const drained = via.tunnel.relay!.drain(AbortSignal.timeout(60_000))
    t.equal(pipe.isGoing?.(), true, 'its owner is told')
    for (let at = 0; at < 3; at++) t.equal(String(await exchange(relayed, uri, Buffer.from('on'))), 'on')
    let over = false
    void drained.then(() => {
      over = true
    })
    t.equal(over, false)
    pipe.destroy()
    t.ok((await reading).error)
    await drained
  },
)

/** Takes a step of the rotation of the hub CA, and waits until the hubs know. */
async function rotate(hubs: readonly TunnelHub[], step: 'start' | 'switch' | 'finish'): Promise<void> {
  const [first] = hubs
  await first!.authorities.rotate('hub-ca', step, testActor)
  const { phase } = first!.authorities.phaseOf('hub-ca')
  await first!.until(
    () => hubs.every(({ authorities }) => authorities.phaseOf('hub-ca').phase === phase),
    `each hub knows of the step ${step}`,
  )
}

t.test(
  'J276 hubs connect again when the hub CA switches its key, and end the streams on the earlier connection with the rotation',
  async (t) => {
    const { hubs, direct, relayed, renewed } = await startFive(t)
    const { uri } = await echo(t)
    const { pipe, reading, ended } = await download(t, relayed)
    const open = (hub: TunnelHub) => hub.peerSockets.filter(({ destroyed }) => !destroyed)
    const before = new Set(hubs.flatMap(open))
    t.equal(before.size, 20, 'each hub is connected to each')
    const early = await direct[0]!.authorities.peerIdentity('hub-9')

    await rotate(hubs, 'start')
    await rotate(hubs, 'switch')
    await relayed.until(() => renewed.size === 20, 'each hub has connected to each again')
    await relayed.until(() => {
      const left = hubs.flatMap(open)
      return left.length === 21 && left.filter((socket) => before.has(socket)).length === 1
    }, 'only the connection with a stream is left of the earlier ones')
    const after = hubs.flatMap(open).filter((socket) => !before.has(socket))
    let alive = false
    pipe.ondata = () => {
      alive = true
    }
    await relayed.until(() => alive, 'the download goes on')
    t.equal(String(await exchange(relayed, uri, Buffer.from('anew'))), 'anew')
    t.match(await answerOf(dialRelay(direct[0]!, 'hub-9', early)), /"hello"/, 'both keys are trusted')
    const late = connectAgent(await dialRelay(direct[0]!, 'hub-9', early), tunnelHttp2)
    late.on('error', () => {})
    const lateEnded = once(late, 'close')

    const events = relayed.changed.length
    await rotate(hubs, 'finish')
    t.match((await reading).error, { code: 'MEZ_LINK_LOST' }, 'the download had the connection of before')
    t.equal(await ended, 'ECONNRESET')
    await lateEnded
    t.equal(await answerOf(dialRelay(direct[0]!, 'hub-9', early)), '', 'the earlier key is refused')
    t.strictSame(
      relayed.changed.slice(events).filter(({ connected }) => !connected),
      [],
      'the agent was connected all the time',
    )
    t.equal(String(await exchange(relayed, uri, Buffer.from('on'))), 'on')
    t.ok(
      after.every(({ destroyed }) => !destroyed),
      'the connections of the new key stay',
    )
  },
)

t.test(
  'J276 a hub that shows a certificate of a retired hub CA loses its connection, and gets no other',
  async (t) => {
    const hub = await startTunnelHub({ relays: true })
    t.teardown(() => hub.close())
    const { authorities, cluster } = hub
    /** What the other hub shows; it knows all keys, as one that has not read the last step. */
    const shown = { identity: authorities.hubIdentity(), bundle: authorities.bundle('hub-ca') }
    const link = { hostname: 'node-9', usable: true, version: '1.0.0', transport: 'http2', since: Date.now() }
    const relay = createRelayServer({
      clusterName: 'test',
      instanceId: 'hub-9',
      clock,
      log: quiet,
      faults: () => new Map(),
      links: { list: () => [link as unknown as LiveLink] },
      dial: () => Promise.reject(new Error('there is no agent')),
      authorities: {
        bundle: () => [...shown.bundle, ...authorities.bundle('hub-ca')],
        hubIdentity: () => shown.identity,
        issuerOf: authorities.issuerOf,
        trusts: () => true,
      },
    })
    t.teardown(() => relay.close())
    const peers = createPeers({ registry: cluster, secretBox: hub.secretBox, instanceId: 'hub-9', clock })
    let tries = 0
    let ended = 0
    const server = createServer((socket) => {
      tries += 1
      socket.on('error', () => socket.destroy())
      socket.once('close', () => {
        ended += 1
      })
      socket.once('data', (bytes: Buffer) => {
        const line = peers.read(bytes)
        if (line.kind !== 'header') return void socket.destroy()
        socket.pause()
        if (bytes.length > line.length) socket.unshift(bytes.subarray(line.length))
        relay.accept(socket, line.source, () => {})
      })
    })
    server.listen(0, '127.0.0.1')
    t.teardown(() => server.close())
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    // Nobody answers at the others.
    const others = ['hub-6', 'hub-7', 'hub-8'].map((id) => ({ id, port: 1 }))
    cluster.reach([hub, { id: 'hub-9', port }, ...others] as TunnelHub[])
    const isLinked = () => hub.relay!.has('node-9', 'hub-9')
    await hub.until(isLinked, 'the other hub is connected')

    await rotate([hub], 'start')
    await rotate([hub], 'switch')
    const replaced = tries
    await hub.until(() => ended >= 1 && tries > replaced, 'it is asked again for a new certificate')
    t.ok(isLinked(), 'both keys are trusted')
    await rotate([hub], 'finish')
    await hub.until(() => !isLinked() && ended === tries, 'its connection is cut')
    const after = tries
    await hub.until(() => ended >= after + 2, 'it is refused again and again')
    t.notOk(isLinked())
    t.match(hub.changed.at(-1), { hostname: 'node-9', connected: false })
    shown.identity = authorities.hubIdentity()
    await hub.until(isLinked, 'it is accepted as soon as it shows a new certificate')
  },
)
