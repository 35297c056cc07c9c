// together: hubs
/** Who may call what on the hub's own host: every route of the standard set, with tokens for programs turned on, asked as nobody, as a user and as an admin. */
import { FakeIssuer } from '@mezite/core/testing'
import t from 'tap'
import { createTestHub } from '../../core/testing/test-hub.ts'
import { RIGHTS } from './route-rights.ts'

type Access = 'public' | 'user' | 'admin'

/** The table. A new route fails here until it is listed with who may call it. */
const TABLE: Readonly<Record<Access, readonly string[]>> = {
  public: [
    'GET /v1/webapi/brand',
    'POST /v1/webapi/cli/token',
    'POST /v1/webapi/user-certs',
    'GET /v1/webapi/oidc/login/{choice}',
    'GET /v1/webapi/oidc/callback',
    'GET /v1/webapi/oidc/callback/{choice}',
    'GET /v1/webapi/webauthn/login/{choice}',
    'POST /v1/webapi/oidc/backchannel-logout/{connector}',
    'POST /v1/webapi/oidc/security-events/{connector}',
  ],
  user: [
    'GET /v1/webapi/me',
    'GET /v1/webapi/me/rights',
    'GET /v1/webapi/me/apps',
    'GET /v1/webapi/me/apps/{name}/icon',
    'GET /v1/webapi/events',
    'GET /v1/webapi/access-requests',
    'GET /v1/webapi/access-requests/{id}',
    'POST /v1/webapi/access-requests',
    'POST /v1/webapi/access-requests/{id}/approve',
    'POST /v1/webapi/access-requests/{id}/deny',
    'POST /v1/webapi/access-requests/{id}/cancel',
    'POST /v1/webapi/access-requests/{id}/revoke',
    'GET /v1/webapi/changes',
    'GET /v1/webapi/changes/{id}',
    'POST /v1/webapi/changes/{id}/approve',
    'POST /v1/webapi/changes/{id}/deny',
    'POST /v1/webapi/changes/{id}/cancel',
    'POST /v1/webapi/changes/{id}/force',
    'POST /v1/webapi/changes/{id}/answer',
    'GET /v1/webapi/dashboard/own-pages',
    'GET /v1/webapi/dashboard/own-pages/{path}',
    'GET /v1/webapi/dashboard/own-pages/{path}/tables/{place}',
    'DELETE /v1/webapi/me/session',
    'POST /v1/webapi/me/tokens',
  ],
  admin: Object.values(RIGHTS).flat(),
}

const issuer = await FakeIssuer.start()
t.teardown(() => issuer.close())
// Every route is asked with an unknown token, which is more than one address may do in a minute.
const hub = await createTestHub({
  config: {
    proxy: { limits: { calls_per_minute: { tokens: 1_000 } } },
    plugins: { 'authorization-server': { enabled: true, registration: true } },
  },
})
t.teardown(() => hub.stop())
await hub.api('PUT', '/connectors/sso', {
  kind: 'oidc',
  version: 'v1',
  metadata: { name: 'sso' },
  spec: issuer.spec,
})

/** A session's token of a signed-in person, used as a bearer. */
async function tokenOf(): Promise<string> {
  const visitor = hub.visitor()
  await visitor.open(`${hub.url}/`)
  const [, token] = /__Host-mezite_session=([\w-]+)/.exec(visitor.cookies(new URL(hub.url).host) ?? '') ?? []
  if (!token) throw new Error('nobody was signed in')
  return token
}
const user = await tokenOf()
await hub.api('POST', '/users', { name: 'root@example.com', roles: ['admin'] })
issuer.person = { sub: 'root-1', email: 'root@example.com', email_verified: true }
const admin = await tokenOf()

/** Status of one call with these credentials; what the path names does not exist. */
async function call(route: string, token: string | null): Promise<number> {
  const [method = '', path = ''] = route.split(' ')
  const response = await hub.visitor().stream(hub.url + path.replaceAll(/\{\w+\}/g, 'nothing-here'), {
    method,
    headers: { accept: 'application/json', ...(token === null ? {} : { authorization: `Bearer ${token}` }) },
  })
  response.on('error', () => {})
  response.destroy()
  return response.statusCode ?? 0
}

