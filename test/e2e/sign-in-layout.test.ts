// long
/** Apps live below the hub's own host, as on managed clusters: people sign in at `login.<hub host>`, which is no app's. */
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { createTestHub, FakeIssuer } from '../../core/testing/index.ts'
import { startMsh } from '../oclif-cli/msh-program.ts'
import { plugIn } from '../plugins/webauthn/virtual-key.ts'
import { newPerson, openBrowser } from './open-browser.ts'
import { connect, register } from './resources.ts'
import { startAgent } from './start-agent.ts'
import { startHttpApp } from './start-http-app.ts'

/** What the functions that run in the page see. */
declare const navigator: { credentials: { get(options: object): Promise<unknown> } }

const HUB = 'hub.mezite.localhost'
const dir = mkdtempSync(join(tmpdir(), 'mezite-layout-'))
t.teardown(() => rmSync(dir, { recursive: true, force: true }))

const port = await startHttpApp(t, (request, response) => {
  response.setHeader('content-type', 'text/html')
  response.end(`<p>${String(request.headers['x-mezite-user'])} sees ${request.url}</p>`)
})

const issuer = await FakeIssuer.start()
t.teardown(() => issuer.close())
const hub = await createTestHub({ config: { proxy: { apps_domain: HUB } } })
t.teardown(() => hub.stop())
const agent = await startAgent({ hostname: 'node-1', proxy: new URL(hub.url).host, api: hub.api, dir })
t.teardown(() => agent.stop())
await connect(hub.api, issuer)
await register(hub.api, 'wiki', port, { agents: ['node-1'] })
await register(hub.api, 'grafana', port, { agents: ['node-1'] })

const suffix = `:${hub.ports.public}`
const signInHost = `login.${HUB}${suffix}`
const wiki = `https://wiki.${HUB}${suffix}`
const alice = { ...issuer.person }

const status = async (visitor: ReturnType<typeof hub.visitor>, url: string) =>
  (await visitor.fetch(url, { headers: { accept: 'application/json' } })).status

t.test('the hub, the sign-in host and the apps have separate names', async (t) => {
  t.equal(hub.url, `https://${HUB}${suffix}`)
  t.equal(hub.signInUrl, `https://${signInHost}`)
  t.equal(hub.appUrl('wiki'), wiki)
})

t.test('a person signs in, lands on the page first requested, and enters a second app', async (t) => {
  const visitor = hub.visitor()
  const page = await visitor.open(`${wiki}/deep/page?q=1`)
  t.equal(page.status, 200)
  t.equal(page.url, `${wiki}/deep/page?q=1`)
  t.match(page.text, 'alice@example.com sees /deep/page?q=1')
  t.match(visitor.cookies(signInHost), /__Host-mezite_session=/)
  t.notMatch(
    visitor.cookies(new URL(hub.url).host) ?? '',
    /mezite_session/,
    'nothing at the apex of the apps',
  )
  t.notMatch(visitor.cookies(new URL(wiki).host) ?? '', /mezite_session/)

  const asked = issuer.asked.get('/authorize')
  const second = await visitor.open(`${hub.appUrl('grafana')}/`)
  t.equal(second.status, 200)
  t.equal(issuer.asked.get('/authorize'), asked, 'the provider was not asked again')

  const home = await visitor.open(`${hub.url}/`)
  t.equal(home.url, `https://${signInHost}/`, 'pages live on the sign-in host')
  t.match(home.text, 'alice@example.com')
  t.match(home.text, `${wiki}/`)
})

t.test('logout ends every session', async (t) => {
  const visitor = hub.visitor()
  t.equal((await visitor.open(`${wiki}/`)).status, 200)
  const left = await visitor.submit(await visitor.open(`${hub.url}/web/logout`), /\/web\/logout$/)
  t.equal(left.status, 200)
  t.equal(await status(visitor, `${wiki}/`), 401)
  t.equal(await status(visitor, `https://${signInHost}/v1/webapi/me`), 401)
})

t.test('a person without the role is refused, by page and by code', async (t) => {
  issuer.person = { sub: 'carol-1', email: 'carol@example.com', email_verified: true, groups: [] }
  t.teardown(() => {
    issuer.person = alice
  })
  const visitor = hub.visitor()
  const page = await visitor.open(`${wiki}/`)
  t.equal(page.status, 403)
  t.match(page.text, /role_missing|label_mismatch/)
  t.notMatch(page.text, 'sees')
})

