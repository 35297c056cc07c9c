// together: tunnels
import assert from 'node:assert/strict'
import { createServer as createHttpServer, type IncomingMessage } from 'node:http'
import { createServer as createHttp2Server, type Http2ServerRequest } from 'node:http2'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import type { App } from '../../../core/api/app.ts'
import type { Pipe } from '../../../core/api/tunnel.ts'
import { admissionTo } from './admission-to.ts'
import { drain, joined, startApp } from './start-app.ts'
import { startTunnelHub, testApp } from './start-tunnel-hub.ts'

t.test('bytes pass in both directions, and each direction ends separately', async (t) => {
  const hub = await joined(t)
  const echo = await startApp(t, (socket) => {
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.on('end', () => socket.end(Buffer.concat(chunks)))
  })
  const pipe = await hub.open(testApp(echo.uri))
  const reading = drain(pipe)
  const sent = Buffer.concat([Buffer.from('POST /p HTTP/1.1\r\n'), Buffer.alloc(300_000, 'x')])
  pipe.write(sent.subarray(0, 7))
  pipe.write(sent.subarray(7))
  pipe.end()
  const { bytes, ended, error } = await reading
  t.ok(bytes.equals(sent), 'the echo is byte for byte what was sent')
  t.equal(ended, true)
  t.equal(error, null)
  t.match(hub.events, [{ type: 'token.created' }, { type: 'agent.joined' }, { type: 'agent.connected' }])
})

t.test('a reset of the application never looks like a clean end', async (t) => {
  const hub = await joined(t)
  const app = await startApp(t, (socket) => {
    socket.write(Buffer.alloc(50_000, 'y'))
    socket.on('data', () => socket.resetAndDestroy())
  })
  for (let round = 0; round < 20; round++) {
    const pipe = await hub.open(testApp(app.uri))
    const reading = drain(pipe)
    pipe.write(Buffer.from('now'))
    const { ended, error } = await reading
    t.equal(ended, false, 'no clean end')
    t.ok(error, 'an error')
  }
})

t.test('a reset from the hub resets the connection to the application', async (t) => {
  const hub = await joined(t)
  const seen = Promise.withResolvers<string>()
  const app = await startApp(t, (socket) => {
    socket.on('error', (error: NodeJS.ErrnoException) => seen.resolve(error.code ?? 'error'))
    socket.on('end', () => seen.resolve('clean end'))
    socket.resume()
  })
  const pipe = await hub.open(testApp(app.uri))
  const reading = drain(pipe)
  pipe.write(Buffer.from('half'))
  pipe.destroy()
  t.equal(await seen.promise, 'ECONNRESET')
  t.ok((await reading).error)
})

t.test('J130 a removed or locked agent is cut at once and not let in again', async (t) => {
  const hub = await joined(t)
  const app = testApp('tcp://127.0.0.1:1')
  hub.route = (links) => {
    hub.locked.add('node-1')
    return links
  }
  await t.rejects(
    hub.open(app),
    { code: 'MEZ_DIAL_FAILED', reason: 'agent_not_bound' },
    'just after its choice',
  )
  t.same(hub.tunnel.candidates(app), [])
  await hub.revisions.write(async (_trx, change) => change.touch('lock', 'x'))
  await hub.until(() => hub.tunnel.links().length === 0, 'the link is cut')
  await hub.until(
    () => hub.events.some((e) => e.reason === 'agent_locked' && e.type === 'agent.rejected'),
    'rejected',
  )
  t.equal(hub.tunnel.links().length, 0)
})

