/** A connector is tested before it is saved: what works without a person, and a whole sign-in. Nothing is stored. */
import { createTestHub, FakeIssuer, fakeClock, type Visitor } from '@mezite/core/testing'
import t from 'tap'
import { until } from '../../until.ts'

const issuer = await FakeIssuer.start()
const clock = fakeClock()
const hub = await createTestHub({ clock })
t.teardown(async () => {
  await hub.stop()
  await issuer.close()
})
const person = (name: string, groups: readonly string[] = []) => ({
  sub: `${name}-1`,
  email: `${name}@example.com`,
  email_verified: true,
  groups,
})
const claims_to_roles = [{ claim: 'groups', value: 'platform-team', roles: ['platform'] }]
const documentOf = (name: string, spec: object = {}) => ({
  kind: 'oidc',
  version: 'v1',
  metadata: { name },
  spec: { ...issuer.spec, claims_to_roles, ...spec },
})
await hub.api('PUT', '/connectors/sso', documentOf('sso'))
await hub.api('PUT', '/roles/editors', {
  kind: 'role',
  version: 'v1',
  metadata: { name: 'editors' },
  spec: { allow: { admin: [{ kinds: ['connector'], verbs: ['*'] }] } },
})
for (const [name, roles] of [
  ['root', ['admin']],
  ['other', ['admin']],
  ['editor', ['editors']],
] as const)
  await hub.api('POST', '/users', { name: `${name}@example.com`, roles })

interface Said {
  readonly status: number
  readonly text: string
  readonly cookie: string | undefined
  readonly ok?: boolean
  readonly detail?: string
  readonly redirect_uri?: string
  readonly sign_in_test_uri?: string
  readonly checks: readonly { name: string; result: string; detail: string }[]
}

