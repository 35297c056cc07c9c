// together: tunnels
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import t from 'tap'
import type { Pipe } from '../../core/api/tunnel.ts'
import { http2Of, type LiveLink } from '../../core/traffic/tunnel/link.ts'
import { acceptTls } from '../../core/wire/tls-acceptor.ts'
import { anyTables } from '../any-tables.ts'
import { startStopwatch } from '../stopwatch.ts'
import { drain, joined, startApp } from '../traffic/tunnel/start-app.ts'
import { startTunnelHub, type TunnelHub, testApp } from '../traffic/tunnel/start-tunnel-hub.ts'
import { until } from '../until.ts'

const linkOf = (hub: TunnelHub) => hub.tunnel.links()[0] as LiveLink | undefined

/** Two hubs of one cluster and an agent that has a link to each, though every connection of it leads to the first. */
async function startPair(t: { teardown(run: () => unknown): void }) {
  const a = await startTunnelHub()
  const b = await startTunnelHub({ beside: a })
  t.teardown(async () => {
    await a.close()
    await b.close()
  })
  const { cluster } = a
  cluster.live('hub-1', 'hub-2')
  const agent = a.agent({ token: await a.token() })
  await agent.start()
  await a.until(() => Boolean(linkOf(a) && linkOf(b)), 'both have a link')
  const wishesFor = (id: string) => cluster.wishes.filter((wish) => wish === id).length
  /** By the end of it the agent has heard whatever was said before. */
  const replaceFirst = async () => {
    const before = linkOf(a)
    if (!before) throw new Error('the first hub has no link')
    before.moving = true
    before.send({ type: 'move' })
    await a.until(() => linkOf(a) !== before && linkOf(a) !== undefined, 'another link takes its place')
  }
  return { a, b, cluster, agent, wishesFor, replaceFirst }
}

t.test('fault 1: a relaying hub that dies fails no connection at the hub that it relayed to', async (t) => {
  const { a, b } = await startPair(t)
  t.equal(linkOf(b)?.via, 'hub-1', 'the link to the second hub runs through the first')
  const echo = await startApp(t, (socket) => socket.pipe(socket))
  const app = testApp(echo.uri, ['node-1'])
  for (let round = 0; round < 2; round++) {
    const before = linkOf(b)
    // The kernel does the same with the connections of a process that is killed.
    for (const socket of a.sockets.splice(0)) socket.resetAndDestroy()
    const opened: Promise<Pipe>[] = []
    await a.until(() => {
      opened.push(b.open(app))
      return before !== undefined && http2Of(before).destroyed && linkOf(b) !== undefined
    }, 'the agent is back')
    const results = await Promise.allSettled(opened)
    const failed = results.flatMap((one) => (one.status === 'rejected' ? [String(one.reason)] : []))
    t.same(failed, [], `${results.length} connections, opened at any time`)
    for (const one of results) if (one.status === 'fulfilled') one.value.destroy()
  }
  b.tunnel.disconnect('node-1', 'test')
  await t.rejects(b.open(testApp(echo.uri, ['node-9'])), { code: 'MEZ_AGENT_NONE' })
})

t.test('fault 40: a link leaves the relaying hub once its own hub can be dialled directly', async (t) => {
  const a = await startTunnelHub()
  const b = await startTunnelHub({ beside: a })
  t.teardown(async () => {
    await a.close()
    await b.close()
  })
  const announce = (port: number) => {
    a.cluster.reachable = new Map([
      ['hub-1', ''],
      ['hub-2', `127.0.0.1:${port}`],
    ])
    for (const listener of a.cluster.listeners) listener()
  }
  announce(1)
  await a.agent({ token: await a.token(), returnMs: 50 }).start()
  await a.until(() => linkOf(b) !== undefined, 'the second hub has a link')
  t.equal(linkOf(b)?.via, 'hub-1', 'nothing listens at its own address')
  const pipe = await b.open(testApp((await startApp(t, (socket) => socket.pipe(socket))).uri, ['node-1']))
  announce(b.port)
  await a.until(() => linkOf(b)?.via === null, 'the agent dials the second hub itself')
  const echo = drain(pipe)
  pipe.write(Buffer.from('still open'))
  pipe.end()
  t.equal((await echo).bytes.toString(), 'still open', 'streams of the old link go on')
})