t.test('J130 stale data neither admits nor rejects anybody', async (t) => {
  let ahead = 0
  const clock = { now: Date.now, monotonic: () => performance.now() + ahead }
  const hub = await startTunnelHub({ clock })
  t.teardown(() => hub.close())
  await hub.agent({ token: await hub.token() }).start()
  await hub.until(() => hub.tunnel.links().length === 1, 'it is connected')
  let [fresh, reads, fails] = [false, 0, false]
  t.intercept(hub.revisions, 'fresh', { value: () => fresh })
  t.intercept(hub.revisions, 'catchUp', {
    value: async () => {
      reads += 1
      if (fails) throw new Error('no database')
    },
  })
  const seenTwice = (what: string) => {
    const before = reads
    return hub.until(() => reads >= before + 2, what)
  }
  const count = (type: string, reason?: string) =>
    hub.events.filter((event) => event.type === type && (!reason || event.reason === reason)).length

  hub.tunnel.disconnect('node-1', 'test')
  await seenTwice('it is back, and the view is still old')
  t.equal(count('agent.connected'), 1)
  ahead += 8_001
  await hub.until(() => count('agent.rejected', 'view_stale') === 1, 'it is not kept waiting for ever')

  hub.locked.add('node-1')
  ;[fresh, fails] = [true, true]
  await seenTwice('what stands against it cannot be read anew')
  t.equal(count('agent.rejected'), 1)
  hub.locked.clear()
  fails = false
  await hub.until(() => count('agent.connected') === 2, 'it is let in once it can')
})

t.test('J128 an agent serves only apps that it is bound to, whatever a plugin answers', async (t) => {
  const hub = await joined(t)
  const other = testApp('tcp://127.0.0.1:9', ['node-2'])
  t.same(hub.tunnel.candidates(other), [])
  const [link] = hub.tunnel.links()
  if (!link) throw new Error('no link')
  hub.route = () => [link, { ...link }]
  t.same(hub.tunnel.candidates(other), [], 'a link that was not offered is dropped')
  await t.rejects(hub.open(other), { code: 'MEZ_AGENT_NONE' })
  hub.route = () => {
    throw new Error('a plugin failed')
  }
  t.same(
    hub.tunnel.candidates(testApp('tcp://127.0.0.1:9')),
    [],
    'nor is it any agent that a plugin has not let pass',
  )
})

t.test('refusals carry the reason of the agent', async (t) => {
  const hub = await joined(t)
  const { uri, server } = await startApp(t, () => {})
  await new Promise((resolve) => server.close(resolve))
  await t.rejects(hub.open(testApp(uri)), { code: 'MEZ_DIAL_FAILED', reason: 'connection_refused' })
  await t.rejects(hub.open(testApp('http://169.254.169.254/')), /apps\.allow|target_not_allowed/)
})

t.test('the state of an app follows its agents, unasked and when somebody connects', async (t) => {
  const hub = await joined(t)
  const { uri, server } = await startApp(t, (socket) => socket.resume())
  const [dead, alive] = [
    testApp('tcp://127.0.0.1:1'),
    testApp(uri, ['node-1'], { id: 'alive', name: 'alive' }),
  ]
  hub.apps.push(dead, alive)
  await hub.until(() => hub.tunnel.stateOf(dead).state === 'unreachable', 'an agent finds out by itself')
  t.same(hub.tunnel.stateOf(dead), { state: 'unreachable', reason: 'connection_refused' })
  t.match(hub.tunnel.lastError(dead, 'node-1'), /connection_refused/)
  t.same(hub.tunnel.stateOf(alive), { state: 'ready', reason: null }, 'errors belong to the app')
  t.equal(hub.tunnel.lastError(alive, 'node-1'), null)
  t.equal(hub.tunnel.links()[0]?.streams, 0, 'probes are no load')
  await new Promise((resolve) => server.close(resolve))
  await t.rejects(hub.open(alive))
  t.match(hub.tunnel.stateOf(alive), { state: 'unreachable' })
  t.match(
    hub.tunnel.stateOf({ ...alive, uri: 'tcp://127.0.0.1:2' }),
    { state: 'ready' },
    'not of an older target',
  )
  t.match(hub.tunnel.stateOf({ ...alive, enabled: false }), { state: 'disabled' })
  t.match(hub.tunnel.stateOf({ ...alive, agents: ['node-2'] }), { state: 'no_agent' })
})

