// together: sign-in
/** Connectors in a whole hub: who may take a name, and which connector makes app sessions. */

import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { defineHubPlugin } from '@mezite/core'
import { createTestAgent, createTestHub, FakeIssuer, type TestHub } from '@mezite/core/testing'
import t from 'tap'
import { register } from '../../e2e/resources.ts'
import { until } from '../../until.ts'
import { refusingSink } from '../refusing-sink.ts'

const first = await FakeIssuer.start()
const second = await FakeIssuer.start()
t.teardown(() => Promise.all([first.close(), second.close()]))

function connector(hub: TestHub, name: string, issuer: FakeIssuer) {
  return hub.api('PUT', `/connectors/${name}`, {
    kind: 'oidc',
    version: 'v1',
    metadata: { name },
    spec: {
      ...issuer.spec,
      claims_to_roles: [{ claim: 'groups', value: 'platform-team', roles: ['access'] }],
    },
  })
}

t.test('C47 a name of another identity is refused and recorded, until it is relinked', async (t) => {
  const hub = await createTestHub()
  t.teardown(() => hub.stop())
  await connector(hub, 'sso', first)
  const enter = (sub: string) => {
    first.person = { ...first.person, sub }
    return hub.visitor().open(`${hub.url}/`)
  }
  t.equal((await enter('hired-2020')).status, 200)
  const refused = await enter('hired-2026')
  t.equal(refused.status, 403)
  t.match(refused.text, 'name_taken')
  t.match(refused.text, 'mezctl users relink')
  type Event = { reason: string; connector: string; success: boolean }
  let failures: Event[] = []
  await until(async () => {
    failures = await hub.api<Event[]>('GET', '/audit?type=user.login.failed')
    return failures.length > 0
  }, 'the refusal is in the audit')
  t.match(failures, [{ reason: 'name_taken', connector: 'sso', success: false }])

  const old = hub.visitor()
  first.person = { ...first.person, sub: 'hired-2020' }
  await old.open(`${hub.url}/`)
  await hub.api('POST', '/users/alice@example.com/relink')
  t.not((await old.fetch(`${hub.url}/`)).status, 200, 'sessions of the former holder are over')
  t.equal((await enter('hired-2026')).status, 200, 'the next one to sign in takes the name')
  t.equal((await enter('hired-2020')).status, 403)
})

t.test('apps_oidc_connector admits app sessions of that connector only', async (t) => {
  const seen: unknown[] = []
  const observer = defineHubPlugin({
    name: 'observer',
    api: 1,
    summary: 'Notes what policies see',
    setup({ tap }) {
      tap.access.decide(({ subject }) => void seen.push(subject.profile))
    },
  })
  const hub = await createTestHub({
    plugins: [observer],
    config: { proxy: { apps_oidc_connector: 'corp' } },
  })
  t.teardown(() => hub.stop())
  await connector(hub, 'other', second)
  await register(hub.api, 'app', 1, { agents: [] })
  const app = `${hub.appUrl('app')}/`
  const missing = await hub.visitor().open(app)
  t.equal(missing.status, 503)
  t.match(missing.text, 'Sign-in to applications is not available. Ask your administrator.')
  t.notMatch(missing.text, /corp|apps_oidc_connector/, 'what is wrong is for the log')

  await connector(hub, 'corp', first)
  second.person = { sub: 'o-1', email: 'otto@example.com', email_verified: true, groups: ['platform-team'] }
  // Both ways in; the one that opens applications comes first.
  const choices = await hub.visitor().open(`${hub.url}/web/login`)
  const buttons = [...choices.text.matchAll(/<a class="(button[^"]*)"[^>]*connector=(\w+)"/g)]
  t.strictSame(
    buttons.map(([, style, id]) => [id, style]),
    [
      ['corp', 'button'],
      ['other', 'button plain'],
    ],
  )
  const login = async (program: string) => {
    const cli = `${hub.url}/web/cli?challenge=${'c'.repeat(43)}&no_browser=1&host=x&program=${program}`
    const visitor = hub.visitor()
    const { headers } = await visitor.fetch(cli)
    return (await visitor.fetch(String(headers.location))).headers.location
  }
  t.match(await login('msh'), /\/oidc\/login\/corp\?/, 'msh opens applications')
  t.equal(await login('mezctl'), undefined, 'mezctl asks')
  const visitor = hub.visitor()
  const home = await visitor.open(`${hub.url}/web/login?connector=other`)
  t.match(home.text, 'otto@example.com')
  first.person = { sub: 'c-1', email: 'cora@example.com', email_verified: true, groups: ['platform-team'] }
  first.person.name = 'Cora C.'
  const logins = first.authorizations.length
  // No agent serves it: 502 comes from behind the session.
  t.equal((await visitor.open(app)).status, 502)
  t.equal(first.authorizations.length, logins + 1, 'sent to the connector that apps need')
  t.same(seen.at(-1), { name: 'Cora C.', email: 'cora@example.com' }, 'as the provider vouches for them')
  const sessions = await hub.api<{ user: string; app: string | null }[]>('GET', '/sessions')
  t.strictSame(
    sessions.filter((session) => session.app !== null).map(({ user }) => user),
    ['cora@example.com'],
  )
  t.notOk(
    sessions.some(({ user }) => user === 'otto@example.com'),
    'the session of the other connector was ended by the new sign-in',
  )
})

