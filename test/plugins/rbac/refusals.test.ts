// together: hubs
/** A refusal of the API and of mezctl names the right that is missing, and to those who may know it, who has that right. */
import { createTestHub, FakeIssuer } from '@mezite/core/testing'
import t from 'tap'
import { runMezctl } from '../../oclif-cli/run-program.ts'

t.setTimeout(90_000)

const issuer = await FakeIssuer.start()
t.teardown(() => issuer.close())
const hub = await createTestHub()
t.teardown(() => hub.stop())
const put = (path: string, kind: string, name: string, spec: object, labels: object = {}) =>
  hub.api('PUT', path, { kind, version: 'v1', metadata: { name, labels }, spec })
await put('/connectors/sso', 'oidc', 'sso', issuer.spec)

/** Signs a new person with these roles in, and returns the token of the session. */
async function signIn(name: string, roles: readonly string[]): Promise<string> {
  await hub.api('POST', '/users', { name, roles })
  issuer.person = { sub: name, email: name, email_verified: true }
  const visitor = hub.visitor()
  await visitor.open(`${hub.url}/`)
  const [, token] = /__Host-mezite_session=([\w-]+)/.exec(visitor.cookies(new URL(hub.url).host) ?? '') ?? []
  if (!token) throw new Error('nobody was signed in')
  return token
}

interface Refusal {
  /** Of an answer about a new API token. */
  readonly token?: string
  readonly status: number
  readonly code?: string
  readonly detail?: string
  readonly right?: string
  readonly holders?: {
    readonly roles: readonly string[]
    readonly people: readonly string[]
    readonly people_count: number
  }
}

