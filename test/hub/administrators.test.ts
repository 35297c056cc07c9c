// together: hubs
/** Administrators with some rights only: each route of the standard set as each role, lists and totals, and nobody who gives more than they have. */
import { FakeIssuer } from '@mezite/core/testing'
import t, { type Test } from 'tap'
import { createTestHub } from '../../core/testing/test-hub.ts'
import { STANDARD_ROLES } from '../../plugins/rbac/standard-roles.ts'
import { RIGHTS } from './route-rights.ts'

// Each route is asked for each role.
t.setTimeout(300_000)

const issuer = await FakeIssuer.start()
t.teardown(() => issuer.close())
const hub = await createTestHub({
  config: { plugins: { 'authorization-server': { enabled: true, registration: true } } },
})
t.teardown(() => hub.stop())
await hub.api('PUT', '/connectors/sso', {
  kind: 'oidc',
  version: 'v1',
  metadata: { name: 'sso' },
  spec: issuer.spec,
})

/** Whoever has these roles, signed in: a session's token, used as a bearer. */
async function signIn(person: string, roles: readonly string[]): Promise<string> {
  const name = `${person}@example.com`
  await hub.api('POST', '/users', { name, roles })
  issuer.person = { sub: person, email: name, email_verified: true }
  const visitor = hub.visitor()
  await visitor.open(`${hub.url}/`)
  const [, token] = /__Host-mezite_session=([\w-]+)/.exec(visitor.cookies(new URL(hub.url).host) ?? '') ?? []
  if (!token) throw new Error('nobody was signed in')
  return token
}

interface Answer {
  readonly status: number
  readonly code: string | undefined
  readonly detail: string | undefined
  readonly value: unknown
  readonly total: string | undefined
}

