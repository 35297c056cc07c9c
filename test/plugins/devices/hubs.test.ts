// long
/** Devices and webhooks at two hubs on one database: what one hub has let in or removed, the other knows. */
import { createHmac } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { TestHub } from '../../../core/testing/index.ts'
import { BROWSER_KINDS, CUT, endings, openInBrowser, startDripApp } from '../../e2e/live-streams.ts'
import { register } from '../../e2e/resources.ts'
import { startAgent } from '../../e2e/start-agent.ts'
import { startTwoHubs } from '../../e2e/start-two-hubs.ts'
import { startStopwatch } from '../../stopwatch.ts'
import { until } from '../../until.ts'
import { keysOf } from '../webauthn/key-hub.ts'
import { devicesOf } from './device-hub.ts'

/** As for locks at the other hub. */
const CUT_MS = 5_000
const BODY = '{"action":"opened"}'
const SECRET = 'the secret of a sender, of 40 characters'
const folder = await mkdtemp(join(tmpdir(), 'mezite-doors-'))
const file = join(folder, 'sender')
writeFileSync(file, `${SECRET}\n`, { mode: 0o600 })
t.teardown(() => rm(folder, { recursive: true, force: true }))
const drip = await startDripApp()
t.teardown(() => drip.close())

const pair = await startTwoHubs(t, {
  config: { plugins: { webauthn: {}, 'public-paths': { secrets: { sender: { file } } } } },
})
const { a, b, dir } = pair
const agents = await Promise.all(
  [a, b].map(async (hub, at) => {
    const hostname = `node-${at + 1}`
    const proxy = `hub.mezite.localhost:${hub.port}`
    const agent = await startAgent({ hostname, proxy, api: hub.api, dir })
    t.teardown(() => agent.stop())
    return hostname
  }),
)
const hooks = ['slack', 'stripe'].map((preset) => ({
  ...{ name: preset, methods: ['POST'], paths: [`/hooks/${preset}`] },
  verify: { hmac: { preset, secret: 'sender' } },
}))
await register(a.api, 'one', drip.httpPort, { agents, plugins: { 'public-paths': { rules: hooks } } })
await register(a.api, 'two', drip.httpPort, { agents })
await a.api('PUT', '/roles/staff', {
  kind: 'role',
  version: 'v1',
  metadata: { name: 'staff' },
  spec: { allow: { app_labels: { env: 'test' } } },
})
pair.balanceTo(a)
const hub = { ...pair, api: a.api, url: pair.hubUrl, signInUrl: pair.hubUrl } as unknown as TestHub
const keys = await keysOf(hub)
const { add, ask } = devicesOf(hub, keys)
const ann = await keys.person('ann@example.com', ['staff'])
const status = async (secret: string) => (await ask('one', '/', { 'mezite-device': secret })).status

/** A download, an event stream and a WebSocket of the device. */
const streams = (secret: string) =>
  openInBrowser(pair.visitor(), pair.appUrl('one'), { 'mezite-device': secret })

t.test('a device that is added at hub A opens its app at hub B, and nothing else there', async (t) => {
  pair.balanceTo(a)
  const { secret } = await add(ann, { name: 'Added at A' })
  pair.balanceTo(b)
  const ms = await until(async () => (await status(secret)) === 200, 'hub B knows the device')
  t.comment(`hub B knows a new device after ${Math.round(ms)} ms`)
  t.equal((await ask('two', '/', { 'mezite-device': secret })).status, 401, 'another app')
  t.equal(await status(`${secret.slice(0, -1)}${secret.endsWith('A') ? 'B' : 'A'}`), 401)
})

for (const [first, other] of [
  [a, b],
  [b, a],
] as const) {
  t.test(`X240 a device that is removed at ${first.name} is cut at ${other.name} within 2 s`, async (t) => {
    pair.balanceTo(first)
    const { secret, id } = await add(ann, { name: `Of ${first.name}` })
    const kept = await add(ann, { name: `Kept at ${first.name}` })
    pair.balanceTo(other)
    const open = await streams(secret)
    const staying = await pair
      .visitor()
      .stream(`${pair.appUrl('one')}/events`, { headers: { 'mezite-device': kept.secret } })
    staying.on('error', () => {}).resume()
    // The browser may have kept its connection to the other hub, so that this one learns of the device a moment later.
    const known = async () =>
      (await first.api<{ id: string }[]>('GET', '/devices')).some((one) => one.id === id)
    await until(known, `${first.name} knows the device`)
    const sinceRemoved = startStopwatch()
    const from = performance.now()
    await first.api('DELETE', `/devices/${id}`)
    const ends = await endings(open)
    t.strictSame(
      ends.map(({ how }) => how),
      BROWSER_KINDS.map((kind) => CUT[kind]),
    )
    const last = Math.max(...ends.map(({ at }) => at))
    t.comment(`from the removal to the last cut at the other hub: ${Math.round(last - from)} ms`)
    t.ok(sinceRemoved.took(last) < CUT_MS, `all is cut after ${sinceRemoved.took(last)} ms`)
    t.equal(await status(secret), 401, 'the secret opens nothing there')
    t.equal(staying.closed, false, 'a stream of another device goes on')
    t.equal(await status(kept.secret), 200)
    staying.destroy()
    pair.balanceTo(first)
    t.equal(await status(secret), 401, 'nor where it was removed')
  })
}

t.test('U227 a copy of a webhook is refused at the other hub, also when both come at once', async (t) => {
  const post = async (path: string, headers: Readonly<Record<string, string>>) =>
    (
      await ask(
        'one',
        path,
        { ...headers, 'content-type': 'application/json' },
        { method: 'POST', body: BODY },
      )
    ).status
  const mac = (text: string) => createHmac('sha256', SECRET).update(text).digest('hex')
  const slack = (time: string) => ({
    'x-slack-request-timestamp': time,
    'x-slack-signature': `v0=${mac(`v0:${time}:${BODY}`)}`,
  })
  const now = Math.floor(Date.now() / 1_000)
  for (const [first, other, time] of [
    [a, b, String(now)],
    [b, a, String(now - 1)],
  ] as const) {
    pair.balanceTo(first)
    t.equal(await post('/hooks/slack', slack(time)), 200, `first at ${first.name}`)
    pair.balanceTo(other)
    t.equal(await post('/hooks/slack', slack(time)), 401, `its copy at ${other.name}`)
  }
  // New connections go to the hubs in turn.
  pair.balanceTo(a, b)
  for (const turn of [0, 1, 2, 3]) {
    const time = String(now - 2 - turn)
    const signature = { 'stripe-signature': `t=${time},v1=${mac(`${time}.${BODY}`)}` }
    const all = await Promise.all([1, 2, 3, 4].map(() => post('/hooks/stripe', signature)))
    t.same(all.sort(), [200, 401, 401, 401], 'four copies at once, two at each hub')
  }
})
