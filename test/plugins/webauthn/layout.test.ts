/** Apps live below the hub's own host: keys belong to the sign-in host, and no app can take its place. */
import t from 'tap'
import { newPerson, openBrowser, signInAs } from '../../e2e/open-browser.ts'
import { startTestCluster } from '../../e2e/start-test-cluster.ts'
import { plugIn } from './virtual-key.ts'

/** What the functions that run in the page see. */
declare const navigator: { credentials: { get(options: object): Promise<unknown> } }

const cluster = await startTestCluster(t, { appsBelowHub: true })
const browser = await openBrowser(t)
const bank = await cluster.publish('bank', (request, response) => {
  response.writeHead(200, { 'content-type': 'text/html' })
  response.end(
    `<!doctype html><title>bank</title><p id="user">${String(request.headers['x-mezite-user'])}</p>`,
  )
})
const spec = { options: { require_session_mfa: true }, allow: { app_labels: { env: 'demo' } } }
await cluster.api('PUT', '/roles/platform', {
  kind: 'role',
  version: 'v1',
  metadata: { name: 'platform' },
  spec,
})

t.test('D56 a key is enrolled and asked for on the sign-in host alone', async (t) => {
  t.equal(new URL(cluster.signInUrl).hostname, 'login.mezite.localhost')
  const { context, page } = await newPerson(browser)
  const key = await plugIn(page)
  await signInAs(page, 'Alice Platform', `${bank.url}/deep?q=1`)
  t.equal(new URL(page.url()).origin, cluster.signInUrl)
  await page.getByRole('link', { name: 'Add a passkey' }).click()
  await page.locator('[data-add]').click()
  await page.locator('[data-continue]').click()
  await page.locator('[data-go]').click()
  await page.waitForURL(`${bank.url}/deep?q=1`)
  t.equal(await page.textContent('#user'), 'alice@example.test')
  t.strictSame(
    (await key.credentials()).map(({ rpId }) => rpId),
    ['login.mezite.localhost'],
  )
  const attempt = (rpId: string) =>
    page.evaluate(
      (rpId) =>
        navigator.credentials.get({ publicKey: { challenge: new Uint8Array(32), rpId } }).then(
          () => 'an assertion',
          (error: Error) => error.name,
        ),
      rpId,
    )
  t.equal(await attempt('login.mezite.localhost'), 'SecurityError', 'an app may not use the key')
  const home = await page.goto(`${cluster.hubUrl}/web/account`)
  t.equal(new URL(page.url()).origin, cluster.signInUrl, 'pages of keys send people to the sign-in host')
  t.equal(home?.status(), 200)
  await context.close()
})
