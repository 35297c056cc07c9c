// together: sign-in
/** Sign-in and sign-out against oidc-provider: a whole hub, an agent of its own process, and live streams. */
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Answer, createTestHub, FakeIssuer, type Visitor } from '@mezite/core/testing'
import t from 'tap'
import { register } from '../../e2e/resources.ts'
import { startAgent } from '../../e2e/start-agent.ts'
import { startStopwatch } from '../../stopwatch.ts'
import { startProvider } from './start-provider.ts'

const dir = mkdtempSync(join(tmpdir(), 'mezite-oidc-'))
t.teardown(() => rmSync(dir, { recursive: true, force: true }))

/** Drips for ever below /drip, answers at once elsewhere. */
const server = createServer((request, response) => {
  request.resume()
  if (request.url !== '/drip') return void response.end(`for ${String(request.headers['x-mezite-user'])}`)
  response.write('.')
  const timer = setInterval(() => response.write('.'), 20)
  response.on('close', () => clearInterval(timer))
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
t.teardown(() => {
  server.closeAllConnections()
  server.close()
})

const hub = await createTestHub()
t.teardown(() => hub.stop())
const connector = (name: string, spec: object) =>
  hub.api<{ resource: { status: { public_keys?: { keys: object[] } } } }>('PUT', `/connectors/${name}`, {
    kind: 'oidc',
    version: 'v1',
    metadata: { name, description: `Way ${name}` },
    spec: { claims_to_roles: [{ claim: 'groups', value: 'platform', roles: ['access'] }], ...spec },
  })
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }) as string
/** The operator makes the connector first, and registers at the provider what it shows. */
const keyed = (issuer_url: string) =>
  connector('keyed', {
    issuer_url,
    client_id: 'keyed',
    token_auth: 'private_key_jwt',
    private_key: { value: pem },
  })
const shown = (await keyed('http://127.0.0.1:1')).resource.status.public_keys
const uris = (name: string) => ({
  redirect_uris: [`${hub.signInUrl}/v1/webapi/oidc/callback/${name}`],
  post_logout_redirect_uris: [`${hub.signInUrl}/web/signed-out`],
  backchannel_logout_uri: `${hub.url}/v1/webapi/oidc/backchannel-logout/${name}`,
  backchannel_logout_session_required: true,
})
const provider = await startProvider(
  [
    { client_id: 'mezite', client_secret: 'a-secret-of-the-client', ...uris('real') },
    {
      client_id: 'keyed',
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'ES256',
      jwks: { keys: (shown?.keys ?? []) as never[] },
      ...uris('keyed'),
    },
  ],
  hub.ca,
)
t.teardown(() => provider.close())
const issuer = await FakeIssuer.start()
t.teardown(() => issuer.close())
await connector('real', {
  issuer_url: provider.url,
  client_id: 'mezite',
  client_secret: { value: 'a-secret-of-the-client' },
})
await keyed(provider.url)
await connector('fake', issuer.spec)
const agent = await startAgent({ hostname: 'node', proxy: new URL(hub.url).host, api: hub.api, dir })
t.teardown(() => agent.stop())
await register(hub.api, 'app', (server.address() as AddressInfo).port, { agents: ['node'] })
const app = hub.appUrl('app')

const person = (sub: string, ...groups: string[]) => {
  provider.people.set(sub, { email: `${sub}@example.com`, email_verified: true, groups })
  provider.signsIn = sub
}

/** Opens the app, and on the page that asks takes the way of this connector. */
async function enter(visitor: Visitor, way: string): Promise<Answer> {
  const page = await visitor.open(`${app}/`)
  const link = [...page.text.matchAll(/href="([^"]*\/web\/login\?[^"]*)"/g)]
    .map(([, href = '']) => href.replaceAll('&amp;', '&'))
    .find((href) => href.endsWith(`connector=${way}`))
  return link === undefined ? page : visitor.open(new URL(link, page.url).href)
}

/** An endless download; `cut` resolves with the time of its end. */
async function download(visitor: Visitor) {
  const response = await visitor.stream(`${app}/drip`, { timeoutMs: 60_000 })
  response.on('error', () => {})
  response.resume()
  const cut = new Promise<number>((resolve) => response.on('close', () => resolve(performance.now())))
  return { status: response.statusCode, cut }
}

const status = async (visitor: Visitor) =>
  (await visitor.fetch(`${app}/`, { headers: { accept: 'application/json' } })).status

t.test('a page offers three connectors, and each one leads to the app', async (t) => {
  person('alice', 'platform')
  issuer.person = { sub: 'f-1', email: 'fiona@example.com', email_verified: true, groups: ['platform'] }
  const page = await hub.visitor().open(`${app}/`)
  t.equal(page.status, 200)
  for (const name of ['fake', 'keyed', 'real']) t.match(page.text, `Continue with Way ${name}`)
  t.equal((await enter(hub.visitor(), 'real')).text, 'for alice@example.com')
  t.equal((await enter(hub.visitor(), 'fake')).text, 'for fiona@example.com')
})