t.test('K140 the API has exactly the listed routes', async (t) => {
  const { text } = await hub.visitor().fetch(`${hub.url}/v1/webapi/openapi.json`)
  const { paths } = JSON.parse(text) as {
    paths: Record<string, Record<string, { readonly 'x-right'?: string }>>
  }
  const described = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  )
  t.same(described.sort(), Object.values(TABLE).flat().sort())
  const declared = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, { 'x-right': right }]) =>
      right === undefined ? [] : [`${right}: ${method.toUpperCase()} ${path}`],
    ),
  )
  const listed = Object.entries(RIGHTS).flatMap(([right, routes]) =>
    routes.map((route) => `${right}: ${route}`),
  )
  t.same(declared.sort(), listed.sort())
})

t.test('K140 E77 each route admits the callers in the table, and nobody else', async (t) => {
  for (const [access, routes] of Object.entries(TABLE) as [Access, readonly string[]][]) {
    for (const route of routes) {
      const nobody = await call(route, null)
      t.equal(nobody === 401, access !== 'public', `${route} as nobody: ${nobody}`)
      if (access === 'public') continue
      const stranger = await call(route, 'x'.repeat(43))
      t.equal(stranger, 401, `${route} with an unknown token`)
      if (access === 'admin') t.equal(await call(route, user), 403, `${route} as a user`)
      const allowed = await call(route, route.endsWith('/me/session') ? await tokenOf() : admin)
      t.notOk([401, 403, 500].includes(allowed), `${route} as who may: ${allowed}`)
    }
  }
})

t.test('endpoints for programs ignore cookies of the hub, and reject its tokens', async (t) => {
  for (const [route, expected] of [
    ['GET /.well-known/openid-configuration', [200]],
    ['GET /.well-known/oauth-authorization-server', [200]],
    ['GET /v1/oauth/keys', [200]],
    ['GET /v1/oauth/authorize', [400]],
    ['GET /v1/oauth/authorize/x', [303, 400]],
    ['GET /v1/oauth/device', [303]],
    ['GET /v1/oauth/userinfo', [400, 401]],
    ['POST /v1/oauth/token', [400, 401]],
    ['POST /v1/oauth/revoke', [400, 401]],
    ['POST /v1/oauth/introspect', [400, 401]],
    ['POST /v1/oauth/device_authorization', [400, 401]],
    ['POST /v1/oauth/register', [400]],
    ['GET /web/oauth/x', [303, 401]],
    ['POST /v1/oauth/authorize', [404, 405]],
    ['GET /v1/oauth/token', [404, 405]],
    ['GET /v1/oauth/register/x', [404]],
    ['GET /v1/oauth/session/end', [404]],
    ['POST /v1/oauth/par', [404]],
  ] as const) {
    const status = await call(route, null)
    t.ok((expected as readonly number[]).includes(status), `${route}: ${status}`)
  }
})

t.test('E77 a person can read their own account, and unknown paths are 404', async (t) => {
  const me = await hub
    .visitor()
    .fetch(`${hub.url}/v1/webapi/me`, { headers: { authorization: `Bearer ${user}` } })
  t.equal(JSON.parse(me.text).user, 'alice@example.com')
  for (const path of ['/v1/webapi/nothing', '/v1/webapi/apps/a/b/c', '/v2/apps', '/v1'])
    t.ok([400, 401, 403, 404].includes(await call(`GET ${path}`, user)), path)
})

t.test('anyone may read how the operator presents the hub', async (t) => {
  const { status, text } = await hub.visitor().fetch(`${hub.url}/v1/webapi/brand`)
  t.equal(status, 200)
  t.strictSame(JSON.parse(text), {
    name: 'Mezite',
    cluster: 'test',
    logo: null,
    contact: null,
    help_url: null,
  })
})