async function signedIn(name: string): Promise<Visitor> {
  issuer.person = person(name)
  const visitor = hub.visitor()
  await visitor.open(`${hub.url}/`)
  return visitor
}
/** The answer to the test of a document, as the dashboard asks for it. */
async function tested(visitor: Visitor, body: unknown, query = '?sign_in=true'): Promise<Said> {
  const me = await visitor.fetch(`${hub.url}/v1/webapi/me`, { headers: { accept: 'application/json' } })
  const token = String(me.headers['x-mezite-csrf'] ?? '')
  const { status, text, headers } = await visitor.fetch(`${hub.url}/v1/webapi/connectors/test${query}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: hub.url, 'x-mezite-csrf': token },
    body: JSON.stringify(body),
  })
  return { ...(JSON.parse(text) as Said), status, text, cookie: headers['set-cookie']?.join() }
}
const resultOf = ({ checks }: Said, name: string) => checks.find((check) => check.name === name)
const names = async () =>
  (await hub.api<{ metadata: { name: string } }[]>('GET', '/connectors')).map(({ metadata }) => metadata.name)
const records = () =>
  hub.api<{ user: string; name: string; success: boolean; reason: string | null; saved: boolean }[]>(
    'GET',
    '/audit?type=connector.tested',
  )
const root = await signedIn('root')
const draftPage = `${hub.url}/web/oidc/test`

t.test('discovery, keys and the client are checked, and nothing is stored or repeated', async (t) => {
  const said = await tested(root, documentOf('next'), '')
  t.match(said, { status: 200, ok: true, connector: 'next', issuer: issuer.url })
  t.equal(said.redirect_uri, `${hub.url}/v1/webapi/oidc/callback/next`)
  for (const name of ['discovery', 'keys', 'credentials']) t.equal(resultOf(said, name)?.result, 'ok', name)
  t.strictSame([said.cookie, said.sign_in_test_uri], [undefined, undefined], 'no sign-in was asked for')
  t.strictSame(await names(), ['sso'])
  await until(async () => (await records()).length === 1, 'the record')
  t.match((await records())[0], { user: 'root@example.com', name: 'next', success: true, saved: false })
  t.notOk(said.text.includes(issuer.clientSecret), 'not in the answer')
  t.notOk(hub.log.join('\n').includes(issuer.clientSecret), 'not in the log')
  t.notOk(JSON.stringify(await hub.api('GET', '/audit')).includes(issuer.clientSecret), 'not in the audit')
})

t.test('a wrong secret and an issuer that does not answer are reported', async (t) => {
  const wrong = await tested(root, documentOf('next', { client_secret: { value: 'guessed-wrong' } }))
  t.match([wrong.ok, resultOf(wrong, 'credentials')], [false, { result: 'fail', detail: /refused/ }])
  t.equal(wrong.cookie, undefined, 'no sign-in with a client that the provider refuses')
  t.notOk((wrong.text + hub.log.join()).includes('guessed-wrong'))
  const away = await tested(root, documentOf('next', { issuer_url: 'http://127.0.0.1:9/' }))
  t.match([away.ok, away.checks], [false, [{ name: 'discovery', result: 'fail' }]])
  await until(async () => (await records()).length === 3, 'the records')
  t.match(
    (await records()).map(({ reason }) => reason),
    [null, 'token_refused', 'provider_unreachable'],
  )
})

t.test('the addresses that a saved connector cannot have are refused before any request', async (t) => {
  for (const issuer_url of [
    ...['http://169.254.169.254/latest', 'http://10.0.0.1', 'http://id.example.com', 'file:///etc/passwd'],
    ...['https://user:pass@id.example.com', 'https://id.example.com/?next=1'],
  ]) {
    const unsaved = await tested(root, documentOf('next', { issuer_url }))
    t.match(unsaved, { status: 400, detail: /spec\.issuer_url/ }, issuer_url)
  }
  const linkLocal = await tested(root, documentOf('next', { issuer_url: 'https://169.254.169.254/latest' }))
  t.match(linkLocal.checks, [{ name: 'discovery', result: 'fail', detail: /not allowed/ }])

  // What the provider itself names, is held to the same rules.
  issuer.misbehave = {
    discovery: (document) => Object.assign(document, { jwks_uri: 'http://10.0.0.1/jwks' }),
  }
  const inner = await tested(root, documentOf('next'))
  issuer.misbehave = {}
  t.match(inner.checks, [{ name: 'discovery', result: 'fail', detail: /jwks_uri/ }])
})

t.test('a stored secret is used for its own issuer and client only', async (t) => {
  const { client_secret: _, ...spec } = issuer.spec
  const bare = (more: object = {}) => ({ ...documentOf('sso'), spec: { ...spec, claims_to_roles, ...more } })
  t.match(await tested(root, bare({ scopes: ['openid'] })), { status: 200, ok: true })
  const asked = issuer.asked.get('/token')
  for (const moved of [{ client_id: 'another' }, { issuer_url: `${issuer.url}/` }])
    t.match(await tested(root, bare(moved)), { status: 400, detail: /needs its client_secret/ })
  t.equal(issuer.asked.get('/token'), asked)
  const nobody = await tested(root, { ...bare(), metadata: { name: 'next' } })
  t.equal(resultOf(nobody, 'credentials')?.result, 'fail', 'another name has no secret')
})

t.test('only administrators with every right may test, as for saving', async (t) => {
  const asked = issuer.asked.get('/.well-known/openid-configuration')
  const editor = await signedIn('editor')
  const before = issuer.asked.get('/.well-known/openid-configuration')
  t.match(await tested(editor, documentOf('next')), { status: 403, detail: /every right/ })
  t.match(await tested(await signedIn('nobody'), documentOf('next')), { status: 403 })
  t.match(await tested(hub.visitor(), documentOf('next')), { status: 401 })
  const foreign = await root.fetch(`${hub.url}/v1/webapi/connectors/test?sign_in=true`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      origin: 'https://evil.example',
      'sec-fetch-site': 'cross-site',
    },
    body: JSON.stringify(documentOf('next')),
  })
  t.equal(foreign.status, 403, 'another page')
  t.ok(before !== undefined && asked !== undefined)
  t.equal(issuer.asked.get('/.well-known/openid-configuration'), before, 'the issuer was not asked')
})

t.test('a sign-in through it shows claims and roles, and signs nobody in', async (t) => {
  const before = await hub.api<unknown[]>('GET', '/sessions')
  const said = await tested(root, documentOf('next'))
  t.equal(said.sign_in_test_uri, draftPage)
  t.match(
    said.cookie,
    /^__Host-mezite_connector_draft=[\w-]+; Max-Age=600; Path=\/; Secure; HttpOnly; SameSite=Lax$/,
  )
  t.notOk(said.cookie?.includes(issuer.clientSecret))
  issuer.person = person('carol', ['platform-team'])
  const { status, text, url } = await root.open(draftPage)
  t.equal(status, 200)
  t.ok(url.startsWith(`${hub.url}/v1/webapi/oidc/callback/next?`), url)
  for (const part of [/carol@example\.com/, /Roles from claims<\/dt><dd>platform</, 'href="/web/oidc/test"'])
    t.match(text, part)
  t.equal((await hub.api<unknown[]>('GET', '/sessions')).length, before.length)
  const users = await hub.api<{ name: string }[]>('GET', '/users')
  t.notOk(users.some(({ name }) => name.startsWith('carol')))
  t.strictSame(await names(), ['sso'])
  t.match(await root.fetch(`${hub.url}/v1/webapi/me`), { text: /root@example\.com/ })
  await until(async () => (await records()).at(-1)?.user === 'root@example.com', 'the record')
})

t.test('a draft of a saved name is tested as it is written, and the saved one stays', async (t) => {
  const draft = documentOf('sso', {
    claims_to_roles: [{ claim: 'groups', value: 'platform-team', roles: ['drafted'] }],
  })
  t.match(await tested(root, draft), { ok: true })
  issuer.person = person('carol', ['platform-team'])
  t.match((await root.open(draftPage)).text, /Roles from claims<\/dt><dd>drafted</)
  t.match((await root.open(`${draftPage}/sso`)).text, /Roles from claims<\/dt><dd>platform</)
  t.match(await hub.api('GET', '/connectors/sso'), { spec: { claims_to_roles } })
})

t.test('the page of a draft is for the administrator and the browser that made it', async (t) => {
  const said = await tested(root, documentOf('next'))
  const [cookie = ''] = said.cookie!.split(';')
  const other = await signedIn('other')
  const host = new URL(hub.url).host
  const stolen = { headers: { cookie: `${other.cookies(host)}; ${cookie}`, 'sec-fetch-mode': 'navigate' } }
  t.equal((await other.fetch(draftPage, stolen)).status, 404, 'another administrator')
  t.equal((await other.open(draftPage)).status, 404, 'without a draft')
  t.equal((await (await signedIn('nobody')).open(draftPage)).status, 403)
  const changed = root
    .cookies(host)!
    .replace(/(connector_draft=[\w-]{40})(.)/, (_, head, one) => head + (one === 'A' ? 'B' : 'A'))
  const damaged = { headers: { cookie: changed, 'sec-fetch-mode': 'navigate' } }
  t.equal((await root.fetch(draftPage, damaged)).status, 404, 'a changed draft')
})

t.test('a callback ends the test that began, with the text that it began with, once', async (t) => {
  const begun = async () => {
    t.match(await tested(root, documentOf('next')), { ok: true })
    const toProvider = await root.fetch(draftPage, { headers: { 'sec-fetch-mode': 'navigate' } })
    t.equal(toProvider.status, 302)
    return (await root.fetch(toProvider.headers.location!)).headers.location!
  }
  issuer.person = person('carol')
  const changed = await begun()
  const redeemed = issuer.asked.get('/token')!
  t.match(await tested(root, documentOf('next', { scopes: ['openid'] })), { ok: true })
  t.equal((await root.open(changed)).status, 400, 'the text has changed')

  const callback = await begun()
  t.equal((await hub.visitor().open(callback)).status, 404, 'another browser')
  t.equal((await root.open(callback.replace('/callback/next', '/callback/sso'))).status, 400, 'another name')
  t.equal(issuer.asked.get('/token'), redeemed + 2 /* the checks of two drafts */, 'no code was redeemed')
  t.equal((await root.open(callback)).status, 200)
  t.equal((await root.open(callback)).status, 404, 'again')
  t.strictSame(await names(), ['sso'])
})

t.test('a draft that is too long for a cookie is checked, without a sign-in', async (t) => {
  const rules = Array.from({ length: 1_000 }, (_, at) => ({
    claim: 'groups',
    value: `team-${(at * 7_919 * 104_729).toString(36)}`,
    roles: ['platform'],
  }))
  const said = await tested(root, documentOf('next', { claims_to_roles: rules }))
  t.match([said.status, said.ok, said.cookie, said.sign_in_test_uri], [200, true, undefined, undefined])
})

t.test('a draft is good for ten minutes, and an old sign-in is renewed first', async (t) => {
  t.match(await tested(root, documentOf('next')), { ok: true })
  clock.jump(clock.now() + 9 * 60_000)
  await hub.ready()
  t.equal((await root.fetch(draftPage, { headers: { 'sec-fetch-mode': 'navigate' } })).status, 302)
  clock.jump(clock.now() + 2 * 60_000)
  await hub.ready()
  t.equal((await root.open(draftPage)).status, 404)
  t.match(await tested(root, documentOf('next')), { ok: true })
  const renewed = await root.fetch(draftPage, { headers: { 'sec-fetch-mode': 'navigate' } })
  t.match([renewed.status, renewed.headers.location], [303, /^\/web\/login\?state=/])
  // A drafted provider is no way to sign in.
  t.notMatch((await hub.visitor().open(`${hub.url}/web/login?connector=next`)).url, /callback\/next/)
})
