// together: hubs
/** Who may call what on the hub's own host: every route of the standard set, with tokens for programs turned on, asked as nobody, as a user and as an admin. */
import { FakeIssuer } from '@mezite/core/testing'
import t from 'tap'
import { createTestHub } from '../../core/testing/test-hub.ts'

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
    'DELETE /v1/webapi/me/session',
    'POST /v1/webapi/me/tokens',
  ],
  admin: [
    'GET /v1/webapi/status',
    'GET /v1/webapi/access/explain',
    'GET /v1/webapi/access/who',
    'GET /v1/webapi/access/what',
    'GET /v1/webapi/access/review',
    'GET /v1/webapi/schemas/app',
    'GET /v1/webapi/schemas/oidc',
    'GET /v1/webapi/schemas/role',
    'GET /v1/webapi/apps',
    'POST /v1/webapi/apps',
    'POST /v1/webapi/apps/test',
    'POST /v1/webapi/roles/preview',
    'GET /v1/webapi/traffic',
    'GET /v1/webapi/traffic/apps',
    'GET /v1/webapi/dashboard/pages',
    'GET /v1/webapi/dashboard/pages/{path}',
    'GET /v1/webapi/dashboard/panels/{name}',
    'GET /v1/webapi/dashboard/person-panels/{name}',
    'GET /v1/webapi/audit/export',
    'GET /v1/webapi/apps/{name}',
    'PUT /v1/webapi/apps/{name}',
    'DELETE /v1/webapi/apps/{name}',
    'POST /v1/webapi/apps/{name}/enable',
    'POST /v1/webapi/apps/{name}/disable',
    'PUT /v1/webapi/apps/{name}/agents/{hostname}',
    'DELETE /v1/webapi/apps/{name}/agents/{hostname}',
    'GET /v1/webapi/certificates',
    'GET /v1/webapi/certificates/{name}',
    'GET /v1/webapi/users',
    'POST /v1/webapi/users',
    'GET /v1/webapi/users/{name}',
    'PATCH /v1/webapi/users/{name}',
    'DELETE /v1/webapi/users/{name}',
    'POST /v1/webapi/users/{name}/relink',
    'DELETE /v1/webapi/users/{name}/mapped-roles',
    'GET /v1/webapi/users/{name}/mfa',
    'POST /v1/webapi/users/{name}/mfa',
    'DELETE /v1/webapi/users/{name}/mfa',
    'GET /v1/webapi/roles',
    'GET /v1/webapi/roles/{name}',
    'PUT /v1/webapi/roles/{name}',
    'DELETE /v1/webapi/roles/{name}',
    'GET /v1/webapi/connectors',
    'GET /v1/webapi/connectors/{name}',
    'PUT /v1/webapi/connectors/{name}',
    'DELETE /v1/webapi/connectors/{name}',
    'POST /v1/webapi/connectors/{name}/test',
    'GET /v1/webapi/tokens',
    'POST /v1/webapi/tokens',
    'DELETE /v1/webapi/tokens/{id}',
    'GET /v1/webapi/api-tokens',
    'POST /v1/webapi/api-tokens',
    'DELETE /v1/webapi/api-tokens/{id}',
    'GET /v1/webapi/app-proposals',
    'POST /v1/webapi/app-proposals/{id}/accept',
    'POST /v1/webapi/app-proposals/{id}/refuse',
    'DELETE /v1/webapi/app-proposals/{id}',
    'GET /v1/webapi/app-sources',
    'GET /v1/webapi/app-sources/{name}',
    'PUT /v1/webapi/app-sources/{name}',
    'DELETE /v1/webapi/app-sources/{name}',
    'GET /v1/webapi/schemas/app_source',
    'GET /v1/webapi/bots',
    'GET /v1/webapi/bots/{name}',
    'PUT /v1/webapi/bots/{name}',
    'DELETE /v1/webapi/bots/{name}',
    'POST /v1/webapi/bots/{name}/secret',
    'DELETE /v1/webapi/bots/{name}/secret',
    'GET /v1/webapi/schemas/bot',
    'GET /v1/webapi/agents',
    'GET /v1/webapi/agents/{hostname}',
    'DELETE /v1/webapi/agents/{hostname}',
    'GET /v1/webapi/sessions',
    'DELETE /v1/webapi/sessions/{id}',
    'GET /v1/webapi/locks',
    'POST /v1/webapi/locks',
    'DELETE /v1/webapi/locks/{id}',
    'POST /v1/webapi/backups',
    'GET /v1/webapi/notifications',
    'POST /v1/webapi/notifications/test',
    'GET /v1/webapi/audit',
    'GET /v1/webapi/audit/tail',
    'GET /v1/webapi/audit/verify',
    'GET /v1/webapi/clients',
    'DELETE /v1/webapi/clients/{id}',
    'POST /v1/webapi/clients/remove',
    'GET /v1/webapi/app-clients/{name}',
    'PUT /v1/webapi/app-clients/{name}',
    'DELETE /v1/webapi/app-clients/{name}',
    'GET /v1/webapi/auth/rotate/oidc',
    'POST /v1/webapi/auth/rotate/oidc',
    'GET /v1/webapi/auth/export/oidc',
    'GET /v1/webapi/auth/rotate/app-jwt',
    'POST /v1/webapi/auth/rotate/app-jwt',
    'GET /v1/webapi/auth/rotate/hub-ca',
    'POST /v1/webapi/auth/rotate/hub-ca',
    'GET /v1/webapi/auth/rotate/agent-ca',
    'POST /v1/webapi/auth/rotate/agent-ca',
    'GET /v1/webapi/auth/rotate/user-ca',
    'POST /v1/webapi/auth/rotate/user-ca',
    'GET /v1/webapi/auth/export/app-jwt',
    'GET /v1/webapi/auth/export/hub-ca',
    'GET /v1/webapi/auth/export/agent-ca',
    'GET /v1/webapi/auth/export/user-ca',
  ],
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
  const { paths } = JSON.parse(text) as { paths: Record<string, Record<string, unknown>> }
  const described = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  )
  t.same(described.sort(), Object.values(TABLE).flat().sort())
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