async function call(token: string, method: string, path: string, body?: object): Promise<Refusal> {
  const response = await hub.visitor().stream(`${hub.url}/v1/webapi${path}`, {
    method,
    headers: {
      ...{ accept: 'application/json', authorization: `Bearer ${token}` },
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
  })
  let text = ''
  for await (const chunk of response) text += String(chunk)
  return { ...JSON.parse(text), status: response.statusCode }
}

const app = (name: string, labels: object) => ({
  ...{ kind: 'app', version: 'v1', metadata: { name, labels } },
  spec: { uri: 'http://127.0.0.1:9', agents: ['agent-1'] },
})
const reads = { kinds: ['access'], verbs: ['read'] }
const owned = {
  kinds: ['app'],
  verbs: ['list', 'read', 'update'],
  where: { labels: { owner: '{{user.name}}' } },
}
await put('/roles/owners', 'role', 'owners', { allow: { admin: [owned, reads] } })
await put('/roles/curious', 'role', 'curious', { allow: { admin: [reads] } })
await put('/roles/keepers', 'role', 'keepers', { allow: { admin: [{ kinds: ['app'], verbs: ['*'] }] } })
await put('/roles/silent', 'role', 'silent', { deny: { admin: [{ kinds: ['app'], verbs: ['*'] }] } })
await hub.api('PUT', '/apps/hers', app('hers', { owner: 'ann@example.com' }))

const [curious, ann, nobody] = [
  await signIn('curious@example.com', ['curious']),
  await signIn('ann@example.com', ['owners']),
  await signIn('nobody@example.com', ['access']),
]
for (const [name, roles] of [
  ['root@example.com', ['admin']],
  ['keeper@example.com', ['keepers']],
  ['silenced@example.com', ['keepers', 'silent']],
] as const)
  await hub.api('POST', '/users', { name, roles })

t.test('a refusal without access.read names the missing right and nobody who has it', async (t) => {
  const refused = await call(nobody, 'DELETE', '/apps/hers')
  t.match(refused, { status: 403, code: 'access_denied', right: 'app.delete' })
  t.equal(
    refused.detail,
    'This requires the right app.delete. Ask an administrator: `mezctl access explain --admin nobody@example.com delete app` names the people who have it.',
  )
  t.notOk('holders' in refused)
  t.equal(
    (await call(nobody, 'DELETE', '/apps/nothing')).detail,
    refused.detail,
    'a thing that does not exist is refused with the same words',
  )
})

t.test(
  'a refusal with access.read names the roles and people, without denied or locked people',
  async (t) => {
    const refused = await call(curious, 'PUT', '/apps/hers', app('hers', {}))
    t.match(refused, { status: 403, right: 'app.update' })
    t.strictSame(refused.holders, {
      roles: ['admin', 'app-owner', 'keepers', 'owners'],
      people: ['keeper@example.com', 'root@example.com'],
      people_count: 2,
    })
    t.equal(
      refused.detail,
      'This requires the right app.update. Roles that give it: admin, app-owner (for some labels), keepers, owners (for some labels). People who have it: keeper@example.com, root@example.com. `mezctl access explain --admin curious@example.com update app` says why you lack it.',
    )
    const { id } = await hub.api<{ id: string }>('POST', '/locks', { target: { user: 'keeper@example.com' } })
    t.strictSame((await call(curious, 'DELETE', '/apps/hers')).holders?.people, ['root@example.com'])
    await hub.api('DELETE', `/locks/${id}`)
  },
)

t.test('a refusal about labels names the people with the right for these labels', async (t) => {
  const refused = await call(ann, 'PUT', '/apps/hers', app('hers', { owner: 'ben@example.com' }))
  t.match(refused, { status: 403, right: 'app.update', holders: { people_count: 2 } })
  t.match(
    refused.detail,
    /^You have the right app\.update only for other labels\. Roles that give it: admin,/,
  )
  await hub.api('POST', '/users', { name: 'ben@example.com', roles: ['owners'] })
  t.strictSame(
    (await call(ann, 'PUT', '/apps/hers', app('hers', { owner: 'ben@example.com' }))).holders?.people,
    ['ben@example.com', 'keeper@example.com', 'root@example.com'],
  )
})

t.test('a refusal to give more than one has names the people who have it', async (t) => {
  const users = { kinds: ['user'], verbs: ['*'] }
  await put('/roles/clerks', 'role', 'clerks', { allow: { admin: [users, reads] } })
  const clerk = await signIn('clerk@example.com', ['clerks'])
  const refused = await call(clerk, 'POST', '/users', { name: 'new@example.com', roles: ['keepers'] })
  t.match(refused, {
    status: 403,
    code: 'roles_exceed_own',
    right: /^app\./,
    detail:
      /^This is about .*: app \(\*\)\. Roles that give it: admin, .*keeper@example\.com.*`mezctl access explain/,
    holders: { people: ['keeper@example.com', 'root@example.com'] },
  })
})

t.test('at most five people are named, and the others are counted', async (t) => {
  for (const name of ['k1', 'k2', 'k3', 'k4', 'k5'])
    await hub.api('POST', '/users', { name: `${name}@example.com`, roles: ['keepers'] })
  const { detail, holders } = await call(curious, 'POST', '/apps/hers/disable')
  t.match(
    detail,
    /k1@example\.com, k2@example\.com, k3@example\.com, k4@example\.com, k5@example\.com and 2 more\./,
  )
  t.equal(holders?.people.length, 5)
  t.equal(holders?.people_count, 7)
})

t.test('a refusal of a call that needs every right names the people who have every right', async (t) => {
  const everything = { allow: { admin: [{ kinds: ['connector'], verbs: ['*'] }, reads] } }
  await put('/roles/connectors', 'role', 'connectors', everything)
  const half = await signIn('half@example.com', ['connectors'])
  const refused = await call(half, 'DELETE', '/connectors/sso')
  t.match(refused, { status: 403, right: 'connector.delete' })
  t.match(
    refused.detail,
    /^This requires every right, as the role admin has them.* People who have it: root@/,
  )
  t.strictSame(refused.holders, { roles: ['admin'], people: ['root@example.com'], people_count: 1 })
})

t.test('a refusal of an API token has the command for a person', async (t) => {
  await put('/roles/makers', 'role', 'makers', {
    allow: { admin: [reads, { kinds: ['api-token'], verbs: ['create'] }] },
  })
  const maker = await signIn('maker@example.com', ['makers'])
  const { token } = await call(maker, 'POST', '/api-tokens', { name: 'made', roles: ['makers'] })
  if (token === undefined) throw new Error('no token was made')
  t.match((await call(token, 'DELETE', '/apps/hers')).detail, /--admin USER delete app` says why/)
})

t.test('a refusal names nobody once access.read is lost', async (t) => {
  await hub.api('PATCH', '/users/curious%40example.com', { roles: ['access'] })
  t.notOk('holders' in (await call(curious, 'DELETE', '/apps/hers')))
  await hub.api('PATCH', '/users/curious%40example.com', { roles: ['curious'] })
  t.ok('holders' in (await call(curious, 'DELETE', '/apps/hers')))
})

t.test('mezctl says the same, ends with status 1, and has the names in JSON', async (t) => {
  const run = (token: string, ...argv: string[]) =>
    runMezctl([...argv, '--yes'], {
      MEZITE_AUTH_TOKEN: token,
      MEZITE_PROXY: new URL(hub.url).host,
      MEZITE_CA_FILE: hub.caFile,
    })
  const few = await run(nobody, 'apps', 'rm', 'hers')
  t.equal(few.code, 1)
  t.match(few.err, /^error: This requires the right app\.delete \(access_denied\)\nAsk an administrator: /)
  t.notMatch(few.err, /keeper|role admin/)
  const more = await run(curious, 'apps', 'rm', 'hers')
  t.equal(more.code, 1)
  t.match(more.err, /Roles that give it: admin, keepers\. People who have it: k1@example\.com,/)
  t.match(more.err, /`mezctl access explain --admin curious@example\.com delete app` says why you lack it/)
  t.match(JSON.parse((await run(curious, 'apps', 'rm', 'hers', '--json')).err), {
    error: { code: 'access_denied', right: 'app.delete', holders: { roles: ['admin', 'keepers'] } },
  })
})

t.test('a lock whose tokens the caller may not end says so, and stays in force', async (t) => {
  await put('/roles/lockers', 'role', 'lockers', { allow: { admin: [{ kinds: ['lock'], verbs: ['*'] }] } })
  const env = {
    MEZITE_AUTH_TOKEN: await signIn('locker@example.com', ['lockers']),
    MEZITE_PROXY: new URL(hub.url).host,
    MEZITE_CA_FILE: hub.caFile,
  }
  const { code, out, err } = await runMezctl(
    ['locks', 'create', '--user', 'ben@example.com', '--end-tokens', '--yes'],
    env,
  )
  t.equal(code, 1)
  t.equal(out, '')
  t.match(err, /^error: Locked user ben@example\.com, but not all of its tokens have ended: /)
  t.match(
    err,
    /This requires the right session\.list \(access_denied\)\nThe lock is in force: [0-9a-f-]{36}\. Ask/,
  )
  const locks = await hub.api<{ target: { user?: string } }[]>('GET', '/locks')
  t.ok(locks.some(({ target }) => target.user === 'ben@example.com'))
})