async function call(
  token: string,
  method: string,
  path: string,
  body?: object,
  headers: object = {},
): Promise<Answer> {
  const response = await hub.visitor().stream(`${hub.url}/v1/webapi${path}`, {
    method,
    headers: {
      ...{ accept: 'application/json', authorization: `Bearer ${token}`, ...headers },
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
  })
  response.on('error', () => {})
  const { statusCode: status = 0, headers: sent } = response
  let text = ''
  // A stream of events has no end.
  if (/json/.test(sent['content-type'] ?? '') && !/ndjson/.test(sent['content-type'] ?? ''))
    for await (const chunk of response) text += String(chunk)
  else response.destroy()
  const value = text === '' ? {} : (JSON.parse(text) as { code?: string; detail?: string })
  const { code, detail } = value as { code?: string; detail?: string }
  return { status, code, detail, value, total: sent['x-mezite-list']?.toString() }
}

const app = (name: string, labels: object) => ({
  kind: 'app',
  version: 'v1',
  metadata: { name, labels },
  spec: { uri: 'http://127.0.0.1:9', agents: ['agent-1'] },
})
const role = (name: string, admin: object[], more: object = {}) => ({
  kind: 'role',
  version: 'v1',
  metadata: { name },
  spec: { allow: { admin }, ...more },
})
const all = (...kinds: string[]) => ({ kinds, verbs: ['*'] })

const people = {
  admin: await signIn('root', ['admin']),
  auditor: await signIn('auditor', ['auditor']),
  helpdesk: await signIn('helpdesk', ['helpdesk']),
  'app-owner': await signIn('owner', ['app-owner']),
  security: await signIn('security', ['security']),
  nobody: await signIn('nobody', ['access']),
}
type Role = keyof typeof people
await hub.api('PUT', '/apps/mine', app('mine', { owner: 'owner@example.com' }))
await hub.api('PUT', '/apps/ours', app('ours', { owner: 'app-owner' }))
await hub.api('PUT', '/apps/theirs', app('theirs', { owner: 'root@example.com', team: 'secret' }))
await hub.api('PUT', '/apps/plain', app('plain', {}))

/** What the documents of the roles say, read in the plainest way. */
function reachOf(name: Role, right: string): 'all' | 'some' | 'none' {
  if (name === 'admin') return 'all'
  const [kind = '', verb = ''] = right.split('.')
  const rules = STANDARD_ROLES.find(({ metadata }) => metadata.name === name)?.spec.allow?.admin ?? []
  const fitting = rules.filter(
    ({ kinds, verbs }) =>
      (kinds.includes('*') || kinds.includes(kind)) &&
      (verbs as readonly string[]).some((one) => one === '*' || one === verb),
  )
  if (fitting.length === 0) return 'none'
  return fitting.some(({ where }) => where === undefined) ? 'all' : 'some'
}

/** Routes that take a right for some labels only, because they ask about each thing. */
const BY_ROW = /^(GET|PUT|DELETE|POST) \/(apps$|apps\/\{name\}|schemas\/app$|dashboard\/(?:panels|labels))/

t.test(
  'each role may call the routes whose right it has, for its own things and for no others',
  async (t) => {
    for (const [right, routes] of Object.entries(RIGHTS))
      for (const route of routes) {
        const [method = '', path = ''] = route.replace('/v1/webapi', '').split(' ')
        for (const [name, token] of Object.entries(people) as [Role, string][]) {
          const reach = reachOf(name, right)
          const ask = (thing: string) => call(token, method, path.replaceAll(/\{\w+\}/g, thing))
          // What would remove the app or the right to it is tried on what does not exist.
          const { status, code } = await ask('nothing-here')
          const open = reach === 'all' || (reach === 'some' && BY_ROW.test(`${method} ${path}`))
          if (code === 'access_denied' && open) t.fail(`${route} as ${name}: ${status}`)
          else if (!open && (status !== 403 || code !== 'access_denied'))
            t.fail(`${route} as ${name}: ${status} ${code}`)
          if (reach !== 'some' || !path.includes('{')) continue
          const own = await ask('mine')
          t.equal(own.code === 'access_denied', !open, `${route} as ${name}, of an own app: ${own.status}`)
          if (!open) continue
          t.equal((await ask('theirs')).status, 404, `${route} as ${name}, of a foreign app`)
          t.equal((await ask('plain')).status, 404, `${route} as ${name}, of an app without labels`)
        }
      }
    t.pass('all routes were asked')
  },
)

t.test('a role gets the rights that it has, and a locked person none', async (t) => {
  for (const [name, token] of Object.entries(people) as [Role, string][]) {
    const { value } = await call(token, 'GET', '/me/rights')
    const expected = Object.keys(RIGHTS).flatMap((right) => {
      const reach = reachOf(name, right)
      return reach === 'none' ? [] : [[right, reach]]
    })
    // The rights of pages of plugins are among those told, and have no route of their own.
    const told = Object.entries(value as object).filter(([right]) => right in RIGHTS)
    t.same(Object.fromEntries(told), Object.fromEntries(expected), name)
  }
  const lock = await hub.api('POST', '/locks', {
    ...{ target: { user: 'helpdesk@example.com' }, message: null, ttl_seconds: null },
  })
  t.same((await call(people.helpdesk, 'GET', '/me/rights')).value, {})
  await hub.api('DELETE', `/locks/${(lock as { id: string }).id}`)
  t.match((await call(people.helpdesk, 'GET', '/me/rights')).value, { 'lock.create': 'all' })
})

t.test('lists have what one may read, and totals, searches and orders know nothing else', async (t) => {
  const names = async (query: string) => {
    const { value, total, status } = await call(people['app-owner'], 'GET', `/apps${query}`)
    t.equal(status, 200)
    return {
      names: (value as { metadata: { name: string } }[]).map(({ metadata }) => metadata.name).sort(),
      total,
    }
  }
  t.same((await names('')).names, ['mine', 'ours'])
  const all = await names('?limit=1')
  t.equal(all.names.length, 1)
  t.equal(all.total, 'found=2, all=2', 'the counts are of what one may read')
  t.equal((await names('?q=secret')).names.length, 0)
  t.equal((await names('?name=theirs')).names.length, 0)
  t.same((await names('?sort=state&limit=10')).names, ['mine', 'ours'])
  t.equal((await call(people['app-owner'], 'GET', '/apps/theirs')).status, 404)
  const { detail } = await call(people['app-owner'], 'GET', '/apps/theirs')
  const { detail: none } = await call(people['app-owner'], 'GET', '/apps/theirz')
  t.equal(detail?.replace('theirs', ''), none?.replace('theirz', ''), 'a hidden app looks like none')
})

t.test('nobody moves a thing into their labels, nor out of them', async (t) => {
  const owner = people['app-owner']
  const put = (name: string, labels: object, headers: object = {}) =>
    call(owner, 'PUT', `/apps/${name}`, app(name, labels), headers)
  t.match(await put('mine', { owner: 'root@example.com' }), { status: 403, code: 'access_denied' })
  t.match(await put('mine', {}), { status: 403 })
  t.match(await put('theirs', { owner: 'owner@example.com' }), { status: 404 })
  t.match(
    await put('theirs', { owner: 'owner@example.com' }, { 'if-match': '"x"' }),
    { status: 404 },
    'an ETag is no oracle',
  )
  t.match(await put('mine', { owner: 'owner@example.com', more: 'yes' }), { status: 200 })
  t.match(await call(owner, 'DELETE', '/apps/mine'), { status: 403 })
  t.match(await call(owner, 'POST', '/apps/mine/disable'), { status: 403 })
})

t.test(
  'earlier versions of a role are shown only to people who may see a role with their labels',
  async (t) => {
    const labelled = (team: string) => ({
      kind: 'role',
      version: 'v1',
      metadata: { name: 'moved', labels: { team } },
      spec: { allow: { app_labels: { team } } },
    })
    await hub.api('PUT', '/roles/moved', labelled('red'))
    await hub.api('PUT', '/roles/moved', labelled('blue'))
    const where = { labels: { team: 'blue' } }
    await hub.api('PUT', '/roles/blue', role('blue', [{ kinds: ['role'], verbs: ['read', 'list'], where }]))
    await hub.api('PUT', '/roles/red', role('red', [{ ...all('role'), where: { labels: { team: 'red' } } }]))
    const [blue, red] = [await signIn('blue', ['blue']), await signIn('red', ['red'])]
    const { value } = await call(blue, 'GET', '/roles/moved/versions')
    t.match(value, [{ version: 2, document: { metadata: { labels: { team: 'blue' } } } }])
    t.equal((value as object[]).length, 1)
    t.match(await call(red, 'GET', '/roles/moved/versions'), { status: 404 })
    t.match(await call(people.nobody, 'GET', '/roles/moved/versions'), { status: 403 })
  },
)

t.test('nobody gives more rights than they have', async (t) => {
  await hub.api(
    'PUT',
    '/roles/people',
    role('people', [all('user', 'role', 'bot', 'api-token', 'connector', 'lock', 'passkey')]),
  )
  await hub.api(
    'PUT',
    '/roles/asks-for-admin',
    role('asks-for-admin', [], {
      allow: { request: { roles: ['admin'] } },
    }),
  )
  const boss = await signIn('boss', ['people'])
  const refused = async (t: Test, method: string, path: string, body?: object) => {
    const answer = await call(boss, method, path, body)
    t.match(
      answer,
      { status: 403, code: 'roles_exceed_own' },
      `${method} ${path} ${JSON.stringify(body ?? {})}`,
    )
  }
  const done = async (method: string, path: string, body?: object) => {
    const { status, detail } = await call(boss, method, path, body)
    t.ok(status < 300, `${method} ${path}: ${status} ${detail}`)
  }
  const user = '/users/boss%40example.com'
  await t.test('to a user', async (t) => {
    await refused(t, 'PATCH', user, { roles: ['people', 'admin'] })
    await refused(t, 'PATCH', user, { roles: ['people', 'auditor'] })
    await refused(t, 'PATCH', user, { roles: ['people', 'asks-for-admin'] })
    await refused(t, 'POST', '/users', { name: 'new@example.com', roles: ['app-owner'] })
    await refused(t, 'PATCH', '/users/root%40example.com', { roles: [] })
    await refused(t, 'DELETE', '/users/root%40example.com')
    await refused(t, 'POST', '/users/root%40example.com/relink')
    await refused(t, 'POST', '/users/auditor%40example.com/mfa', { type: 'webauthn' })
    await refused(t, 'DELETE', '/users/auditor%40example.com/mfa')
  })
  await t.test('to a role', async (t) => {
    await refused(t, 'PUT', '/roles/people', role('people', [all('user', 'app')]))
    await refused(t, 'PUT', '/roles/new', role('new', [all('*')]))
    await refused(t, 'PUT', '/roles/new', role('new', [], { allow: { request: { roles: ['admin'] } } }))
    await refused(t, 'PUT', '/roles/new', role('new', [], { allow: { review: { roles: ['security'] } } }))
    await refused(t, 'PUT', '/roles/auditor', role('auditor', [all('user')]))
    await refused(t, 'DELETE', '/roles/auditor')
    await hub.api('PUT', '/roles/limited', {
      ...role('limited', []),
      spec: { deny: { admin: [all('app')] } },
    })
    await refused(t, 'DELETE', '/roles/limited')
    await refused(t, 'PUT', '/roles/limited', role('limited', [all('user')]))
  })
  await t.test('to a program', async (t) => {
    const bot = (name: string, roles: string[]) => ({
      ...{ kind: 'bot', version: 'v1', metadata: { name } },
      spec: { roles, api: true },
    })
    await hub.api('PUT', '/bots/strong', bot('strong', ['security']))
    await refused(t, 'PUT', '/bots/new', bot('new', ['auditor']))
    await refused(t, 'PUT', '/bots/strong', bot('strong', []))
    await refused(t, 'POST', '/bots/strong/secret')
    await refused(t, 'DELETE', '/bots/strong')
    await refused(t, 'POST', '/api-tokens', { name: 'new', roles: ['admin'] })
  })
  await t.test('by ending a lock, or through a connector', async (t) => {
    const { id } = await hub.api<{ id: string }>('POST', '/locks', {
      target: { user: 'auditor@example.com' },
    })
    await refused(t, 'DELETE', `/locks/${id}`)
    await hub.api('DELETE', `/locks/${id}`)
    await hub.api('PUT', '/roles/plain', role('plain', [], { allow: { app_labels: { a: 'b' } } }))
    await hub.api('PATCH', '/users/auditor%40example.com', { roles: ['auditor', 'plain'] })
    const ofRole = await hub.api<{ id: string }>('POST', '/locks', { target: { role: 'plain' } })
    await refused(t, 'DELETE', `/locks/${ofRole.id}`)
    await refused(t, 'PATCH', '/users/auditor%40example.com', { roles: ['auditor'] })
    await hub.api('PATCH', '/users/auditor%40example.com', { roles: ['auditor'] })
    await done('DELETE', `/locks/${ofRole.id}`)
    const connector = { kind: 'oidc', version: 'v1', metadata: { name: 'own' }, spec: issuer.spec }
    t.match(await call(boss, 'PUT', '/connectors/own', connector), { status: 403, code: 'access_denied' })
    t.match(await call(boss, 'DELETE', '/connectors/sso'), { status: 403, code: 'access_denied' })
  })
  await done('PUT', '/roles/small', role('small', [{ kinds: ['user'], verbs: ['list'] }]))
  await done('POST', '/users', { name: 'small@example.com', roles: ['small', 'access'] })
  await done('PATCH', '/users/small%40example.com', { roles: ['people'] })
  await done('DELETE', '/users/small%40example.com')
})

t.test('a denied right counts more than an allowed one, but for the role admin', async (t) => {
  await hub.api('PUT', '/roles/no-locks', {
    ...role('no-locks', []),
    spec: { deny: { admin: [all('lock')] } },
  })
  const held = await signIn('held', ['security', 'no-locks'])
  t.match(await call(held, 'GET', '/locks'), { status: 403 })
  t.match(await call(held, 'GET', '/sessions'), { status: 200 })
  const free = await signIn('free', ['admin', 'no-locks'])
  t.match(await call(free, 'GET', '/locks'), { status: 200 })
  await hub.api('DELETE', '/users/free%40example.com')
})

t.test('a right that is lost counts at once, also for a token that was made before', async (t) => {
  await hub.api('PUT', '/roles/makes-tokens', role('makes-tokens', [all('api-token', 'lock')]))
  const maker = await signIn('maker', ['makes-tokens'])
  const made = await call(maker, 'POST', '/api-tokens', { name: 'made', roles: ['makes-tokens'] })
  t.equal(made.status, 201)
  const { token } = made.value as { token: string }
  t.match(await call(token, 'GET', '/locks'), { status: 200 })
  await hub.api('PATCH', '/users/maker%40example.com', { roles: ['makes-tokens', 'no-locks'] })
  t.match(await call(token, 'GET', '/locks'), { status: 403 }, 'its maker is denied it')
  await hub.api('PATCH', '/users/maker%40example.com', { roles: [] })
  t.match(await call(token, 'GET', '/locks'), { status: 403 })
  t.match(await call(maker, 'GET', '/locks'), { status: 403 })
})

t.test(
  'the last administrator cannot be lost, and the socket on the machine of the hub is the way back',
  async (t) => {
    const lock = (token: string, target: object) => call(token, 'POST', '/locks', { target })
    t.match(await lock(people.helpdesk, { user: 'root@example.com' }), { status: 409, code: 'last_admin' })
    t.match(await lock(people.helpdesk, { role: 'admin' }), { status: 409, code: 'last_admin' })
    t.match(await call(people.admin, 'PATCH', '/users/root%40example.com', { roles: [] }), { status: 409 })
    const { id } = await hub.api<{ id: string }>('POST', '/locks', { target: { user: 'root@example.com' } })
    t.match(await call(people.admin, 'GET', '/users'), { status: 403 }, 'the operator may')
    await hub.api('DELETE', `/locks/${id}`)
    t.match(await call(people.admin, 'GET', '/users'), { status: 200 })
  },
)

t.test('the record of a change says which right and role allowed it', async (t) => {
  const body = { target: { user: 'somebody@example.com' } }
  const made = await call(people.helpdesk, 'POST', '/locks', body)
  t.equal(made.status, 201)
  await call(people.admin, 'DELETE', `/locks/${(made.value as { id: string }).id}`)
  const put = app('mine', { owner: 'owner@example.com' })
  t.equal((await call(people['app-owner'], 'PUT', '/apps/mine', put)).status, 200)
  interface Event {
    readonly type: string
    readonly user: string
    readonly right?: string
    readonly right_role?: string
  }
  const events = await hub.api<Event[]>('GET', '/audit?changes=true&limit=1000')
  const last = (user: string, type: string) =>
    events.filter((event) => event.user === user && event.type === type)[0]
  t.match(last('helpdesk@example.com', 'lock.created'), { right: 'lock.create', right_role: 'helpdesk' })
  t.match(last('root@example.com', 'lock.deleted'), { right: 'lock.delete', right_role: 'admin' })
  t.match(last('owner@example.com', 'app.updated'), { right: 'app.update', right_role: 'app-owner' })
  t.equal(last('operator@socket', 'role.updated')?.right, undefined, 'the socket needs no right')
})

t.test('a page of a plugin shows its rows only to who has the right to them', async (t) => {
  const pages = async (token: string) =>
    ((await call(token, 'GET', '/dashboard/pages')).value as { path: string }[]).map(({ path }) => path)
  t.ok((await pages(people.auditor)).includes('bots'))
  t.notOk((await pages(people.helpdesk)).includes('bots'))
  t.match(await call(people.helpdesk, 'GET', '/dashboard/pages/bots'), { status: 404 })
  t.match(await call(people.auditor, 'GET', '/dashboard/pages/bots'), { status: 200 })
})

t.test('the documents of the roles can be read, and changed as others', async (t) => {
  for (const { metadata, spec } of STANDARD_ROLES)
    t.match(await hub.api('GET', `/roles/${metadata.name}`), { metadata, spec })
  await t.rejects(hub.api('PUT', '/roles/new', role('new', [{ kinds: ['app'], verbs: ['destroy'] }])))
  await t.rejects(
    hub.api(
      'PUT',
      '/roles/new',
      role('new', [{ ...all('app'), where: { labels: { owner: '{{user.email}}' } } }]),
    ),
  )
})
