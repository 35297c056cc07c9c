// long
/** What an operator does to a running cluster of built programs, and what people see of it. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Visitor } from '../../core/testing/visitor.ts'
import { signIn } from '../../examples/cluster/check/person-steps.ts'
import { people } from '../../examples/cluster/people.ts'
import { startStopwatch } from '../stopwatch.ts'
import { until } from '../until.ts'
import { startTestCluster } from './start-test-cluster.ts'

const cluster = await startTestCluster(t)
const [alice, bob] = people
/** Most that a cut may take here; how soon it comes is measured where revocation is. */
const CUT_MS = 5_000

const drip = await cluster.publish('drip', (request, response) => {
  response.writeHead(200, { 'content-type': 'text/plain' })
  response.write(`for ${String(request.headers['x-mezite-user'])}\n`)
  const timer = setInterval(() => response.write('.'), 20)
  response.on('close', () => clearInterval(timer))
})
const slow = await cluster.publish('slow', (_request, response) => {
  setTimeout(() => response.end('late but whole'), 1500)
})

async function person(who: (typeof people)[number], url: string): Promise<Visitor> {
  const visitor = new Visitor(cluster.ca)
  const page = await signIn(visitor, who, url)
  t.equal(page.status, 200, `${who.id} is let in`)
  return visitor
}

/** Starts a download that never ends by itself; `ended` resolves when it was cut. */
async function liveDownload(visitor: Visitor) {
  const response = await visitor.stream(`${drip.url}/`, { timeoutMs: 60_000 })
  let clean = true
  response.on('error', () => {
    clean = false
  })
  response.resume()
  const ended = new Promise<boolean>((resolve) =>
    response.on('close', () => resolve(clean && response.complete)),
  )
  return { status: response.statusCode, ended }
}

async function cutInTime(ended: Promise<boolean>, act: () => Promise<unknown>, what: string) {
  await act()
  const watch = startStopwatch()
  const complete = await Promise.race([
    ended,
    new Promise<null>((resolve) => setTimeout(resolve, 12 * CUT_MS, null).unref()),
  ])
  t.equal(complete, false, `${what}: the download is cut, not ended cleanly`)
  t.ok(watch.took() < CUT_MS, `${what}: after ${watch.took()} ms`)
}

const status = async (visitor: Visitor, url: string, headers = {}) =>
  (await visitor.fetch(url, { headers: { accept: 'application/json', ...headers } })).status

/** Signs in at a quick page, since the endless one never finishes loading. */
const aliceReady = () => person(alice, `${cluster.apps.identity}/`)

async function enterDrip(visitor: Visitor): Promise<void> {
  // The session for this app is made by a navigation; its endless body is dropped.
  let url = `${drip.url}/`
  for (let hop = 0; hop < 10; hop++) {
    const response = await visitor.stream(url, {
      headers: { 'sec-fetch-mode': 'navigate', accept: 'text/html' },
    })
    response.on('error', () => {})
    response.destroy()
    if (response.headers.location === undefined) return
    url = new URL(response.headers.location, url).href
  }
}

t.test('a session that is revoked ends on the next request and in mid-stream', async (t) => {
  const visitor = await aliceReady()
  await enterDrip(visitor)
  const { status: code, ended } = await liveDownload(visitor)
  t.equal(code, 200)
  const sessions = JSON.parse(
    await cluster.mezctl('sessions', 'ls', '--user', alice.email, '--format', 'json'),
  )
  const hub = sessions.filter((session: { kind: string }) => session.kind === 'hub')
  t.ok(hub.length >= 1)
  await cutInTime(
    ended,
    async () => {
      for (const { id } of hub) await cluster.mezctl('sessions', 'revoke', id, '--yes')
    },
    'revoked session',
  )
  t.equal(await status(visitor, `${drip.url}/`), 401)
})

t.test('E71 a disabled app responds with 503, and its live streams are cut', async (t) => {
  const visitor = await aliceReady()
  await enterDrip(visitor)
  const { ended } = await liveDownload(visitor)
  await cutInTime(ended, () => cluster.mezctl('apps', 'disable', 'drip', '--yes'), 'disabled app')
  t.equal(await status(visitor, `${drip.url}/`), 503)
  await cluster.mezctl('apps', 'enable', 'drip')
  const again = await liveDownload(visitor)
  t.equal(again.status, 200)
})

