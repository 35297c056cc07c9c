import t from 'tap'
import { closed, open, startTcpHub, type TcpHub } from './start-tcp-hub.ts'

let tcp: TcpHub
t.before(async () => {
  tcp = await startTcpHub({
    config: {
      tunnel: { streams_per_agent: 8 },
      plugins: { 'tcp-apps': { connections_per_person: 4, connections_per_app: 6, logins_per_session: 2 } },
    },
  })
  for (const name of ['one', 'two']) await tcp.publish(name, (socket) => void socket.pipe(socket))
})
t.teardown(() => tcp?.stop())

/** Asks until the answer is `status`: places are given back when both ends have heard of the end. */
async function until(status: number, ask: () => ReturnType<typeof open>) {
  const deadline = Date.now() + 30_000
  while (true) {
    const opened = await ask()
    if (opened.status === status || Date.now() > deadline) return opened
    opened.stream.destroy()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

t.test('N169 a person, an app and an agent at their caps refuse only their own connections', async (t) => {
  const ada = tcp.msh(await tcp.login('ada', ['platform']))
  const bob = tcp.msh(await tcp.login('bob', ['platform']))
  const eve = tcp.msh(await tcp.login('eve', ['platform']))
  const held = await Promise.all([1, 2, 3, 4].map(() => open(ada, 'one')))
  t.strictSame(
    held.map(({ status }) => status),
    [200, 200, 200, 200],
  )
  const more = tcp.msh(await tcp.login('ada', ['platform']))
  t.match(await open(more, 'two'), { status: 429, reason: 'person_limit' }, 'also on another connection')

  const bobs = await Promise.all([1, 2].map(() => open(bob, 'one')))
  t.match(bobs, [{ status: 200 }, { status: 200 }], 'somebody else goes on')
  t.match(await open(bob, 'one'), { status: 503, reason: 'app_limit' })
  const two = [await open(bob, 'two'), await open(eve, 'two')]
  t.match(two, [{ status: 200 }, { status: 200 }], 'another app goes on')
  t.match(await open(eve, 'two'), { status: 503, reason: 'agent_limit' }, 'no other agent is there')

  const events = await tcp.events('access.denied', ({ reason }) => /_limit$/.test(String(reason)), 2)
  t.match(events.map(({ reason, user, app }) => `${reason} ${user} ${app}`).toSorted(), [
    'app_limit bob@example.com one',
    'person_limit ada@example.com two',
  ])

  for (const { stream } of [...held, ...bobs, ...two]) {
    stream.destroy()
    await closed(stream)
  }
  const again = await until(200, () => open(more, 'two'))
  t.equal(again.status, 200, 'every place was given back')
  again.stream.destroy()
  for (let turn = 0; turn < 20; turn += 1) {
    const { stream, status } = await until(200, () => open(eve, 'one'))
    t.equal(status, 200)
    if (turn % 2 === 0) stream.end()
    stream.destroy()
  }
})

t.test('N169 streams to web applications, even idle ones, count for their person', async (t) => {
  await tcp.hub.api('PUT', '/apps/web', {
    kind: 'app',
    version: 'v1',
    metadata: { name: 'web', labels: { team: 'platform' } },
    spec: { uri: 'http://127.0.0.1:9', agents: ['node-1'] },
  })
  const session = tcp.msh(await tcp.login('dan', ['platform']))
  const more = tcp.msh(await tcp.login('dan', ['platform']))
  const web = (from: typeof session) => open(from, 'web', { 'mezite-protocol': 'http' })
  const held = await Promise.all([1, 2, 3, 4].map(() => web(session)))
  t.match(held, Array(4).fill({ status: 200 }))
  t.match(await web(more), { status: 429, reason: 'person_limit' })
  t.match(await open(more, 'one'), { status: 429 }, 'of both kinds together')
  for (const { stream } of held) stream.destroy()
  for (let turn = 0; turn < 10; turn += 1) {
    const { stream, status } = await until(200, () => web(more))
    t.equal(status, 200, 'every place was given back')
    stream.destroy()
  }
})

t.test('the connections of msh with one certificate are limited', async (t) => {
  const who = await tcp.login('carl', ['platform'])
  const held = [tcp.msh(who), tcp.msh(who)]
  for (const session of held) t.equal((await open(session, 'one')).status, 200)
  await t.rejects(open(tcp.msh(who), 'one'))
  for (const session of held) session.destroy()
  const deadline = Date.now() + 20_000
  const again = async (): Promise<number> =>
    open(tcp.msh(who), 'one').then(
      ({ status }) => status,
      (error) => (Date.now() > deadline ? Promise.reject(error) : again()),
    )
  t.equal(await again(), 200, 'every place was given back')
})