t.test('token_auth private_key_jwt signs with the key that the connector shows', async (t) => {
  t.match(shown, { keys: [{ kty: 'EC', crv: 'P-256', use: 'sig', kid: /^[\w-]{43}$/ }] })
  t.notMatch(JSON.stringify(shown), /"d"/)
  t.notOk(JSON.stringify(await hub.api('GET', '/connectors')).includes('PRIVATE'))
  person('kim', 'platform')
  t.equal((await enter(hub.visitor(), 'keyed')).text, 'for kim@example.com')
  const report = await hub.api<{ ok: boolean; checks: { name: string; detail: string }[] }>(
    'POST',
    '/connectors/keyed/test',
  )
  t.ok(report.ok)
  t.match(report.checks.find(({ name }) => name === 'credentials')?.detail, 'accepted (private_key_jwt)')
})

t.test('signing out at the hub signs out at the provider too', async (t) => {
  person('rita', 'platform')
  const visitor = hub.visitor()
  await enter(visitor, 'real')
  const asked = provider.asked
  await visitor.open(`${hub.signInUrl}/web/login?connector=real`)
  t.equal(provider.asked, asked, 'the provider remembers them')
  const leaving = await visitor.submit(await visitor.open(`${hub.signInUrl}/web/logout`), /\/web\/logout/)
  const [, target = ''] = /href="(http:\/\/127[^"]*)"/.exec(leaving.text) ?? []
  const question = await visitor.open(target.replaceAll('&amp;', '&'))
  t.equal(question.status, 200, question.text.slice(0, 300))
  const end = await visitor.submit(question, /\/session\/end\/confirm/, { logout: 'yes' })
  t.equal(end.url, `${hub.signInUrl}/web/signed-out`)
  t.equal(end.status, 200)
  t.match(end.text, /signed out/i)
  t.equal(await status(visitor), 401)
  await visitor.open(`${hub.signInUrl}/web/login?connector=real`)
  t.equal(provider.asked, asked + 1, 'the provider asks again')
})

t.test('signing out at the provider cuts live streams within a second', async (t) => {
  person('bo', 'platform')
  const visitor = hub.visitor()
  await enter(visitor, 'real')
  const other = hub.visitor()
  await enter(other, 'real')
  const [mine, theirs] = await Promise.all([download(visitor), download(other)])
  t.equal(mine.status, 200)
  let untouched = true
  theirs.cut.then(() => {
    untouched = false
  })
  const question = await visitor.open(`${provider.url}/session/end`)
  const watch = startStopwatch()
  await visitor.submit(question, /\/session\/end\/confirm/, { logout: 'yes' })
  const took = watch.took(await mine.cut)
  t.ok(took < 3_000, `${took} ms`)
  t.equal(await status(visitor), 401)
  t.ok(untouched, 'another session of the same person at the provider goes on')
  t.equal(await status(other), 200)
})

t.test(
  'C54 roles that were removed at the provider are removed at the next sign-in, and live streams are cut',
  async (t) => {
    person('cleo', 'platform')
    const visitor = hub.visitor()
    await enter(visitor, 'real')
    const live = await download(visitor)
    t.equal(live.status, 200)
    person('cleo')
    t.equal(await status(visitor), 200, 'nothing changes before')
    const watch = startStopwatch()
    t.equal((await enter(hub.visitor(), 'real')).status, 403)
    const took = watch.took(await live.cut)
    t.ok(took < 6_000, `sign-in and cut ${took} ms`)
    t.equal(await status(visitor), 403)
    person('cleo', 'platform')
    await enter(hub.visitor(), 'real')
    t.equal(await status(visitor), 200, 'and they come back the same way')
  },
)

t.test('fault 13: the page reports a provider that is down, and sessions go on', async (t) => {
  issuer.person = { sub: 'd-1', email: 'dora@example.com', email_verified: true, groups: ['platform'] }
  const visitor = hub.visitor()
  await enter(visitor, 'fake')
  const live = await download(visitor)
  let ended = false
  live.cut.then(() => {
    ended = true
  })
  const port = Number(new URL(issuer.url).port)
  await issuer.close()
  await connector('down', { issuer_url: `http://127.0.0.1:${port}`, client_id: 'x' })
  const refused = await enter(hub.visitor(), 'down')
  t.equal(refused.status, 502)
  t.match(refused.text, 'provider_unreachable')
  t.match(refused.text, 'Sign-in failed at your provider')
  t.equal(await status(visitor), 200)
  t.notOk(ended)
  t.ok(
    hub.log.some((line) => line.includes('provider_unreachable')),
    'it is logged',
  )
  const failed = await hub.api<{ reason: string }[]>('GET', '/audit?type=user.login.failed')
  t.strictSame(failed, [], 'and not recorded: any stranger can cause it')
})
