// together: programs
/** Programs and their pages in Chromium: what only a real browser does, which follows forms, policies and redirects. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Page } from 'playwright-core'
import t from 'tap'
import { newPerson, openBrowser } from '../../e2e/open-browser.ts'
import { plugIn } from '../webauthn/virtual-key.ts'
import { authorizationUrl, post, proofKey, startWorld, type Tokens, token } from './world.ts'

const world = await startWorld(t, {
  roles: { strict: { options: { require_session_mfa: true }, allow: { app_labels: { env: 'test' } } } },
})
const { hub, person, resource } = world
const browser = await openBrowser(t)

/** The program on the person's machine, at another origin than the hub. */
const program = createServer((_request, response) => response.end('back in the program'))
await new Promise<void>((resolve) => program.listen(0, '127.0.0.1', resolve))
t.teardown(() => {
  program.closeAllConnections()
  program.close()
})
const redirect_uri = `http://127.0.0.1:${(program.address() as AddressInfo).port}/callback`
const clientId = await world.client({ redirect_uris: ['http://127.0.0.1/callback'] })

/** A browser, and what its pages complain about. */
async function openPage() {
  const { context, page } = await newPerson(browser)
  t.teardown(() => context.close())
  const complaints: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  return { page, complaints }
}
const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click()

/** What the program asks for, and what it then redeems. */
function asked() {
  const { verifier, challenge } = proofKey()
  const fields = { client_id: clientId, redirect_uri, resource: resource('one'), code_challenge: challenge }
  const redeem = async (page: Page): Promise<Tokens> => {
    await page.waitForURL(`${redirect_uri}?*`)
    const code = new URL(page.url()).searchParams.get('code') ?? ''
    const answer = await token(hub, {
      grant_type: 'authorization_code',
      client_id: clientId,
      redirect_uri,
      code,
      code_verifier: verifier,
    })
    if (answer.status !== 200) throw new Error(answer.text)
    return JSON.parse(answer.text)
  }
  return { url: authorizationUrl(hub, fields), redeem }
}
const open = ({ access_token }: Tokens) =>
  hub.visitor().fetch(hub.appUrl('one'), {
    headers: { accept: 'application/json', authorization: `Bearer ${access_token}` },
  })

t.test(
  '156 the form of the consent redirects to the program, although the page’s policy names no other origin',
  async (t) => {
    person('alice', 'staff')
    const { page, complaints } = await openPage()
    const { url, redeem } = asked()
    await page.goto(url)
    t.match(await page.textContent('h1'), 'Allow “Test program”?')
    await press(page, 'Allow')
    const tokens = await redeem(page)
    t.equal(await page.textContent('body'), 'back in the program')
    t.equal((await open(tokens)).status, 200)
    const denied = authorizationUrl(hub, {
      client_id: clientId,
      redirect_uri,
      resource: resource('two'),
      prompt: 'consent',
      code_challenge: proofKey().challenge,
    })
    await page.goto(denied)
    await press(page, 'Do not allow')
    await page.waitForURL(/error=access_denied/)
    t.strictSame(complaints, [], 'nothing breaks a policy')
  },
)

t.test('156 S207 two clicks on the page of a device confirm its code', async (t) => {
  person('alice', 'staff')
  const { page, complaints } = await openPage()
  const started = await post(
    hub,
    '/v1/oauth/device_authorization',
    new URLSearchParams({ client_id: clientId, scope: 'app', resource: resource('one') }),
  )
  const { user_code, device_code, verification_uri_complete } = JSON.parse(started.text)
  await page.goto(verification_uri_complete)
  t.equal(await page.locator('#code').inputValue(), user_code)
  await press(page, 'Continue')
  t.equal(await page.textContent('.code'), user_code)
  await press(page, 'Continue')
  await press(page, 'Allow')
  await page.getByText('Your device is connected').waitFor()
  const answer = await token(hub, {
    grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
    device_code,
    client_id: clientId,
  })
  t.equal(answer.status, 200)
  t.equal((await open(JSON.parse(answer.text))).status, 200)
  t.strictSame(complaints, [], 'no script that the policy blocks')
})

t.test('S209 a passkey that a role demands is confirmed on the way to the consent', async (t) => {
  await hub.api('POST', '/users', { name: 'sam@example.com', roles: ['strict'] })
  person('sam')
  const { page, complaints } = await openPage()
  await plugIn(page)
  const { url, redeem } = asked()
  await page.goto(url)
  t.match(await page.textContent('h1'), 'A passkey is needed')
  await page.getByRole('link', { name: 'Add a passkey' }).click()
  await page.locator('#name').fill('Laptop')
  await page.locator('[data-add]').click()
  await page.locator('[data-name]:text-is("Laptop")').waitFor()
  await page.locator('[data-continue]').click()
  t.match(await page.textContent('h1'), 'Confirm with your passkey')
  await page.locator('[data-go]').click()
  await page.waitForURL(/\/web\/oauth\//)
  t.match(await page.textContent('h1'), 'Allow “Test program”?')
  // What was met is for this browser's sign-in and this app: at another page it is asked for again.
  const met = new URL(page.url()).searchParams.get('met') ?? ''
  t.not(met, '')
  await press(page, 'Allow')
  const tokens = await redeem(page)
  t.match(await open(tokens), { status: 200, text: 'for sam@example.com' })
  person('tim')
  await hub.api('POST', '/users', { name: 'tim@example.com', roles: ['strict'] })
  const other = await openPage()
  await other.page.goto(asked().url)
  await other.page.waitForURL(/\/web\/mfa/)
  const again = await openPage()
  person('sam')
  await again.page.goto(asked().url)
  t.match(again.page.url(), /\/web\/mfa/, 'each browser confirms')
  t.strictSame([...complaints, ...other.complaints, ...again.complaints], [])
})