t.test('fault 29: a clock jump of three hours neither ends a link nor delays another', async (t) => {
  const hub = await startTunnelHub()
  t.teardown(() => hub.close())
  let aheadMs = 0
  const clock = { now: () => Date.now() + aheadMs, monotonic: () => performance.now() }
  await hub.agent({ token: await hub.token(), clock }).start()
  await hub.until(() => linkOf(hub) !== undefined, 'it is connected')
  for (const hours of [3, -3]) {
    const before = linkOf(hub)
    aheadMs = hours * 3_600_000
    // A heartbeat each way.
    await new Promise((resolve) => before && http2Of(before).ping(resolve))
    t.equal(linkOf(hub), before, `${hours} h: the link goes on`)
    before?.destroy('refused')
    await hub.until(() => linkOf(hub) !== undefined && linkOf(hub) !== before, 'it is back')
  }
})

t.test(
  'links that end at once are retried ever more slowly, and one that lasted is replaced quickly',
  async (t) => {
    // The longest waits of all that may be.
    t.intercept(Math, 'random', { value: () => 1 })
    const hub = await startTunnelHub()
    t.teardown(() => hub.close())
    const connections = () => hub.changed.filter(({ connected }) => connected).length
    const cut = async () => {
      const [before, at, watch] = [connections(), performance.now(), startStopwatch()]
      hub.tunnel.disconnect('node-1', 'test')
      await hub.until(() => connections() > before, 'it is back')
      return { waitedMs: performance.now() - at, tookMs: watch.took() }
    }
    await hub.agent({ token: await hub.token() }).start()
    await hub.until(() => connections() === 1, 'it is connected')
    let waitedMs = 0
    // A machine that stands still for a second lets the waits begin anew.
    for (let round = 0; round < 40 && waitedMs <= 900; round++) ({ waitedMs } = await cut())
    t.ok(waitedMs > 900, `at last after ${waitedMs} ms`)
    // A busy machine may be late once.
    const quick: number[] = []
    for (let round = 0; round < 3; round++) {
      await new Promise((resolve) => setTimeout(resolve, 2_000))
      quick.push((await cut()).tookMs)
    }
    t.ok(Math.min(...quick) < 800, `after a second of service it is back in ${quick} ms`)
  },
)

t.test('messages of a link that was replaced have no effect, and its open streams go on', async (t) => {
  const hub = await joined(t)
  const app = testApp((await startApp(t, (socket) => socket.resume())).uri, ['node-1'])
  const inUse = () => hub.tunnel.links()[0] as unknown as LiveLink
  const closed: string[] = []
  const hold = async (name: string) => {
    const pipe = await hub.open(app)
    pipe.onclose = () => void closed.push(name)
  }
  const first = inUse()
  await hold('on the first')
  first.send({ type: 'renew_now' })
  await hub.until(() => inUse() !== first, 'a link on the new certificate takes over')
  const second = inUse()
  await hold('on the second')

  for (const type of ['renew_now', 'move']) first.send({ type })
  // Longer than a try may wait.
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  t.equal(inUse(), second)
  t.same(closed, [])

  second.moving = true
  second.send({ type: 'move' })
  await hub.until(() => inUse() !== second, 'the hub has asked for another link')
  await hold('on the third')
  t.same(closed, [], 'and each goes on where it began')
})