t.test('the state of an app with health follows its path, over every version of HTTP', async (t) => {
  const hub = await joined(t)
  const seen: string[] = []
  let status = 503
  const respond = (request: IncomingMessage | Http2ServerRequest, end: (status: number) => void) => {
    const { headers, method, url, httpVersion } = request
    const host = headers[':authority'] ?? headers.host
    seen.push(
      `${method} ${url} ${httpVersion} ${host} ${headers['x-mezite-user'] ?? headers.cookie ?? 'nobody'}`,
    )
    end(status)
  }
  const old = createHttpServer((request, response) =>
    respond(request, (code) => response.writeHead(code).end('x')),
  )
  const h2c = createHttp2Server((request, response) =>
    respond(request, (code) => response.writeHead(code).end('x')),
  )
  const ports: number[] = []
  for (const server of [old, h2c]) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    ports.push((server.address() as AddressInfo).port)
    t.teardown(() => server.close())
  }
  const health = { path: '/up?x=1', intervalMs: 1_000 }
  const silent = await startApp(t, (socket) => socket.once('data', () => socket.end()))
  const apps = [
    testApp(`http://127.0.0.1:${ports[0]}`, ['node-1'], { id: 'one', health }),
    testApp(`http://127.0.0.1:${ports[1]}`, ['node-1'], {
      id: 'two',
      httpVersion: 'h2c',
      rewriteHost: 'upstream',
      health,
    }),
    testApp(silent.uri.replace('tcp:', 'http:'), ['node-1'], { id: 'three', health }),
  ]
  const [one, two, three] = apps as [App, App, App]
  hub.apps.push(...apps)
  const states = () => apps.map((app) => hub.tunnel.stateOf(app))
  const unhealthy = { state: 'unreachable', reason: 'unhealthy' }
  await hub.until(() => states().every(({ reason }) => reason === 'unhealthy'), 'every app is unhealthy')
  t.match(hub.tunnel.lastError(one, 'node-1'), 'app through node-1: GET /up?x=1: status 503')
  t.match(
    hub.tunnel.lastError(three, 'node-1'),
    'GET /up?x=1: the app closed the connection without a response',
  )
  t.ok(seen.includes('GET /up?x=1 1.1 app.apps.example.com nobody'), 'as nobody, under the public host')
  t.ok(seen.includes(`GET /up?x=1 2.0 127.0.0.1:${ports[1]} nobody`), 'over HTTP/2')
  const pipe = await hub.open(one)
  pipe.destroy()
  t.same(hub.tunnel.stateOf(one), unhealthy, 'an open port is not enough')
  status = 302
  await hub.until(
    () => hub.tunnel.stateOf(one).state === 'ready' && hub.tunnel.stateOf(two).state === 'ready',
    'both are ready',
  )
  t.same(hub.tunnel.stateOf(three), unhealthy)
  t.match(
    await hub.tunnel.probe(three, 'node-1'),
    { ok: false, reason: 'unhealthy' },
    'also before it is saved',
  )
  t.match(await hub.tunnel.probe(one, 'node-1'), { ok: true })
})

t.test('J129 the newest connection of an identity wins', async (t) => {
  const hub = await startTunnelHub()
  t.teardown(() => hub.close())
  const dataDir = t.testdir({})
  const first = hub.agent({ token: await hub.token(), dataDir })
  await first.start()
  await hub.until(() => hub.tunnel.links().length === 1, 'it is connected')
  const [link] = hub.tunnel.links()
  await hub.agent({ dataDir }).start()
  await hub.until(() => hub.events.some((event) => event.reason === 'replaced'), 'the older one is replaced')
  t.not(hub.tunnel.links()[0], link)
  hub.route = (links) => {
    hub.tunnel.disconnect('node-1', 'test')
    return links
  }
  await t.rejects(
    hub.open(testApp('tcp://127.0.0.1:1')),
    { code: 'MEZ_LINK_LOST' },
    'lost just after its choice',
  )
})

