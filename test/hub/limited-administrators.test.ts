// together: hubs
/** A role with rights for some labels only, for each kind of thing: what it opens, and that what is hidden looks like nothing. */
import { adminRights, defineHubPlugin } from '@mezite/core'
import { FakeIssuer } from '@mezite/core/testing'
import t from 'tap'
import { createTestHub } from '../../core/testing/test-hub.ts'
import { RIGHTS } from './route-rights.ts'

t.setTimeout(120_000)

/** Routes of such kinds that need the right for everything all the same: they decide who may do what. */
const FOR_ALL_THINGS = [
  'POST /apps/test',
  'POST /programs/check',
  'PUT /connectors/{name}',
  'DELETE /connectors/{name}',
  'POST /connectors/test',
]
/** A name can be taken once, so whoever may save a thing learns that a name is taken. */
const SAVES = /^PUT \/[\w-]+\/\{name\}$/

const issuer = await FakeIssuer.start()
t.teardown(() => issuer.close())
// All routes are asked from one address.
let hasRows = (_kind: string): boolean => false
const looker = defineHubPlugin({
  name: 'looker',
  api: 1,
  summary: 'Says which kinds of things declare labels',
  needs: { adminRights },
  setup({ use }) {
    hasRows = (kind) => use.adminRights.rowsOf(kind) !== undefined
  },
})
const hub = await createTestHub({
  plugins: [looker],
  config: {
    proxy: { limits: { calls_per_minute: { tokens: 10_000 } } },
    plugins: { 'authorization-server': { enabled: true, registration: true } },
  },
})
t.teardown(() => hub.stop())
const limitTo = (kind: string) =>
  hub.api('PUT', '/roles/limited', {
    ...{ kind: 'role', version: 'v1', metadata: { name: 'limited' } },
    spec: { allow: { admin: [{ kinds: [kind], verbs: ['*'], where: { labels: { owner: 'me' } } }] } },
  })
const put = (collection: string, kind: string, spec: object, name: string, owner: string) =>
  hub.api('PUT', `/${collection}/${name}`, {
    kind,
    version: 'v1',
    metadata: { name, labels: { owner } },
    spec,
  })
for (const [name, owner] of [
  ['own', 'me'],
  ['foreign', 'other'],
] as const) {
  await put('apps', 'app', { uri: 'http://127.0.0.1:9', agents: ['agent-1'] }, name, owner)
  await put('app-sources', 'app_source', { agents: ['agent-1'], names: [`${name}-*`] }, name, owner)
  await put('bots', 'bot', { roles: [] }, name, owner)
  await put('connectors', 'oidc', issuer.spec, name, owner)
  await put('roles', 'role', { allow: {} }, name, owner)
}
await put('connectors', 'oidc', issuer.spec, 'sso', 'other')
await limitTo('app')
await hub.api('POST', '/users', { name: 'root@example.com', roles: ['admin'] })
await hub.api('POST', '/users', { name: 'lim@example.com', roles: ['limited'] })
issuer.person = { sub: 'lim', email: 'lim@example.com', email_verified: true }
const visitor = hub.visitor()
await visitor.open(`${hub.url}/web/login?connector=sso`)
const cookies = visitor.cookies(new URL(hub.url).host) ?? ''
const [, token = ''] = /__Host-mezite_session=([\w-]+)/.exec(cookies) ?? []
if (token === '') throw new Error('nobody was signed in')

async function call(method: string, path: string, condition: object = {}) {
  const response = await hub.visitor().stream(`${hub.url}/v1/webapi${path}`, {
    method,
    headers: { accept: 'application/json', authorization: `Bearer ${token}`, ...condition },
  })
  response.on('error', () => {})
  const { statusCode: status = 0, headers } = response
  let text = ''
  if (/^application\/(problem\+)?json/.test(headers['content-type'] ?? ''))
    for await (const chunk of response) text += String(chunk)
  else response.destroy()
  const { code, detail } = Object(text === '' ? {} : JSON.parse(text)) as { code?: string; detail?: string }
  return {
    status,
    code,
    detail,
    text,
    etag: headers.etag,
    counts: headers['x-mezite-list'],
    states: headers['x-mezite-states'],
  }
}

t.test('things of some kinds have labels', (t) => {
  for (const kind of ['app', 'app_source', 'bot', 'connector', 'invitation', 'role'])
    t.ok(hasRows(kind), kind)
  t.notOk(hasRows('lock'))
  t.end()
})

for (const kind of new Set(Object.keys(RIGHTS).map((right) => right.split('.')[0]!)))
  t.test(`rights over ${kind} for some labels`, async (t) => {
    await limitTo(kind)
    const routes = Object.entries(RIGHTS).flatMap(([right, routes]) =>
      right.split('.')[0] === kind ? routes.map((route) => route.replace('/v1/webapi', '')) : [],
    )
    for (const route of routes) {
      const [method = '', path = ''] = route.split(' ')
      const ask = (name: string, condition: object = {}) =>
        call(method, path.replaceAll(/\{\w+\}/g, name), condition)
      // All routes of kinds whose things have no labels need the right for everything.
      const isOpen = hasRows(kind) && !FOR_ALL_THINGS.includes(route)
      const none = await ask('nothing')
      if (!isOpen) {
        t.match(none, { status: 403, code: 'access_denied' }, route)
        t.match(await ask('own'), { status: 403, code: 'access_denied' }, `${route}, of an own thing`)
        continue
      }
      t.not(none.code, 'access_denied', route)
      if (!path.includes('{')) continue
      const foreign = await ask('foreign')
      t.equal(foreign.status, 404, `${route}, of a foreign thing`)
      const shape = ({ status, code, detail, etag, counts }: typeof none, name: string) =>
        JSON.stringify({ status, code, detail: detail?.replaceAll(name, 'X'), etag, counts })
      if (!SAVES.test(route))
        for (const condition of [{}, { 'if-match': '*' }, { 'if-match': '"x"' }, { 'if-none-match': '*' }])
          t.equal(
            shape(await ask('foreign', condition), 'foreign'),
            shape(await ask('nothing', condition), 'nothing'),
            `${route} ${JSON.stringify(condition)}: what is hidden looks like nothing`,
          )
      if (method !== 'DELETE' && kind !== 'invitation')
        t.not((await ask('own')).code, 'access_denied', `${route}, of an own thing`)
    }
    for (const route of routes.filter((one) =>
      /^GET \/(apps|app-sources|bots|connectors|roles)$/.test(one),
    )) {
      const path = route.slice('GET '.length)
      t.match(await call('GET', path), { status: 200, text: /"own"/ })
      for (const query of [
        '',
        '?q=foreign',
        '?q=other',
        '?name=foreign',
        '?limit=1',
        '?q=owner',
        '?after=a&limit=9',
      ])
        t.notMatch((await call('GET', path + query)).text, /foreign/, path + query)
      const { counts, states = '' } = await call('GET', `${path}?limit=1`)
      t.equal(counts, 'found=1, all=1', `${path}: counts are of what one may see`)
      t.notMatch(states, /=[2-9]/, `${path}: also those by state`)
    }
  })