t.test('an app may require another connector than the rest', async (t) => {
  const hub = await createTestHub({ config: { proxy: { apps_oidc_connector: 'corp' } } })
  t.teardown(() => hub.stop())
  await connector(hub, 'corp', first)
  await connector(hub, 'partners', second)
  first.person = { sub: 'c-2', email: 'carl@example.com', email_verified: true, groups: ['platform-team'] }
  second.person = { sub: 'p-2', email: 'pia@example.com', email_verified: true, groups: ['platform-team'] }
  await register(hub.api, 'wiki', 1, { agents: [] })
  await register(hub.api, 'portal', 1, { agents: [], connector: 'partners' })
  t.match(await hub.api('GET', '/apps/portal'), { spec: { connector: 'partners' } })
  const usersOf = async (app: string) => {
    const sessions = await hub.api<{ user: string; app: string | null }[]>('GET', '/sessions')
    return sessions.filter((session) => session.app === app).map(({ user }) => user)
  }

  const employee = hub.visitor()
  t.equal((await employee.open(`${hub.appUrl('wiki')}/`)).status, 502, 'no agent serves it')
  t.strictSame(await usersOf('wiki'), ['carl@example.com'])
  const partner = hub.visitor()
  t.equal((await partner.open(`${hub.appUrl('portal')}/`)).status, 502)
  t.strictSame(await usersOf('portal'), ['pia@example.com'])
  const logins = second.authorizations.length
  t.equal((await employee.open(`${hub.appUrl('portal')}/`)).status, 502)
  t.equal(second.authorizations.length, logins + 1, 'an employee signs in at the provider of the partners')
  const explained = (user: string, app: string) =>
    hub.api<{ effect: string; connector: unknown }>('GET', `/access/explain?user=${user}&app=${app}`)
  t.match(await explained('carl@example.com', 'portal'), {
    connector: { required: 'partners', signed_in_with: 'corp', met: false },
  })
  t.match(await explained('pia@example.com', 'portal'), { effect: 'allow', connector: { met: true } })

  await register(hub.api, 'portal', 1, { agents: [], connector: 'gone' })
  const gone = await hub.visitor().open(`${hub.appUrl('portal')}/`)
  t.equal(gone.status, 503, 'a connector that does not exist opens nothing')
  t.notMatch(gone.text, 'gone')
})