t.test('E71 a changed role ends access in mid-stream', async (t) => {
  const visitor = await person(bob, `${cluster.apps.live}/`)
  const response = await visitor.stream(`${cluster.apps.live}/events`, { timeoutMs: 60_000 })
  response.on('error', () => {})
  response.resume()
  const ended = new Promise<boolean>((resolve) => response.on('close', () => resolve(response.complete)))
  await cutInTime(ended, () => cluster.mezctl('roles', 'rm', 'support', '--yes'), 'removed role')
  t.equal(await status(visitor, `${cluster.apps.live}/`), 403)
})

t.test('a role shortens the session of those who have it', async (t) => {
  const role = join(cluster.dir, 'short.yaml')
  writeFileSync(
    role,
    'kind: role\nversion: v1\nmetadata: { name: short }\nspec: { options: { max_session_ttl: 10m } }\n',
  )
  await cluster.mezctl('roles', 'create', '--from-file', role)
  await cluster.mezctl('users', 'create', people[2].email, '--roles', 'short')
  await signIn(new Visitor(cluster.ca), people[2], `${cluster.hubUrl}/`)
  const output = await cluster.mezctl('sessions', 'ls', '--user', people[2].email, '--format', 'json')
  const [session] = JSON.parse(output) as { created: string; expires: string }[]
  t.ok(session)
  t.ok(Date.parse(session?.expires ?? '') - Date.parse(session?.created ?? '') <= 600_000, output)
})

t.test('E72 an app that is registered again under its name is a new app', async (t) => {
  const visitor = await aliceReady()
  await visitor.open(`${slow.url}/`)
  t.equal(await status(visitor, `${slow.url}/`), 200)
  const document = await cluster.mezctl('apps', 'get', 'slow', '--format', 'json')
  await cluster.mezctl('apps', 'rm', 'slow', '--yes')
  const { spec } = JSON.parse(document)
  await cluster.mezctl(
    ...['apps', 'register', '--name', 'slow', '--uri', spec.uri],
    ...['--labels', 'env=demo', '--agent-hostname', 'demo-node'],
  )
  t.equal(await status(visitor, `${slow.url}/`), 401, 'the old session is dead')
})

t.test('O175 no secret is readable in the data directory or the logs', async (t) => {
  const visitor = await aliceReady()
  const cookies = [
    visitor.cookies(new URL(cluster.hubUrl).host),
    visitor.cookies(new URL(cluster.apps.identity).host),
  ]
  const tokens = cookies.flatMap((line) => line?.match(/__Host-mezite_(?:session|app)=([\w-]+)/)?.[1] ?? [])
  t.ok(tokens.length >= 2, 'there are cookies to look for')
  for (const secret of [...tokens, 'BEGIN PRIVATE KEY', 'BEGIN EC PRIVATE KEY']) {
    const found = spawnSync('grep', [
      '-rlaF',
      '-e',
      secret,
      cluster.dir,
      '--exclude=*.pem',
      '--exclude-dir=agent',
    ])
    t.equal(found.stdout.toString(), '', `${secret.slice(0, 12)}… is nowhere`)
  }
})

t.test('fault 1: a hub that is killed comes back with its agents and sessions', async (t) => {
  const visitor = await aliceReady()
  cluster.programs.get('hub')?.signal('SIGKILL')
  await cluster.programs.get('hub')?.exited
  const down = Date.now()
  await cluster.restart('hub')
  const ready = Date.now()
  const watch = startStopwatch()
  await until(
    () =>
      status(visitor, `${cluster.apps.identity}/`).then(
        (code) => code === 200,
        () => false,
      ),
    'the app is served again',
  )
  const backMs = watch.took()
  // An agent asks less often the longer the hub is away.
  t.ok(backMs < 3_000 + 2 * (ready - down), `the agent was back after ${backMs} ms`)
})

t.test('fault 3: a hub that stops on a signal lets requests end and exits 0', async (t) => {
  const visitor = await aliceReady()
  await visitor.open(`${slow.url}/`)
  const before = slow.requests.length
  const late = visitor.fetch(`${slow.url}/`, { timeoutMs: 30_000 })
  await until(() => slow.requests.length > before, 'the app is asked')
  const hub = cluster.programs.get('hub')
  hub?.signal('SIGTERM')
  const answer = await late
  t.equal(answer.status, 200)
  t.equal(answer.text, 'late but whole')
  t.equal(await hub?.exited, 0)
  await cluster.restart('hub')
})
