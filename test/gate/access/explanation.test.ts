// together: hubs
/** What an administrator learns about a decision: the outcome of the gate, and each rule that was considered. */
import { type Catalog, catalog, credentials, defineHubPlugin, grants } from '@mezite/core'
import t from 'tap'
import { createTestHub } from '../../../core/testing/test-hub.ts'
import { operator } from '../../../core/web/server/admin-socket.ts'

const office = defineHubPlugin({
  name: 'office',
  api: 1,
  summary: 'Denies one app',
  setup({ tap }) {
    tap.access.decide(({ app, request }, vote) => {
      if (app.name === 'wiki' && request?.method === 'DELETE') vote.deny('no_deletion')
      if (app.name === 'closed') vote.deny('outside_office_hours')
      if (app.name === 'broken') throw new Error('a bug')
    })
  },
})
let known: Catalog
let given: NonNullable<(typeof grants)['T']>
const robots = new Map([['bot:ci', { roles: ['access'], holder: 'first' }]])
const programs = defineHubPlugin({
  name: 'programs',
  api: 1,
  summary: 'Has accounts of programs, and grants roles',
  needs: { catalog, grants },
  provides: { credentials },
  setup({ use, provide }) {
    given = use.grants
    known = use.catalog
    provide.credentials({
      name: 'robot',
      from: 'header',
      at: 'app',
      headers: ['x-robot'],
      read: () => null,
      bots: {
        find: (name) => robots.get(name),
        names: () => robots.keys(),
        findIn: async (_trx, name) => robots.get(name),
      },
    })
  },
})
const hub = await createTestHub({
  plugins: [office, programs],
  config: { proxy: { apps_oidc_connector: 'sso' } },
})
t.teardown(() => hub.stop())

const document = (kind: string, name: string, spec: object, labels: object = {}) => ({
  kind,
  version: 'v1',
  spec,
  metadata: kind === 'app' ? { name, labels } : { name },
})
const uri = 'http://127.0.0.1:1'
await hub.api(
  'PUT',
  '/roles/platform',
  document('role', 'platform', {
    options: { require_session_mfa: true },
    allow: { app_labels: { env: ['prod', 'staging'], team: 'platform' } },
    deny: { app_labels: { tier: 'secret' } },
  }),
)
const platform = { env: 'prod', team: 'platform' }
for (const [name, spec, labels] of [
  ['grafana', { uri }, platform],
  ['wiki', { uri }, { env: 'dev', team: 'platform' }],
  ['vault', { uri }, { ...platform, tier: 'secret' }],
  ['off', { uri, enabled: false }, platform],
  ['redis', { uri: 'tcp://127.0.0.1:1' }, platform],
  ['closed', { uri }, platform],
  ['broken', { uri }, platform],
] as const)
  await hub.api('PUT', `/apps/${name}`, document('app', name, spec, labels))
for (const [name, roles] of [
  ['ann', ['platform', 'nothing', 'admin']],
  ['bob', []],
  ['carl', ['access']],
] as const)
  await hub.api('POST', '/users', { name, roles })

const explain = (user: string, app: string, way?: string) =>
  hub.api<Record<string, unknown>>(
    'GET',
    `/access/explain?user=${user}&app=${app}${way ? `&way=${way}` : ''}`,
  )

t.test('each way ends in the outcome of the gate', async (t) => {
  // Nobody has signed in through the connector that apps require.
  const connector = { required: 'sso', signed_in_with: null, met: false }
  t.match(await explain('carl', 'grafana', 'msh'), {
    effect: 'deny',
    reason: 'connector_not_allowed',
    connector,
    requirements: { length: 0 },
  })
  // A browser signs in again, with the right one.
  t.match(await explain('carl', 'grafana'), {
    effect: 'require',
    reason: 'connector_not_allowed',
    connector,
    requirements: [{ name: 'connector', met: false }],
  })
  t.match(await explain('bob', 'grafana'), { effect: 'deny', connector }, 'which would not help')
})

t.test('with a method and a path, rules about requests decide about that request', async (t) => {
  const asked = async (query: string) =>
    hub.api<Record<string, unknown>>('GET', `/access/explain?user=bot:ci&app=wiki&way=api${query}`)
  const vote = { plugin: 'office', effect: 'deny', matcher: 'no_deletion' }
  const denied = { effect: 'deny', reason: 'no_deletion', votes: [vote, {}] }
  t.match(await asked('&method=DELETE&path=/api/x'), denied)
  t.match(await asked('&method=DELETE'), denied, 'of /')
  t.match(await asked('&path=/api/x'), { effect: 'allow' }, 'GET')
  t.match(await asked(''), { effect: 'allow' }, 'the whole app')
  await t.rejects(asked('&path=x'), /invalid_request|bad_request/)
  await t.rejects(asked('&method=a%20b'), /invalid_request|bad_request/)
})