t.test(
  'an app gets the profile that its provider vouches for, its secret header, and a state by its health',
  async (t) => {
    const hub = await createTestHub()
    const agent = await createTestAgent(hub)
    const seen: IncomingHttpHeaders[] = []
    let up = 500
    const server = createServer((request, response) => {
      if (request.url !== '/up') seen.push(request.headers)
      response.writeHead(request.url === '/up' ? up : 200).end('hello')
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.teardown(async () => {
      await agent.stop()
      await hub.stop()
      server.close()
      server.closeAllConnections()
    })
    await connector(hub, 'sso', first)
    const set = (value: object) => ({ headers: { request: { set: { Authorization: value } } } })
    const more = {
      agents: ['node-1'],
      identity_headers: { 'X-Login': '{email.local}', 'X-Name': 'name', 'X-Role': 'each_role' },
      health: { path: '/up', interval: '1s' },
    }
    const { port } = server.address() as AddressInfo
    await register(hub.api, 'app', port, { ...more, ...set({ value: 'token s3cret' }) })
    await register(hub.api, 'app', port, { ...more, ...set({ stored: true }) })
    const shown = await hub.api<{ status: { state: string; reason: string | null } }>('GET', '/apps/app')
    t.notMatch(JSON.stringify([shown, await hub.api('GET', '/apps')]), /s3cret/)
    t.match(shown, { spec: { headers: { request: { set: { Authorization: { stored: true } } } } } })
    const stateIs = (state: string, reason: string | null) =>
      until(async () => {
        const { status } = await hub.api<typeof shown>('GET', '/apps/app')
        return status.state === state && status.reason === reason
      }, state)
    await stateIs('unreachable', 'unhealthy')
    up = 204
    await stateIs('ready', null)

    const groups = ['platform-team']
    first.person = { sub: 'd-1', email: 'dora@example.com', email_verified: true, name: 'Dora', groups }
    const page = await hub.visitor().open(`${hub.appUrl('app')}/`)
    t.equal(page.text, 'hello')
    t.match(seen.at(-1), {
      authorization: 'token s3cret',
      'x-login': 'dora',
      'x-name': 'Dora',
      'x-role': 'access',
    })
  },
)

t.test('K144 roles of a removed connector end, in API tokens too', async (t) => {
  const hub = await createTestHub()
  t.teardown(() => hub.stop())
  await hub.api('POST', '/users', { name: 'keeper', roles: ['admin'] })
  const rule = (value: string, role: string) => ({ claim: 'groups', value, roles: [role] })
  for (const [name, issuer] of [
    ['gone', first],
    ['kept', second],
  ] as const)
    await hub.api('PUT', `/connectors/${name}`, {
      kind: 'oidc',
      version: 'v1',
      metadata: { name },
      spec: { ...issuer.spec, claims_to_roles: [rule('admins', 'admin'), rule('admins', 'access')] },
    })
  const groups = ['admins']

  /** An API token with all that its maker may; what it is answered. */
  async function tokenOf(issuer: FakeIssuer, connector: string, sub: string) {
    issuer.person = { sub, email: `${sub}@example.com`, email_verified: true, groups }
    const visitor = hub.visitor()
    await visitor.open(`${hub.url}/web/login?connector=${connector}`)
    const me = await visitor.fetch(`${hub.url}/v1/webapi/me`)
    const made = await visitor.fetch(`${hub.url}/v1/webapi/api-tokens`, {
      method: 'POST',
      headers: {
        origin: hub.url,
        'content-type': 'application/json',
        'x-mezite-csrf': String(me.headers['x-mezite-csrf']),
      },
      body: JSON.stringify({ name: sub, roles: ['admin'] }),
    })
    const headers = { authorization: `Bearer ${JSON.parse(made.text).token}` }
    return async () => (await hub.visitor().fetch(`${hub.url}/v1/webapi/users`, { headers })).status
  }
  const mia = await tokenOf(first, 'gone', 'mia')
  const ned = await tokenOf(first, 'gone', 'ned')
  const zoe = await tokenOf(second, 'kept', 'zoe')
  await hub.api('PATCH', '/users/ned@example.com', { roles: ['admin'] })
  t.strictSame([await mia(), await ned(), await zoe()], [200, 200, 200])

  await hub.api('DELETE', '/connectors/gone')
  t.equal(await mia(), 403, 'a mapped role went with the connector')
  t.equal(await ned(), 200, 'a role that an administrator gave did not')
  t.equal(await zoe(), 200, 'nor one of another connector')
  type Row = { name: string; roles: string[] }
  const users = await hub.api<Row[]>('GET', '/users')
  const rolesOf = (name: string) => users.find((user) => user.name === name)?.roles
  t.strictSame(rolesOf('mia@example.com'), [])
  t.strictSame(rolesOf('ned@example.com'), ['admin'])
  t.strictSame(rolesOf('zoe@example.com'), ['access', 'admin'])
})

t.test('C54 a connector that gets another issuer ends its sessions and drops its roles', async (t) => {
  const hub = await createTestHub()
  t.teardown(() => hub.stop())
  await connector(hub, 'sso', first)
  await hub.api('POST', '/users', { name: 'keeper', roles: ['admin'] })
  first.person = { sub: 'ivy', email: 'ivy@example.com', email_verified: true, groups: ['platform-team'] }
  const visitor = hub.visitor()
  await visitor.open(`${hub.url}/`)
  const me = async () => (await visitor.fetch(`${hub.url}/v1/webapi/me`)).status
  const ivy = () => hub.api<{ roles: string[]; mapped_roles: string[] }>('GET', '/users/ivy@example.com')
  const put = (spec: object) =>
    hub.api<{ cut: { sessions: number } }>('PUT', '/connectors/sso', {
      kind: 'oidc',
      version: 'v1',
      metadata: { name: 'sso' },
      spec,
    })
  t.match(await put({ ...first.spec, claims_to_roles: [] }), { cut: { sessions: 0 } })
  t.equal(await me(), 200, 'another rule ends nothing')
  t.match(await ivy(), { mapped_roles: ['access'] })
  t.match(await hub.api('DELETE', '/users/ivy@example.com/mapped-roles'), { dropped: ['access'], roles: [] })
  await connector(hub, 'sso', first)
  await visitor.open(`${hub.url}/web/login?connector=sso`)
  t.match(await ivy(), { mapped_roles: ['access'] })

  t.match(await put(second.spec), { created: false, cut: { sessions: 1 } })
  t.equal(await me(), 401)
  t.match(await ivy(), { roles: [], mapped_roles: [] })
  await until(async () => {
    return (await hub.api<unknown[]>('GET', '/audit?type=session.revoked')).length > 0
  }, 'the end is in the audit')
})

t.test('a sign-in under way does not restore roles of a deleted or changed connector', async (t) => {
  const hub = await createTestHub()
  t.teardown(() => hub.stop())
  t.teardown(() => {
    first.misbehave = {}
  })
  first.person = { sub: 'mia', email: 'mia@example.com', email_verified: true, groups: ['platform-team'] }
  const rolesOfMia = async () => (await hub.api<{ roles: string[] }>('GET', '/users/mia@example.com')).roles

  /** What a sign-in is answered when the connector is changed while the provider says who it is. */
  async function enterDuring(change: () => Promise<unknown>) {
    const asked = Promise.withResolvers<() => void>()
    const person = JSON.stringify(first.person)
    first.misbehave = {
      takeOver(path, response) {
        if (path !== '/userinfo') return false
        asked.resolve(() => response.writeHead(200, { 'content-type': 'application/json' }).end(person))
        return true
      },
    }
    const answer = hub.visitor().open(`${hub.url}/`)
    const goOn = await asked.promise
    first.misbehave = {}
    await change()
    goOn()
    return answer
  }

  await connector(hub, 'sso', first)
  t.equal((await hub.visitor().open(`${hub.url}/`)).status, 200)
  t.strictSame(await rolesOfMia(), ['access'])
  const deleted = await enterDuring(() => hub.api('DELETE', '/connectors/sso'))
  t.match(deleted, { status: 403, text: /connector_changed/ })
  t.strictSame(await rolesOfMia(), [], 'deleted')

  await connector(hub, 'sso', first)
  const spec = { ...first.spec, claims_to_roles: [] }
  const changed = await enterDuring(() =>
    hub.api('PUT', '/connectors/sso', { kind: 'oidc', version: 'v1', metadata: { name: 'sso' }, spec }),
  )
  t.match(changed, { status: 403, text: /connector_changed/ })
  t.strictSame(await rolesOfMia(), [], 'changed')
  t.equal((await hub.visitor().open(`${hub.url}/`)).status, 200, 'and the next sign-in is one')
})

t.test('a connector is deleted together with its sessions, or not at all', async (t) => {
  const { plugin, refuse } = refusingSink()
  const hub = await createTestHub({ plugins: [plugin] })
  t.teardown(() => hub.stop())
  await connector(hub, 'sso', first)
  first.person = { sub: 'ida', email: 'ida@example.com', email_verified: true, groups: ['platform-team'] }
  const ida = hub.visitor()
  t.equal((await ida.open(`${hub.url}/`)).status, 200)
  const me = async () => (await ida.fetch(`${hub.url}/v1/webapi/me`)).status
  const left = async () => {
    const count = async (path: string) => (await hub.api<unknown[]>('GET', path)).length
    return { connectors: await count('/connectors'), sessions: await count('/sessions') }
  }

  refuse('session.revoked')
  await t.rejects(hub.api('DELETE', '/connectors/sso'))
  t.strictSame(await left(), { connectors: 1, sessions: 1 }, 'so that it can be deleted again')
  t.equal(await me(), 200)
  refuse(null)
  t.match(await hub.api('DELETE', '/connectors/sso'), { cut: { sessions: 1 } })
  t.strictSame(await left(), { connectors: 0, sessions: 0 })
  t.equal(await me(), 401)
})