t.test('a command line signs in on the sign-in host', async (t) => {
  const visitor = hub.visitor()
  const verifier = randomBytes(32).toString('base64url')
  const challenge = createHash('sha256').update(verifier).digest('base64url')
  const ask = `${hub.url}/web/cli?challenge=${challenge}&no_browser=1&host=laptop&program=mezctl`
  const page = await visitor.open(ask)
  t.equal(new URL(page.url).host, signInHost)
  const shown = await visitor.submit(page, /\/web\/cli/)
  t.equal(shown.status, 200)
  const [, code] = /class="code">([\w-]+)</.exec(shown.text) ?? []
  const answer = await visitor.fetch(`${hub.url}/v1/webapi/cli/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ code, verifier }),
  })
  t.equal(answer.status, 200)
  const { token } = JSON.parse(answer.text)
  const me = await visitor.fetch(`${hub.url}/v1/webapi/me`, { headers: { authorization: `Bearer ${token}` } })
  t.match(JSON.parse(me.text), { user: 'alice@example.com' })
})

t.test('no app takes the sign-in host or the hub’s own', async (t) => {
  const attempt = (name: string, spec: object) =>
    register(hub.api, name, port, { agents: ['node-1'], ...spec }).then(
      () => 'registered',
      (error: { code: string }) => error.code,
    )
  t.equal(await attempt('login', {}), 'resource_invalid')
  t.equal(await attempt('sly', { public_addr: `login.${HUB}` }), 'resource_invalid')
  t.equal(await attempt('sly', { public_addr: `LOGIN.${HUB}` }), 'resource_invalid')
  t.equal(await attempt('sly', { public_addr: HUB }), 'resource_invalid')
})

t.test(
  'D56 a browser enrols and asks for a passkey, and lets msh in, on the sign-in host alone',
  async (t) => {
    await hub.api('PUT', '/roles/strict', {
      kind: 'role',
      version: 'v1',
      metadata: { name: 'strict' },
      spec: { options: { require_session_mfa: true }, allow: { app_labels: { env: 'test' } } },
    })
    await connect(hub.api, issuer, 'strict')
    const { page } = await newPerson(await openBrowser(t))
    const key = await plugIn(page)
    await page.goto(`${wiki}/deep?q=1`)
    t.equal(new URL(page.url()).origin, hub.signInUrl)
    await page.getByRole('link', { name: 'Add a passkey' }).click()
    await page.locator('[data-add]').click()
    await page.locator('[data-continue]').click()
    await page.locator('[data-go]').click()
    await page.waitForURL(`${wiki}/deep?q=1`)
    t.equal(await page.textContent('p'), 'alice@example.com sees /deep?q=1')
    const rpId = new URL(hub.signInUrl).hostname
    t.strictSame(
      (await key.credentials()).map((credential) => credential.rpId),
      [rpId],
    )
    const attempt = (rpId: string) =>
      navigator.credentials.get({ publicKey: { challenge: new Uint8Array(32), rpId } }).then(
        () => 'an assertion',
        (error: Error) => error.name,
      )
    t.equal(await page.evaluate(attempt, rpId), 'SecurityError', 'an app may not use the key')
    const login = ['login', '--proxy', new URL(hub.url).host, '--ca-file', hub.caFile]
    const msh = startMsh(login, { MSH_HOME: join(dir, 'msh'), MEZITE_BROWSER: '/bin/true' })
    const [, address = ''] = await msh.err(/Opening (https:\S+)/)
    await page.goto(address)
    t.equal(new URL(page.url()).origin, hub.signInUrl)
    await page.getByRole('button', { name: 'Allow' }).click()
    await page.waitForURL(`${hub.url}/web/cli/done`)
    t.match(await msh.ended, { code: 0 }, 'the form of a login may lead to the program and to the hub')
    const home = await page.goto(`${hub.url}/web/account`)
    t.equal(new URL(page.url()).origin, hub.signInUrl, 'pages of keys send people to the sign-in host')
    t.equal(home?.status(), 200)
  },
)
