// together: plugin-hubs
/** Calls of the API that a route makes in the name of its own caller: they have the caller's rights, and change nothing. */
import { defineHubPlugin, webRoutes } from '@mezite/core'
import { createTestHub, FakeIssuer } from '@mezite/core/testing'
import t from 'tap'

interface Asked {
  readonly method: string
  readonly url: string
  readonly body?: object
  readonly onlyCheck?: boolean
}
const asking = defineHubPlugin({
  name: 'asking',
  api: 1,
  summary: 'Makes the calls that it is sent',
  provides: { webRoutes },
  setup({ provide }) {
    provide.webRoutes({
      name: 'asking',
      prefix: '/v1/webapi/asking',
      async routes(web) {
        for (const access of ['user', 'public'] as const)
          web.post<{ Body: Asked }>(`/${access}`, { config: { access } }, async (request) =>
            request.callApi({ body: undefined, ...request.body }),
          )
      },
    })
  },
})
const hub = await createTestHub({ plugins: [asking] })
t.teardown(() => hub.stop())

const app = (name: string, team: string) => ({
  kind: 'app',
  version: 'v1',
  metadata: { name, labels: { team } },
  spec: { uri: 'http://127.0.0.1:9', agents: ['agent-1'] },
})
await hub.api('PUT', '/apps/mine', app('mine', 'own'))
await hub.api('PUT', '/apps/theirs', app('theirs', 'other'))
const limited = { kinds: ['app'], verbs: ['list', 'read', 'delete'], where: { labels: { team: 'own' } } }
for (const [name, admin] of [
  ['owner', [limited]],
  ['empty', []],
] as const)
  await hub.api('PUT', `/roles/${name}`, {
    kind: 'role',
    version: 'v1',
    metadata: { name },
    spec: admin.length === 0 ? {} : { allow: { admin } },
  })

const issuer = await FakeIssuer.start()
t.teardown(() => issuer.close())
await hub.api('PUT', '/connectors/sso', {
  kind: 'oidc',
  version: 'v1',
  metadata: { name: 'sso' },
  spec: issuer.spec,
})

/** The session of a person with these roles. */
async function signIn(name: string, ...roles: string[]): Promise<string> {
  issuer.person = { sub: name, email: `${name}@example.com`, email_verified: true }
  const visitor = hub.visitor()
  await visitor.open(`${hub.url}/`)
  await hub.api('PATCH', `/users/${name}@example.com`, { roles })
  return /__Host-mezite_session=([\w-]+)/.exec(visitor.cookies(new URL(hub.url).host) ?? '')?.[1] ?? ''
}
const root = await signIn('root', 'admin')
const owner = await signIn('owner', 'owner')
const nobody = await signIn('nobody', 'empty')

interface Answer {
  readonly status: number
  readonly body: { readonly code?: string } | null
}
async function ask(session: string, asked: Asked, at: 'user' | 'public' = 'user'): Promise<Answer> {
  const answer = await hub.visitor().fetch(`${hub.url}/v1/webapi/asking/${at}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${session}` },
    body: JSON.stringify(asked),
  })
  return JSON.parse(answer.text)
}
const get = (url: string) => ({ method: 'GET', url: `/v1/webapi${url}` })
const check = (method: string, url: string, body?: object) => ({
  ...{ method, url: `/v1/webapi${url}`, onlyCheck: true },
  ...(body && { body }),
})

t.test('a call reads what its caller may read, and nothing else', async (t) => {
  const names = async (session: string) =>
    ((await ask(session, get('/apps'))).body as unknown as { metadata: { name: string } }[]).map(
      ({ metadata }) => metadata.name,
    )
  t.strictSame(await names(root), ['mine', 'theirs'])
  t.strictSame(await names(owner), ['mine'], 'by the labels of the right')
  t.equal((await ask(owner, get('/apps/mine'))).status, 200)
  t.equal((await ask(owner, get('/apps/theirs'))).status, 404)
  t.match(await ask(owner, get('/roles')), { status: 403, body: { code: 'access_denied' } })
  t.match(await ask(nobody, get('/apps')), { status: 403, body: { code: 'access_denied' } })
  t.match(await ask(root, get('/no/such/route')), { status: 404 })
})

t.test(
  'a route that calls the API for its own caller changes nothing, even for an administrator',
  async (t) => {
    const before = await hub.api('GET', '/apps')
    for (const asked of [
      { method: 'DELETE', url: '/v1/webapi/apps/mine' },
      { method: 'POST', url: '/v1/webapi/users', body: { name: 'new', roles: [] } },
      { method: 'POST', url: '/v1/webapi/asking/user', body: get('/apps') },
      { method: 'GET', url: '/v1/webapi/me' },
      { method: 'GET', url: '/v1/webapi/openapi.json' },
    ])
      t.match(await ask(root, asked), { status: 403, body: { code: 'access_denied' } }, asked.url)
    t.strictSame(await hub.api('GET', '/apps'), before)
  },
)

t.test('a check says whether the caller may make a change, and does not make it', async (t) => {
  const before = await hub.api('GET', '/apps')
  t.strictSame(await ask(root, check('DELETE', '/apps/theirs')), { status: 204, body: null })
  t.equal((await ask(owner, check('DELETE', '/apps/mine'))).status, 204)
  t.equal((await ask(owner, check('DELETE', '/apps/theirs'))).status, 404, 'which it may not see')
  t.equal((await ask(nobody, check('DELETE', '/apps/mine'))).status, 403)
  t.equal((await ask(root, check('POST', '/users', { nam: 'new' }))).status, 400)
  t.match(
    await ask(root, check('POST', '/connectors/sso/test')),
    { status: 403, body: { code: 'access_denied' } },
    'a call that needs a right to read would be made',
  )
  t.strictSame(await hub.api('GET', '/apps'), before)
})

t.test('a call has the rights of its moment', async (t) => {
  const rights = async () => (await ask(owner, get('/apps'))).status
  t.equal(await rights(), 200)
  const { id } = await hub.api<{ id: string }>('POST', '/locks', { target: { user: 'owner@example.com' } })
  t.equal(await rights(), 403)
  await hub.api('DELETE', `/locks/${id}`)
  t.equal(await rights(), 200)
})

t.test('the caller of a public route is nobody, whatever it sends', async (t) => {
  t.match(await ask(root, get('/apps'), 'public'), { status: 401, body: { code: 'login_required' } })
  t.match(await ask(root, check('DELETE', '/apps/mine'), 'public'), { status: 401 })
})