t.test('1,000 quick connections succeed, and a stalled one does not stop the others', async (t) => {
  const hub = await joined(t)
  const app = await startApp(t, (socket) => {
    socket.on('data', (chunk: Buffer) => {
      if (chunk[0] === 'f'.charCodeAt(0)) socket.write(Buffer.alloc(16 << 20))
      else socket.end(chunk)
    })
    socket.on('end', () => socket.end())
  })
  const stalled = await hub.open(testApp(app.uri))
  stalled.pause()
  stalled.write(Buffer.from('flood'))
  let clean = 0
  for (let batch = 0; batch < 10; batch++) {
    await Promise.all(
      Array.from({ length: 100 }, async () => {
        const pipe = await hub.open(testApp(app.uri))
        const reading = drain(pipe)
        pipe.write(Buffer.from('ping'))
        pipe.end()
        const { bytes, error } = await reading
        if (bytes.toString() === 'ping' && !error) clean += 1
      }),
    )
  }
  t.equal(clean, 1_000)
  stalled.destroy()
})

t.test('certificates renew on the control stream and links never outlive theirs', async (t) => {
  const hub = await startTunnelHub({ agentLifeMs: 3_000 })
  t.teardown(() => hub.close())
  // Certificates are dated 5 minutes back, so two thirds of this life are over at once.
  const agent = hub.agent({ token: await hub.token() })
  await agent.start()
  const serials = new Set<string>()
  await hub.until(() => {
    for (const link of hub.tunnel.links()) serials.add(String(link.since))
    return serials.size > 1 && agent.connected
  }, 'a link on the renewed certificate')
  t.ok(hub.events.some((event) => event.reason === 'replaced'))
})

t.test('draining lets streams under way end', async (t) => {
  const hub = await joined(t)
  const app = await startApp(t, (socket) => socket.on('data', (chunk: Buffer) => socket.end(chunk)))
  const pipe = await hub.open(testApp(app.uri))
  const reading = drain(pipe)
  const drained = hub.tunnel.drain(AbortSignal.timeout(30_000))
  await t.rejects(hub.open(testApp(app.uri)), { code: 'MEZ_AGENT_NONE' })
  pipe.write(Buffer.from('still works'))
  pipe.end()
  const { bytes, error } = await reading
  t.equal(bytes.toString(), 'still works')
  t.equal(error, null)
  await drained
})

t.test('an admission opens connections to targets if its kind allows that, and the agent too', async (t) => {
  const hub = await joined(t)
  const one = await startApp(t, (socket) => void socket.end('one'))
  const other = await startApp(t, (socket) => void socket.end('other'))
  const app = testApp(one.uri, ['node-1'], { protocol: 'network' as never })
  const targets = () =>
    hub.events.flatMap(({ type, success, reason, fields }) =>
      type === 'app.target' ? [{ success, reason, target: fields?.target, agent: fields?.agent }] : [],
    )
  const all = async (pipe: Pipe) => {
    const reading = drain(pipe)
    pipe.end()
    return String((await reading).bytes)
  }
  const open = async (target: string, of = app) =>
    all(await hub.tunnel.open(admissionTo(of), { target, idle: () => assert.fail('no idle connection') }))
  const reasonOf = (opening: Promise<unknown>) => opening.then(String, (error) => error.reason)
  t.equal(await open(other.uri), 'other')
  t.equal(await all(await hub.open(app)), 'one', 'without a target it is the app')
  t.equal(await reasonOf(open('tcp://169.254.169.254:80')), 'target_not_allowed')
  t.equal(hub.tunnel.stateOf(app).state, 'ready', 'a target that fails says nothing about the app')
  t.equal(await reasonOf(open(other.uri, testApp(one.uri))), 'target_unsupported')
  for (const wrong of [
    '',
    'other',
    'http://127.0.0.1:80',
    'tcp://127.0.0.1',
    'tcp://a:0',
    'tcp://a:99999',
    'unix:/x:1',
  ])
    t.equal(await reasonOf(open(wrong)), 'target_invalid', wrong)
  t.match(targets(), [
    { success: true, reason: null, target: other.uri, agent: 'node-1' },
    { success: false, reason: 'target_not_allowed', target: 'tcp://169.254.169.254:80', agent: 'node-1' },
    { success: false, reason: 'target_unsupported', target: other.uri, agent: null },
    ...Array.from({ length: 7 }, () => ({ success: false, reason: 'target_invalid' })),
  ])
  const ended = admissionTo(app)
  ended.close()
  await t.rejects(async () => hub.tunnel.open(ended, { target: other.uri }), { code: 'MEZ_ADMISSION_ENDED' })
})
