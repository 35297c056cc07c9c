// together: tunnels
import type { Socket } from 'node:net'
import t from 'tap'
import type { LiveLink } from '../../../core/traffic/tunnel/link.ts'
import type { Deadlines } from '../../../plugins/http-apps/deadlines.ts'
import { Http1Upstream } from '../../../plugins/http-apps/upstream/http1-upstream.ts'
import { PipePool } from '../../../plugins/http-apps/upstream/pipe-pool.ts'
import type { Upstream } from '../../../plugins/http-apps/upstream/upstream.ts'
import { admissionTo } from './admission-to.ts'
import { drain, startApp } from './start-app.ts'
import { startTunnelHub, type TunnelHub, testApp } from './start-tunnel-hub.ts'

const both = ['node-1', 'node-2']

/** Two agents; `node-2` may dial only what `allow` says. */
async function pair(
  t: { teardown(run: () => unknown): void },
  allow?: readonly string[],
): Promise<{ hub: TunnelHub; stopOne: (graceMs?: number) => Promise<void> }> {
  const hub = await startTunnelHub()
  t.teardown(() => hub.close())
  const one = hub.agent({ token: await hub.token('node-1') })
  await one.start()
  await hub
    .agent({ token: await hub.token('node-2'), hostname: 'node-2', ...(allow ? { allow } : {}) })
    .start()
  await hub.until(() => hub.tunnel.links().length === 2, 'both are connected')
  return { hub, stopOne: (graceMs) => one.stop(graceMs) }
}

t.test('streams are spread over the agents of an app', async (t) => {
  const { hub } = await pair(t)
  const app = await startApp(t, (socket) => socket.resume())
  const pipes = []
  for (let at = 0; at < 10; at++) pipes.push(await hub.open(testApp(app.uri, both)))
  for (const link of hub.tunnel.links()) t.equal(link.streams, 5, link.hostname)
  for (const link of hub.tunnel.links() as LiveLink[]) {
    link.moving = true
    t.equal(hub.tunnel.candidates(testApp(app.uri, both))[1], link, 'one that may soon be cut comes last')
    link.moving = false
  }
  for (const pipe of pipes) pipe.destroy()
  await hub.until(() => hub.tunnel.links().every((link) => link.streams === 0), 'none is left')
})

t.test('requests over kept connections are spread evenly, however many are under way at once', async (t) => {
  const { hub } = await pair(t)
  const target = await startApp(t, (socket) => socket.pipe(socket))
  const app = testApp(target.uri, both)
  // As http-apps does it, with its own pool.
  const deadlines = { now: 0, add() {}, remove() {} } as unknown as Deadlines
  const pool = new PipePool(deadlines, hub.tunnel)
  t.teardown(() => pool.close())
  for (const atOnce of [1, 4, 8, 32]) {
    const counts: Record<string, number> = { 'node-1': 0, 'node-2': 0 }
    let left = 400
    const work = async () => {
      while (left-- > 0) {
        let kept: Upstream | undefined
        const idle = (agent: string) => {
          kept = pool.take('session', app, agent)
          return kept?.pipe
        }
        const pipe = await hub.tunnel.open(admissionTo(app), { idle })
        counts[pipe.agent] = (counts[pipe.agent] ?? 0) + 1
        const upstream = kept?.pipe === pipe ? kept : new Http1Upstream(pipe, app, 'session')
        await new Promise((done) => setTimeout(done, 2))
        pool.give(upstream)
      }
    }
    await Promise.all(Array.from({ length: atOnce }, work))
    const [one = 0, two = 0] = Object.values(counts)
    t.equal(one + two, 400)
    t.ok(Math.abs(one - two) <= 40, `${atOnce} at once: ${one} and ${two}`)
  }
  for (const link of hub.tunnel.links() as LiveLink[]) t.equal(link.load, 0, 'idle connections are no load')
  const busy = await hub.tunnel.open(admissionTo(app))
  const first = hub.tunnel.links().find(({ hostname }) => hostname === busy.agent)
  for (let at = 0; at < 5; at++)
    t.equal(hub.tunnel.candidates(app)[1], first, 'one that carries something comes last')
  busy.destroy()
})

t.test('an agent that may not or cannot dial is skipped; without one the request fails', async (t) => {
  const { hub, stopOne } = await pair(t, ['192.0.2.1:1'])
  const app = await startApp(t, (socket) => socket.pipe(socket))
  const shared = testApp(app.uri, both)
  hub.apps.push(shared)
  for (let at = 0; at < 4; at++) {
    const pipe = await hub.open(shared)
    t.equal(pipe.agent, 'node-1')
    pipe.destroy()
  }
  t.match(hub.tunnel.lastError(shared, 'node-2'), /target_not_allowed/)
  t.equal(hub.tunnel.lastError(shared, 'node-1'), null)
  t.match(hub.tunnel.stateOf(shared), { state: 'ready' }, 'one agent that reaches it is enough')
  await t.rejects(hub.open(testApp(app.uri, [])), { code: 'MEZ_AGENT_NONE' })
  await t.rejects(hub.open(testApp(app.uri, ['node-3'])), { code: 'MEZ_AGENT_NONE' })
  await stopOne(500)
  await t.rejects(hub.open(testApp(app.uri, both)), {
    code: 'MEZ_DIAL_FAILED',
    reason: 'target_not_allowed',
  })
})

t.test('fault 19: sent bytes are never sent again, and other requests go to the other agent', async (t) => {
  const { hub } = await pair(t)
  const sockets: Socket[] = []
  let received = ''
  const app = await startApp(t, (socket) => {
    sockets.push(socket)
    socket.on('data', (chunk: Buffer) => {
      received += chunk
    })
  })
  const pipe = await hub.open(testApp(app.uri, both))
  const reading = drain(pipe)
  pipe.write(Buffer.from('POST once'))
  await hub.until(() => received.length > 0, 'the application has it')
  hub.tunnel.disconnect(pipe.agent, 'test')
  t.ok((await reading).error, 'the owner is told')
  const next = await hub.open(testApp(app.uri, both))
  t.not(next.agent, pipe.agent, 'the other agent serves')
  next.write(Buffer.from(' GET'))
  await hub.until(() => received.includes('GET'), 'the next request is there')
  t.equal(received, 'POST once GET')
  t.equal(sockets.length, 2)
  next.destroy()
})

t.test('an agent that stops finishes its streams and accepts no new one', async (t) => {
  const { hub, stopOne } = await pair(t)
  const app = await startApp(t, (socket) => socket.on('data', (chunk: Buffer) => socket.end(chunk)))
  const only = testApp(app.uri, ['node-1'])
  const pipe = await hub.open(only)
  const reading = drain(pipe)
  const stopping = stopOne(5_000)
  await hub.until(() => hub.tunnel.candidates(only).length === 0, 'the hub knows')
  t.equal(hub.tunnel.candidates(testApp(app.uri, both)).length, 1)
  pipe.write(Buffer.from('last words'))
  pipe.end()
  t.match(await reading, { ended: true, error: null })
  await stopping
  t.same(
    hub.tunnel.links().map((link) => link.hostname),
    ['node-2'],
  )
})
