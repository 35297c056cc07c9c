// long
/** Locks of every kind against every kind of stream, and streams that are open when the time of their session is over. */
import t, { type Test } from 'tap'
import type { Visitor } from '../../core/testing/index.ts'
import { type Login, open, startTcpHub } from '../plugins/tcp-apps/start-tcp-hub.ts'
import { startStopwatch } from '../stopwatch.ts'
import { until } from '../until.ts'
import { CUT, endings, type OpenStream, openInBrowser, openThroughMsh, startDripApp } from './live-streams.ts'

const drip = await startDripApp()
t.teardown(() => drip.close())
const tcp = await startTcpHub()
t.teardown(() => tcp.stop())
const { api } = tcp.hub
for (const [name, spec] of [
  ['web', { uri: `http://127.0.0.1:${drip.httpPort}` }],
  ['wire', { uri: `tcp://127.0.0.1:${drip.tcpPort}`, protocol: 'tcp' }],
] as const) {
  await api('PUT', `/apps/${name}`, {
    kind: 'app',
    version: 'v1',
    metadata: { name, labels: { team: 'platform' } },
    spec: { ...spec, agents: ['node-1'] },
  })
}
const app = tcp.hub.appUrl('web')

interface Person {
  readonly user: string
  readonly visitor: Visitor
  /** Ids of the session at the web app and of the one of msh. */
  readonly appSession: string
  readonly certSession: string
  readonly login: Login
  readonly line: ReturnType<typeof tcp.msh>
  readonly streams: readonly OpenStream[]
}

/** Somebody with a browser and msh, and something of each kind open. */
async function person(t: Test, name: string): Promise<Person> {
  const login = await tcp.login(name, ['platform'])
  const user = `${name}@example.com`
  const visitor = tcp.hub.visitor()
  t.equal((await visitor.open(`${app}/`)).status, 200)
  const [session] = await api<{ id: string }[]>('GET', `/sessions?user=${user}&app=web`)
  const line = tcp.msh(login)
  t.teardown(() => line.destroy())
  const streams = [...(await openInBrowser(visitor, app)), await openThroughMsh(line, 'wire')]
  return { user, visitor, appSession: session!.id, certSession: login.session_id, login, line, streams }
}

/** All streams have ended as they should; resolves to when the last one did, by the stopwatch. */
async function allCut(t: Test, streams: readonly OpenStream[], since = startStopwatch()): Promise<number> {
  const ends = await endings(streams)
  t.same(
    streams.map(({ kind }, at) => [kind, ends[at]?.how]),
    Object.entries(CUT),
  )
  return since.took(Math.max(...ends.map(({ at }) => at)))
}

/** The audit gives this reason for all that was open. */
async function recorded(t: Test, { appSession, certSession }: Person, reason: string): Promise<void> {
  const requests = await tcp.events(
    'app.request',
    (event) => event.session_id === appSession && event.reason !== null,
    3,
  )
  t.same(
    requests.map((event) => event.reason),
    [reason, reason, reason],
    'download, events and WebSocket',
  )
  const ends = await tcp.events('app.session.end', (event) => event.session_id === certSession)
  t.equal(ends[0]?.end_reason, reason, 'TCP')
}

const ask = async (visitor: Visitor) => {
  const { status, text } = await visitor.fetch(`${app}/`, { headers: { accept: 'application/json' } })
  return status === 200 ? { status } : { ...(JSON.parse(text) as Problem), status }
}
interface Problem {
  readonly code?: string
  readonly detail?: string
}
const askThroughMsh = async ({ login }: Person) => {
  const line = tcp.msh(login)
  const { status, reason, message, stream } = await open(line, 'wire')
  stream.destroy()
  line.destroy()
  return { said: [status, reason], message: decodeURIComponent(message ?? '') }
}

const MESSAGE = 'Incident 42: call <the desk>.'
type Lock = { id: string; expires: string | null; cut: { streams: number } }
const locked = [403, 'locked']
/** Each kind of lock: what it is put on, and what is answered afterwards in the browser and to msh. */
const targets: readonly {
  kind: string
  of: (person: Person) => readonly object[]
  browser: { status: number; code: string }
  msh: readonly (number | string)[]
}[] = [
  { kind: 'user', of: ({ user }) => [{ user }], browser: { status: 403, code: 'locked' }, msh: locked },
  { kind: 'role', of: () => [{ role: 'platform' }], browser: { status: 403, code: 'locked' }, msh: locked },
  {
    kind: 'session',
    of: ({ appSession, certSession }) => [{ session: appSession }, { session: certSession }],
    browser: { status: 401, code: 'login_required' },
    msh: [401, 'session_ended'],
  },
  {
    kind: 'app',
    of: () => [{ app: 'web' }, { app: 'wire' }],
    browser: { status: 403, code: 'locked' },
    msh: locked,
  },
  {
    kind: 'agent',
    of: () => [{ agent: 'node-1' }],
    browser: { status: 502, code: 'agent_none' },
    msh: [502, 'agent_none'],
  },
]

