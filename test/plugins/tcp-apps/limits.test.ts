// together: plugin-hubs
import { generateKeyPairSync } from 'node:crypto'
import { Agent } from 'node:https'
import t from 'tap'
import { closed, type Login, open, startTcpHub, type TcpHub } from './start-tcp-hub.ts'

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

/** A certificate of a bot, as `msh login --bot` gets it by a secret. */
async function botLogin(bot: string, secret: string, localAddress = '127.0.0.1') {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const agent = new Agent({ localAddress })
  const body = { bot, secret, public_key: key.publicKey.export({ type: 'spki', format: 'pem' }) }
  const { status, text } = await tcp.hub.visitor().fetch(`${tcp.hub.url}/v1/webapi/user-certs`, {
    agent,
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  })
  agent.destroy()
  const answer: Readonly<Record<string, string>> = JSON.parse(text)
  const login = { ...answer, key: key.privateKey.export({ type: 'pkcs8', format: 'pem' }) }
  return { status, code: answer.code, login: login as Login }
}

async function makeBot(name: string): Promise<string> {
  const document = { kind: 'bot', version: 'v1', metadata: { name }, spec: { roles: ['platform'] } }
  await tcp.hub.api('PUT', `/bots/${name}`, document)
  return (await tcp.hub.api<{ secret: string }>('POST', `/bots/${name}/secret`)).secret
}

t.test('N169 a bot at its cap is refused with each certificate, and another bot goes on', async (t) => {
  const secret = await makeBot('busy')
  const one = tcp.msh((await botLogin('busy', secret)).login)
  const two = tcp.msh((await botLogin('busy', secret)).login)
  const held = await Promise.all([1, 2, 3, 4].map(() => open(one, 'one')))
  t.match(held, Array(4).fill({ status: 200 }))
  t.match(await open(two, 'two'), { status: 429, reason: 'person_limit' })
  const calm = tcp.msh((await botLogin('calm', await makeBot('calm'))).login)
  const another = await open(calm, 'one')
  t.equal(another.status, 200)
  another.stream.destroy()
  await tcp.events(
    'access.denied',
    ({ reason, user, app }) => reason === 'person_limit' && user === 'bot:busy' && app === 'two',
  )
  for (const { stream } of held) stream.destroy()
  const again = await until(200, () => open(two, 'two'))
  t.equal(again.status, 200, 'every place was given back')
  again.stream.destroy()
})

t.test('N169 guesses of a bot’s secret are counted for their address alone', async (t) => {
  const secret = await makeBot('guessed')
  const guess = () => botLogin('guessed', `mezite_bot_${'x'.repeat(43)}`, '127.0.0.7')
  const codes = new Set<string | undefined>()
  const deadline = Date.now() + 120_000
  // Together, so that a slow machine does not get new calls in between.
  while (!codes.has('too_many_requests') && Date.now() < deadline)
    for (const { code } of await Promise.all(Array.from({ length: 40 }, guess))) codes.add(code)
  t.strictSame([...codes].toSorted(), ['bot_refused', 'too_many_requests'])
  t.equal((await botLogin('guessed', secret)).status, 200, 'the bot itself is elsewhere')
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
