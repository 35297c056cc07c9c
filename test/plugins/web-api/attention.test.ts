import t from 'tap'
import { createTestHub, fakeClock } from '../../../core/testing/index.ts'
import type { Ask } from '../../../core/testing/visitor.ts'
import { createAttention } from '../../../plugins/web-api/attention.ts'
import { until } from '../../until.ts'

const DAY_MS = 86_400_000

t.test('status lists the things that need attention', (t) => {
  const clock = fakeClock()
  const now = clock.now()
  const states: Record<string, { state: string; reason: string | null }> = {
    fine: { state: 'ready', reason: null },
    off: { state: 'disabled', reason: null },
    broken: { state: 'unreachable', reason: 'connection_refused' },
    lonely: { state: 'no_agent', reason: null },
    wiki: { state: 'no_agent', reason: null },
    chat: { state: 'no_agent', reason: null },
    strange: { state: 'no_agent', reason: null },
  }
  const agentsOf: Record<string, string[]> = { lonely: [], wiki: ['gone'], chat: ['gone'], strange: ['db-9'] }
  const catalog = {
    list: () => Object.keys(states).map((name) => ({ name, agents: agentsOf[name] ?? ['here'] })),
  }
  const hubState = {
    id: 'hub-1',
    stateOf: ({ name }: { name: string }) => states[name],
    links: () => [{ hostname: 'here' }],
    lastError: ({ name }: { name: string }) =>
      name === 'broken' ? 'here cannot reach it: connection_refused (10.0.0.1:80)' : null,
    agents: () => ['here', 'gone', 'never'].map((hostname) => ({ hostname, locked: hostname === 'never' })),
    development: false,
    certificates: () => [
      { subject: 'https_keypair', expires: now + 20 * DAY_MS, problem: null },
      { subject: 'apps_keypair', expires: now + 22 * DAY_MS, problem: null },
      { subject: 'wiki.example', expires: null, problem: 'the authority is away' },
      { subject: 'new.example', expires: null, problem: null },
    ],
    authorities: () => [{ subject: 'hub-ca', expires: now + 3_650 * DAY_MS }],
    sinks: [
      { name: 'full', queued: 3_000, dropped: 0 },
      { name: 'idle', queued: 5, dropped: 0 },
    ],
    jobs: () => [
      { name: 'flaky', failures: 2, result: 'no luck' },
      { name: 'pruning', failures: 3, result: 'permission denied' },
    ],
    clockAheadMs: -7_000,
    fresh: false,
  }
  const findings = [
    { name: 'open', list: () => [{ subject: 'rule "all" of wiki', message: 'admits everybody' }] },
    {
      name: 'broken-one',
      list() {
        throw new Error('no')
      },
    },
    {
      name: 'many',
      list: () => Array.from({ length: 500 }, (_, at) => ({ subject: `m${at}`, message: 'm' })),
    },
  ]
  const users = { list: () => [] }
  const attention = createAttention({ catalog, hubState, users, clock, findings } as never, '20.1.0')
  attention.changed({ hostname: 'gone' })
  t.strictSame(
    attention
      .list()
      .filter(({ message }) => message !== 'm')
      .map(({ kind, subject }) => `${kind} ${subject}`),
    [
      'clock hub-1',
      'database hub-1',
      'runtime hub-1',
      'certificate https_keypair',
      'certificate wiki.example',
      'audit full',
      'job pruning',
      'agent gone',
      'agent never',
      'app broken',
      'app lonely',
      'app strange',
      'finding rule "all" of wiki',
      'finding broken-one',
    ],
  )
  t.equal(attention.list().filter(({ message }) => message === 'm').length, 100, 'at most 100 of a plugin')
  const messageOf = (name: string) => attention.list().find(({ subject }) => subject === name)?.message
  clock.advance(90 * 60_000)
  t.equal(messageOf('gone'), 'not connected, last seen 1 hour ago; nobody reaches its 2 apps')
  t.equal(messageOf('never'), 'locked, not connected, not seen since the hub started 1 hour ago')
  t.equal(messageOf('broken'), 'unreachable: here cannot reach it: connection_refused (10.0.0.1:80)')
  t.equal(messageOf('broken-one'), 'cannot be listed: no')
  t.equal(messageOf('lonely'), 'no agent is bound to it')
  t.equal(messageOf('strange'), 'no agent: db-9 has not joined')
  t.match(messageOf('https_keypair'), /^expires in 19 days, /)
  t.end()
})

const hub = await createTestHub()
t.teardown(() => hub.stop())

t.test("the audit trail has the request id of every error response on the hub's own host", async (t) => {
  const visitor = hub.visitor()
  const page = { 'sec-fetch-mode': 'navigate', accept: 'text/html' }
  const shown: [name: string, status: number, text: string][] = []
  const ask = async (name: string, path: string, ask: Ask = {}) => {
    const { status, text } = await visitor.fetch(`${hub.url}${path}`, ask)
    shown.push([name, status, text])
  }
  await ask('no page', '/nothing', { headers: page })
  await ask('no route', '/v1/webapi/nothing')
  await ask('no credentials', '/v1/webapi/apps')
  await ask('bad token', '/v1/webapi/apps', { headers: { authorization: 'Bearer nothing' } })
  await ask('bad method', '/v1/webapi/status', { method: 'DELETE' })
  await ask('no launch', '/web/launch', { headers: page })
  await ask('no sign-in', '/web/login', { headers: page })
  await ask('no connector', '/v1/webapi/oidc/callback/none', { headers: page })
  await ask('bad header', '/', { headers: { expect: 'nonsense', ...page } })
  const ids = shown.map(([name, status, text]) => {
    t.ok(status >= 400, `${name}: ${status}`)
    return (
      /[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/.exec(text)?.[0] ?? t.fail(`${name} shows no id: ${text}`)
    )
  })
  const found = (id: unknown) => hub.api<object[]>('GET', `/audit?request=${id}`)
  for (const [at, id] of ids.entries()) {
    const [name = '', status] = shown[at] ?? []
    await until(async () => (await found(id)).length > 0, `${name} (${status}) is recorded`)
    t.match(await found(id), [{ type: 'request.failed', success: false, request_id: id }], name)
  }
  // Browsers and crawlers ask for these by themselves.
  for (const path of ['/favicon.ico', '/robots.txt']) await visitor.fetch(`${hub.url}${path}`)
  await visitor.fetch(`${hub.url}/last`)
  const paths = async () =>
    (await hub.api<{ path: string }[]>('GET', '/audit?type=request.failed')).map(({ path }) => path)
  await until(async () => (await paths()).includes('/last'), 'the last request is recorded')
  t.notMatch((await paths()).join(), /favicon|robots/)
})

t.test('a hub reports an app without an agent', async (t) => {
  const attention = async () => (await hub.api<{ attention: unknown[] }>('GET', '/status')).attention
  t.strictSame(await attention(), [])
  await hub.api('POST', '/apps', {
    kind: 'app',
    version: 'v1',
    metadata: { name: 'grafana' },
    spec: { uri: 'http://127.0.0.1:3000', agents: ['db-1'] },
  })
  t.match(await attention(), [{ kind: 'app', subject: 'grafana', message: /no agent/ }])
  const metrics = await (await fetch(`http://127.0.0.1:${hub.ports.diagnostics}/metrics`)).text()
  t.match(metrics, /^mezite_app_ready\{app="grafana"\} 0$/m)
  t.match(metrics, /^mezite_apps_by_state\{state="no_agent"\} 1$/m)
  t.match(metrics, /^mezite_apps_by_state\{state="ready"\} 0$/m)
})
