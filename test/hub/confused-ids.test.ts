// together: hubs
/** Real ids and names of other kinds in each route that names one thing: they are unknown there, and the things that they name stay. */
import { join } from 'node:path'
import { createTestHub, FakeIssuer } from '@mezite/core/testing'
import t from 'tap'
import { adminRequests } from '../../core/program/admin/admin-client.ts'
import { RIGHTS } from './route-rights.ts'

t.setTimeout(120_000)

const issuer = await FakeIssuer.start()
t.teardown(() => issuer.close())
const hub = await createTestHub({
  config: { plugins: { 'authorization-server': { enabled: true, registration: true } } },
})
t.teardown(() => hub.stop())
const request = adminRequests(join(hub.dataDir, 'admin.sock'))
const put = (collection: string, kind: string, name: string, spec: object) =>
  hub.api('PUT', `/${collection}/${name}`, { kind, version: 'v1', metadata: { name }, spec })
const idOf = async (path: string, body: object) => (await hub.api<{ id: string }>('POST', path, body)).id

await put('connectors', 'oidc', 'a-connector', issuer.spec)
issuer.person = { sub: 'p', email: 'person@example.com', email_verified: true }
await hub.visitor().open(`${hub.url}/`)
await put('apps', 'app', 'an-app', { uri: 'http://127.0.0.1:9', agents: ['agent-1'] })
await put('app-sources', 'app_source', 'a-source', { agents: ['agent-1'], names: ['x-*'] })
await put('bots', 'bot', 'a-bot', { roles: [] })
await put('roles', 'role', 'a-role', { allow: {} })
await hub.api('POST', '/users', { name: 'root@example.com', roles: ['admin'] })
/** What names one thing of each collection. */
const THINGS: Readonly<Record<string, string>> = {
  apps: 'an-app',
  'app-sources': 'a-source',
  bots: 'a-bot',
  connectors: 'a-connector',
  roles: 'a-role',
  users: 'person@example.com',
  sessions: (await hub.api<{ id: string }[]>('GET', '/sessions'))[0]!.id,
  'api-tokens': await idOf('/api-tokens', { name: 'a-token', roles: ['admin'] }),
  tokens: await idOf('/tokens', { roles: ['app'], agent_hostname: 'agent-2' }),
  locks: await idOf('/locks', { target: { user: 'nobody@example.com' } }),
  clients: (
    await hub.api<{ client_id: string }>('POST', '/clients', {
      name: 'P',
      redirect_uris: ['http://127.0.0.1/cb'],
    })
  ).client_id,
}
const lists = async () =>
  JSON.stringify(
    await Promise.all(
      Object.keys(THINGS).map(async (collection) =>
        (await hub.api<object[]>('GET', `/${collection}`)).map((one) => {
          const { id, client_id, name, metadata, roles } = one as Record<string, { name?: unknown }>
          return [id ?? client_id ?? name ?? metadata?.name, roles]
        }),
      ),
    ),
  )

const ROUTES = Object.values(RIGHTS)
  .flat()
  .map((route) => route.replace('/v1/webapi', ''))
  // Saving a name makes a new thing.
  .filter((route) => route.includes('{') && !route.startsWith('PUT /'))

t.test('an id of another kind is unknown in each route, and the thing that it names stays', async (t) => {
  const before = await lists()
  let asked = 0
  for (const route of ROUTES) {
    const [method = '', path = ''] = route.split(' ')
    const own = path.split('/')[1]!
    if (own === 'dashboard' || own === 'certificates') continue
    for (const [collection, id] of Object.entries(THINGS)) {
      if (collection === own || (own === 'app-clients' && collection === 'apps')) continue
      const { status, body } = await request(
        method,
        path.replaceAll(/\{\w+\}/g, encodeURIComponent(id)),
        method === 'POST' ? {} : undefined,
      )
      asked += 1
      // A removed role has no versions, and one that never was has none either.
      const isEmptyList = route === 'GET /roles/{name}/versions' && JSON.stringify(body) === '[]'
      const { code = '' } = Object(body) as { code?: string }
      t.ok(
        [400, 404].includes(status) || isEmptyList,
        `${route} with one of ${collection}: ${status} ${code}`,
      )
    }
  }
  t.ok(asked > 300, `${asked} calls`)
  t.equal(await lists(), before)
})

/** A person with a role that has these rules, who calls with the token of a session. */
async function signIn(name: string, admin: readonly object[]) {
  await put('roles', 'role', name, { allow: { admin } })
  await hub.api('POST', '/users', { name: `${name}@example.com`, roles: [name] })
  issuer.person = { sub: name, email: `${name}@example.com`, email_verified: true }
  const visitor = hub.visitor()
  await visitor.open(`${hub.url}/web/login?connector=a-connector`)
  const [, token = ''] =
    /__Host-mezite_session=([\w-]+)/.exec(visitor.cookies(new URL(hub.url).host) ?? '') ?? []
  return async (method: string, path: string, body?: object) => {
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
    return { status: response.statusCode, code: (JSON.parse(text || '{}') as { code?: string }).code }
  }
}

t.test('requests and changes are not found by an id of another kind', async (t) => {
  const ask = await signIn('asker', [{ kinds: ['role'], verbs: ['list'] }])
  for (const path of ['/access-requests', '/changes'])
    for (const [collection, id] of Object.entries(THINGS)) {
      const at = `${path}/${encodeURIComponent(id)}`
      t.equal((await ask('GET', at)).status, 404, `${at}, one of ${collection}`)
      for (const act of ['approve', 'deny', 'cancel'])
        t.match(String((await ask('POST', `${at}/${act}`, {})).status), /^40[034]$/, `${act} ${at}`)
    }
})

t.test('a call about several things is refused whole if one of them is foreign', async (t) => {
  await put('roles', 'role', 'team', { allow: {} })
  await put('roles', 'role', 'strong', { allow: { admin: [{ kinds: ['lock'], verbs: ['create'] }] } })
  const ask = await signIn('partly', [
    { kinds: ['user'], verbs: ['create', 'update', 'list'] },
    { kinds: ['invitation'], verbs: ['create'], where: { labels: { role: 'team' } } },
    { kinds: ['session'], verbs: ['end'], where: { labels: { owner: 'partly@example.com' } } },
  ])
  const before = await lists()
  t.match(await ask('POST', '/users', { name: 'new@example.com', roles: ['team', 'strong'] }), {
    status: 403,
    code: 'roles_exceed_own',
  })
  t.match(await ask('PATCH', '/users/person@example.com', { roles: ['team', 'strong'] }), {
    status: 403,
    code: 'roles_exceed_own',
  })
  for (const roles of [
    ['team', 'strong'],
    ['team', 'a-role'],
  ])
    t.equal(
      (await ask('POST', '/invitations', { name: 'erin@example.com', roles })).status,
      403,
      roles.join(),
    )
  for (const query of ['all=true', 'user=partly@example.com', 'app=an-app'])
    t.match(await ask('DELETE', `/sessions?${query}`), { status: 403, code: 'access_denied' }, query)
  t.equal(await lists(), before, 'nothing was made, given or ended')
  t.strictSame(await hub.api('GET', '/invitations'), [])
  t.equal((await ask('PATCH', '/users/person@example.com', { roles: ['team'] })).status, 200)
})