for (const { kind, of, browser, msh } of targets) {
  t.test(`E71 G102 I117 a lock of the ${kind} cuts downloads, events, WebSockets and TCP`, async (t) => {
    const who = await person(t, `${kind}-1`)
    const sinceLocked = startStopwatch()
    const locks: Lock[] = []
    for (const target of of(who)) locks.push(await api<Lock>('POST', '/locks', { target, message: MESSAGE }))
    const ms = await allCut(t, who.streams, sinceLocked)
    t.ok(ms < 5_000, `after ${ms} ms`)
    const streams = locks.reduce((sum, { cut }) => sum + cut.streams, 0)
    t.equal(streams, 4, 'the answers say so')
    await recorded(t, who, 'locked')
    const said = await ask(who.visitor)
    t.match(said, browser)
    const { said: toMsh, message } = await askThroughMsh(who)
    t.same(toMsh, msh)
    if (said.code === 'locked') {
      t.match(said.detail, MESSAGE, 'whoever is locked out reads why')
      const page = await who.visitor.fetch(`${app}/`, { headers: { accept: 'text/html' } })
      t.match(page.text, 'Incident 42: call &lt;the desk>.')
      t.equal(message, MESSAGE, 'with msh too')
    }
    if (kind === 'user' || kind === 'role') {
      const home = await who.visitor.fetch(tcp.hub.url, { headers: { accept: 'text/html' } })
      t.match(home.text, /Your access is locked[\s\S]*call &lt;the desk/, 'the home page says it too')
    }
    for (const { id } of locks) await api('DELETE', `/locks/${id}`)
    await until(async () => (await ask(who.visitor)).status === 200, 'access is back with the lock gone')
  })
}

t.test('a lock with an end locks until then, and no longer', async (t) => {
  const who = await person(t, 'until')
  const watch = startStopwatch()
  const { expires } = await api<Lock>('POST', '/locks', { target: { user: who.user }, ttl_seconds: 6 })
  await allCut(t, who.streams)
  const end = Date.parse(expires ?? '')
  let status = 403
  await until(async () => {
    status = (await ask(who.visitor)).status
    return status !== 403
  }, 'the lock has ended')
  const lateMs = Date.now() - end
  t.equal(status, 200, 'the session has lived on')
  t.ok(lateMs >= 0 && lateMs < 5_000 + watch.lost(), `${lateMs} ms after the end of the lock`)
  t.same(await api('GET', '/locks'), [], 'it is listed no more')
})

t.test('fault 37 I118 open streams end when the time of the session is over, and not before', async (t) => {
  const began = performance.now()
  await person(t, 'before')
  // Everything must be open before the first session ends, also on a slow machine.
  const seconds = Math.max(8, Math.ceil((4 * (performance.now() - began)) / 1_000))
  await api('PUT', '/roles/platform', {
    kind: 'role',
    version: 'v1',
    metadata: { name: 'platform' },
    spec: { options: { max_session_ttl: `${seconds}s` }, allow: { app_labels: { team: 'platform' } } },
  })
  const who = await person(t, 'brief')
  const sessions = await api<{ id: string; expires: string }[]>('GET', `/sessions?user=${who.user}&app=web`)
  // A certificate knows whole seconds only.
  const ends = { browser: Date.parse(sessions[0]?.expires ?? ''), tcp: Date.parse(who.login.expires) }
  const offset = Date.now() - performance.now()
  const watch = startStopwatch()
  await allCut(t, who.streams)
  for (const { kind, ended } of who.streams) {
    const lateMs = Math.round((await ended).at + offset - (kind === 'tcp' ? ends.tcp : ends.browser))
    t.ok(lateMs > -50 && lateMs < 5_000 + watch.lost(), `${kind}: ${lateMs} ms after the end`)
  }
  await recorded(t, who, 'expired')
  t.match(await ask(who.visitor), { status: 401, code: 'login_required' })
})