t.test('every rule that was considered is listed', async (t) => {
  const rule = (effect: string, matcher: string, label: string, value: string | null) => ({
    plugin: 'rbac',
    role: 'platform',
    effect,
    matcher,
    label,
    value,
  })
  const others = [
    { plugin: 'rbac', role: 'nothing', effect: 'none' },
    { plugin: 'rbac', role: 'admin', effect: 'none' },
  ]
  const { votes, requirements } = await explain('ann', 'grafana')
  t.match(
    [...(votes as object[])].sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b))),
    [
      ...others,
      rule('none', 'deny tier=secret', 'tier', null),
      rule('allow', 'allow env=prod|staging', 'env', 'prod'),
      rule('allow', 'allow team=platform', 'team', 'platform'),
    ].sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b))),
  )
  t.strictSame(requirements, [
    { name: 'connector', met: false },
    { name: 'session-mfa', met: false },
  ])
  const wiki = (await explain('ann', 'wiki')).votes as object[]
  t.match(
    wiki.find((vote) => (vote as { label: string }).label === 'env'),
    rule('none', 'allow env=prod|staging', 'env', 'dev'),
  )
  const vault = (await explain('ann', 'vault')).votes as object[]
  t.match(
    vault.find((vote) => (vote as { effect: string }).effect === 'deny'),
    rule('deny', 'deny tier=secret', 'tier', 'secret'),
  )
  t.match(await explain('carl', 'closed'), {
    votes: [
      { plugin: 'office', role: null, effect: 'deny', matcher: 'outside_office_hours' },
      { plugin: 'rbac', role: 'access', effect: 'allow' },
    ],
  })
  t.match((await explain('carl', 'broken')).votes, [
    { plugin: 'rbac' },
    { plugin: 'office', effect: 'deny', matcher: 'policy_failed' },
  ])
  t.strictSame((await explain('bob', 'grafana')).votes, [])
})

t.test('live grants are shown with their end, where they count', async (t) => {
  const apps = [known.byName('wiki')?.id ?? '']
  const until = Date.now() + 3_600_000
  const { id } = await given.start(
    { user: 'bob', role: 'access', apps, until },
    { subject: operator, clientIp: '', id: 'test' },
  )
  const shown = [{ id, role: 'access', until: new Date(until).toISOString() }]
  const wiki = await explain('bob', 'wiki')
  t.strictSame(wiki.grants, shown)
  t.match(wiki.votes, [{ plugin: 'rbac', role: 'access', effect: 'allow' }])
  const vault = await explain('bob', 'vault')
  t.strictSame([vault.grants, vault.votes], [[], []], 'not at another app')
  t.match(await hub.api('GET', '/users/bob'), { roles: [], grants: [{ ...shown[0], apps }] })
  await given.end([id], 'revoked', null)
  t.strictSame((await explain('bob', 'wiki')).grants, [])
  t.match(await hub.api('GET', '/users/bob'), { grants: { length: 0 } })
})

t.test('the account of a program is explained without a connector, with its grants', async (t) => {
  t.match(await explain('bot:ci', 'wiki', 'api'), { effect: 'allow', connector: null, lock: null })
  t.match(await explain('bot:ci', 'closed', 'api'), { effect: 'deny', reason: 'outside_office_hours' })
  t.match(await explain('bot:ci', 'redis'), { effect: 'deny', reason: 'protocol_mismatch' })
  const { id } = await given.start(
    { user: 'bot:ci', role: 'platform', until: Date.now() + 3_600_000 },
    { subject: operator, clientIp: '', id: 'test' },
  )
  t.match(await explain('bot:ci', 'vault', 'api'), { grants: [{ id }], reason: 'label_denied' })
  robots.set('bot:ci', { roles: ['access'], holder: 'second' })
  t.match(await explain('bot:ci', 'vault', 'api'), { grants: { length: 0 }, effect: 'allow' })
  await t.rejects(explain('bot:none', 'wiki'), /user_not_found/)
})

t.test('an unknown user, app or way is refused', async (t) => {
  await t.rejects(explain('nobody', 'grafana'), /user_not_found/)
  await t.rejects(explain('ann', 'nothing'), /app_unknown|app_not_found/)
  await t.rejects(explain('ann', 'grafana', 'pigeon'), /invalid_request|bad_request/)
})

t.test('policies, locks and the state of the app decide if no connector is required', async (t) => {
  const open = await createTestHub({ plugins: [office] })
  t.teardown(() => open.stop())
  await open.api('PUT', '/roles/plain', document('role', 'plain', { allow: { app_labels: { env: 'prod' } } }))
  for (const [name, spec] of [
    ['grafana', { uri }],
    ['off', { uri, enabled: false }],
    ['redis', { uri: 'tcp://127.0.0.1:1' }],
    ['closed', { uri }],
  ] as const)
    await open.api('PUT', `/apps/${name}`, document('app', name, spec, { env: 'prod' }))
  await open.api('PUT', '/apps/dev', document('app', 'dev', { uri }, { env: 'dev' }))
  await open.api('POST', '/users', { name: 'ann', roles: ['plain'] })
  await open.api('POST', '/users', { name: 'bob', roles: [] })
  const outcome = async (user: string, app: string, way = 'browser') => {
    const { effect, reason } = await open.api<{ effect: string; reason: string }>(
      'GET',
      `/access/explain?user=${user}&app=${app}&way=${way}`,
    )
    return `${effect} ${reason}`
  }
  t.equal(await outcome('ann', 'grafana'), 'allow allowed')
  t.equal(await outcome('ann', 'dev'), 'deny label_mismatch')
  t.equal(await outcome('bob', 'grafana'), 'deny role_missing')
  t.equal(await outcome('ann', 'off'), 'deny app_disabled')
  t.equal(await outcome('ann', 'redis'), 'deny protocol_mismatch')
  t.equal(await outcome('ann', 'redis', 'msh'), 'allow allowed')
  t.equal(await outcome('ann', 'closed'), 'deny outside_office_hours')
  await open.api('POST', '/locks', { target: { user: 'ann' }, message: 'Call us' })
  t.equal(await outcome('ann', 'grafana'), 'deny locked')
  const { lock } = await open.api<{ lock: object }>('GET', '/access/explain?user=ann&app=grafana')
  t.match(lock, { target: { user: 'ann' }, message: 'Call us', expires: null })
})