t.test('an agent asks for a link to each live hub, and no longer to one that has gone', async (t) => {
  // No wait at all, so that whoever goes on trying is seen.
  t.intercept(Math, 'random', { value: () => 0 })
  const { a, b, cluster, wishesFor, replaceFirst } = await startPair(t)
  t.same([linkOf(a)?.via, linkOf(b)?.via], [null, 'hub-1'])
  t.same([cluster.wishes, b.sockets.length], [['hub-2'], 0])

  cluster.live('hub-1', 'hub-2', 'hub-3')
  await a.until(() => wishesFor('hub-3') > 3, 'one that nobody leads to is asked for again and again')
  cluster.live('hub-1', 'hub-2')
  await replaceFirst()
  const before = wishesFor('hub-3')
  for (let round = 0; round < 3; round++) await replaceFirst()
  t.ok(wishesFor('hub-3') - before <= 1, `asked for ${wishesFor('hub-3') - before} times since`)
  t.equal(wishesFor('hub-2'), 1)

  const lost = linkOf(b)
  b.tunnel.disconnect('node-1', 'test')
  await a.until(() => ![undefined, lost].includes(linkOf(b)), 'a link that was lost is made again')
  cluster.live('hub-1')
  await replaceFirst()
  b.tunnel.disconnect('node-1', 'test')
  await a.until(() => linkOf(b) === undefined, 'it is lost')
  await replaceFirst()
  t.equal(wishesFor('hub-2'), 2, 'unless its hub is gone')
})

t.test('an agent asks in vain for a link that must move only as long as its hub lives', async (t) => {
  t.intercept(Math, 'random', { value: () => 0 })
  const { a, b, cluster, wishesFor, replaceFirst } = await startPair(t)
  cluster.tunnels.delete('hub-2')
  linkOf(b)?.send({ type: 'move' })
  await a.until(() => wishesFor('hub-2') > 3, 'another link is asked for')
  t.ok(linkOf(b)?.usable, 'and the one that there is goes on')
  b.tunnel.disconnect('node-1', 'test')
  cluster.live('hub-1')
  await a.until(() => linkOf(b) === undefined, 'it is lost')
  await replaceFirst()
  const before = wishesFor('hub-2')
  for (let round = 0; round < 3; round++) await replaceFirst()
  t.ok(wishesFor('hub-2') - before <= 1, `asked for ${wishesFor('hub-2') - before} times since`)
})

t.test('a link to another hub does not fulfil the wish for the wanted hub', async (t) => {
  t.intercept(Math, 'random', { value: () => 0 })
  const { a, cluster, wishesFor } = await startPair(t)
  const c = await startTunnelHub({ beside: a })
  t.teardown(() => c.close())
  linkOf(a)?.send({ type: 'instances', instances: 'all' })
  cluster.tunnels.set('hub-3', a.tunnel)
  cluster.live('hub-1', 'hub-2', 'hub-3')
  await a.until(() => wishesFor('hub-3') > 3, 'it is asked for again')
  cluster.tunnels.set('hub-3', c.tunnel)
  await a.until(() => linkOf(c) !== undefined, 'until it leads there')
  t.notOk(
    a.changed.some(({ connected }) => !connected),
    'and what is no list of hubs costs no link',
  )
})

t.test('an agent with another link does not spend its join token on a hub that hangs up', async (t) => {
  t.intercept(Math, 'random', { value: () => 0 })
  const a = await startTunnelHub()
  t.teardown(() => a.close())
  const dataDir = t.testdir({})
  const first = a.agent({ token: await a.token(), dataDir })
  await first.start()
  await first.stop(500)
  let calls = 0
  const hangUp = (raw: Duplex): void =>
    acceptTls(raw, {
      authorities: a.authorities,
      alpn: 'mezite-tunnel/1',
      agentCertificate: 'optional',
      failed() {},
      secured(socket) {
        calls += 1
        socket.destroy()
      },
    })
  a.cluster.tunnels.set('hub-2', { ...a.tunnel, acceptTunnel: hangUp })
  a.cluster.live('hub-1', 'hub-2')
  await a.agent({ token: await a.token(), dataDir }).start()
  await a.until(() => calls > 3, 'it is tried again and again')
  t.equal(a.events.filter(({ type }) => type === 'agent.joined').length, 1)
})

t.test('an agent asks for at most 64 links, however many hubs a hub names', async (t) => {
  const { a, cluster, replaceFirst } = await startPair(t)
  const asked = () => new Set(cluster.wishes).size
  const away = Array.from({ length: 100 }, (_, at) => `away-${at}`)
  linkOf(a)?.send({ type: 'instances', instances: ['hub-1', 'hub-2', ...away], addresses: {} })
  await a.until(() => asked() >= 63, 'it asks for those that it has no link to')
  await replaceFirst()
  t.equal(asked(), 64)
})

t.test('J129 all links move to a renewed certificate, and only then is the previous one void', async (t) => {
  const { a, b, cluster } = await startPair(t)
  const row = () => anyTables(a.db).selectFrom('agents').selectAll().executeTakeFirstOrThrow()
  const { cert_serial: old } = await row()
  const late = Promise.withResolvers<() => void>()
  cluster.tunnels.set('hub-2', {
    ...b.tunnel,
    acceptTunnel: (raw, from) => late.resolve(() => b.tunnel.acceptTunnel(raw, from)),
  })
  linkOf(b)?.send({ type: 'renew_now' })
  const moved = (hub: TunnelHub) => ![undefined, old].includes(linkOf(hub)?.certificate.serial)
  await a.until(() => moved(a), 'one link is on the new certificate')
  const answer = await late.promise
  // Longer than an agent waits before it says that it has moved.
  await new Promise((resolve) => setTimeout(resolve, 1_200))
  t.equal((await row()).previous_serial, old, 'the other link stands on the old one')
  answer()
  await a.until(() => moved(b), 'both links are')
  const watch = startStopwatch()
  await until(async () => (await row()).previous_serial === null, 'the old one is void')
  t.ok(watch.took() < 8_000, 'sooner than a hub would see to it by itself')
  t.notOk(
    [...a.changed, ...b.changed].some(({ connected }) => !connected),
    'no link was cut',
  )
})

t.test('an agent that stops lets streams end, opens no link meanwhile, and then cuts them', async (t) => {
  t.intercept(Math, 'random', { value: () => 0 })
  const { a, b, cluster, agent, wishesFor } = await startPair(t)
  const app = testApp((await startApp(t, (socket) => socket.resume())).uri, ['node-1'])
  const pipe = await a.open(app)
  const ended = drain(pipe)
  cluster.live('hub-1', 'hub-2', 'hub-3')
  await a.until(() => wishesFor('hub-3') > 3, 'it tries to reach a third hub')
  const stopping = agent.stop(1_000)
  await a.until(() => b.changed.some(({ connected }) => !connected), 'the link that carries nothing ends')
  const asked = cluster.wishes.length
  t.equal(linkOf(a)?.streams, 1)
  await stopping
  t.ok((await ended).error)
  t.equal(cluster.wishes.length, asked)
  t.equal(b.changed.length, 2)
})

t.test('an agent that cannot start stops asking for links', async (t) => {
  t.intercept(Math, 'random', { value: () => 0 })
  const hub = await startTunnelHub()
  t.teardown(() => hub.close())
  await t.rejects(hub.agent({ token: 'guessed' }).start(), { code: 'MEZ_TOKEN_REFUSED' })
  const calls = hub.sockets.length
  // To join and to connect.
  await hub.agent({ token: await hub.token() }).start()
  await hub.until(() => hub.tunnel.links().length === 1, 'another one is connected')
  t.equal(hub.sockets.length, calls + 2)
})

t.test('an agent runs one attempt per hub at a time, and drops a link that opens late', async (t) => {
  const { a, cluster, agent, wishesFor, replaceFirst } = await startPair(t)
  const c = await startTunnelHub({ beside: a })
  t.teardown(() => c.close())
  const { tunnel } = c
  const late = Promise.withResolvers<{ raw: Duplex; answer: () => void }>()
  cluster.tunnels.set('hub-3', {
    ...tunnel,
    acceptTunnel: (raw, from) => late.resolve({ raw, answer: () => tunnel.acceptTunnel(raw, from) }),
  })
  for (let time = 0; time < 20; time++) cluster.live('hub-1', 'hub-2', 'hub-3')
  const { raw, answer } = await late.promise
  for (let time = 0; time < 20; time++) cluster.live('hub-1', 'hub-2', 'hub-3')
  await replaceFirst()
  t.equal(wishesFor('hub-3'), 1)
  await agent.stop(500)
  answer()
  await once(raw, 'close')
  t.same(c.changed, [])
})
