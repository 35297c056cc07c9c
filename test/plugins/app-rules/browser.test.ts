// long
/** Confirming for one request of a page, in a real browser: a form and a script keep what was entered, and send it once. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BrowserContext, Page } from 'playwright-core'
import t from 'tap'
import { createTestHub, FakeIssuer } from '../../../core/testing/index.ts'
import { newPerson, openBrowser } from '../../e2e/open-browser.ts'
import { connect, register } from '../../e2e/resources.ts'
import { startAgent } from '../../e2e/start-agent.ts'
import { plugIn } from '../webauthn/virtual-key.ts'

/** What the functions that run in the page see. */
declare const window: {
  sent?: string
  addEventListener(name: string, listener: () => void): void
  dispatchEvent(event: Event): void
}

const dir = mkdtempSync(join(tmpdir(), 'mezite-app-rules-'))
t.teardown(() => rmSync(dir, { recursive: true, force: true }))

/** What reached the application: method, path and body of everything but reads. */
const received: string[] = []
const server = createServer(async (request, response) => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  if (request.method !== 'GET') received.push(`${request.method} ${request.url} ${Buffer.concat(chunks)}`)
  response.writeHead(200, { 'content-type': 'text/html' })
  if (request.method !== 'GET') return void response.end('<!doctype html><h1>Done</h1>')
  response.end(`<!doctype html><title>app</title>
    <form method="post" action="/admin/users?from=form"><textarea name="name"></textarea><input name="submit" value="1">
    <input name="tag" value="a&amp;b"><input name="tag" value="ü &quot;x&quot;"><button id="go">Save</button></form>
    <form method="post" action="/admin/files" enctype="multipart/form-data"><input name="file" value="f"><button id="file">Send</button></form>
    <script src="/.mezite/session.js" defer></script>`)
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const { port } = server.address() as AddressInfo
t.teardown(() => server.close().closeAllConnections())

const issuer = await FakeIssuer.start()
t.teardown(() => issuer.close())
const hub = await createTestHub({ config: { plugins: { webauthn: {} } } })
t.teardown(() => hub.stop())
const agent = await startAgent({ hostname: 'node', proxy: new URL(hub.url).host, api: hub.api, dir })
t.teardown(() => agent.stop())
await connect(hub.api, issuer, 'dev')
await hub.api('PUT', '/roles/dev', {
  kind: 'role',
  version: 'v1',
  metadata: { name: 'dev' },
  spec: {
    allow: {
      app_labels: { env: 'test' },
      app_rules: [
        { name: 'read', methods: ['GET'], paths: ['/**'] },
        {
          name: 'admin',
          methods: ['POST', 'DELETE'],
          paths: ['/admin/**'],
          require: { confirm_within: '5m' },
        },
      ],
    },
  },
})
await register(hub.api, 'shop', port, { agents: ['node'] })
const home = `${hub.appUrl('shop')}/`
const browser = await openBrowser(t)
const first = await newPerson(browser)
/** Stays in the page where it was added; small windows get copies. */
const key = await plugIn(first.page)
await first.page.goto(`${hub.signInUrl}/web/account`)
await first.page.locator('#name').fill('Laptop')
await first.page.locator('[data-add]').click()
await first.page.locator('[data-name]').waitFor()

let uses = 0

/** The same person in a new profile, at the page of the app, without a confirmation. */
async function openPage(): Promise<{ context: BrowserContext; page: Page }> {
  const { context, page } = await newPerson(browser)
  await page.goto(home)
  received.length = 0
  return { context, page }
}

/** Confirms in the small window that `open` opens. */
async function confirm(context: BrowserContext, open: () => Promise<unknown>): Promise<Page> {
  const [popup] = await Promise.all([context.waitForEvent('page'), open()])
  await popup.waitForURL(/\/web\/confirm-action/)
  const copy = await plugIn(popup)
  for (const credential of await key.credentials()) {
    // A counter that does not grow would be that of a stolen copy.
    uses += 10
    const newer = { ...credential, signCount: credential.signCount + uses }
    await copy.cdp.send('WebAuthn.addCredential', { authenticatorId: copy.id, credential: newer as never })
  }
  await popup.locator('[data-go]').click()
  return popup
}

t.test('a form is sent after the confirmation, once, with its fields as they were', async (t) => {
  const { context, page } = await openPage()
  await page.locator('textarea').fill('line 1\nline <2>')
  await page.locator('#go').click()
  t.match(await page.textContent('h1'), 'Confirm to continue')
  t.strictSame(received, [], 'nothing was sent yet')
  await confirm(context, () => page.locator('[data-confirm]').click())
  await page.locator('h1:text-is("Done")').waitFor()
  t.equal(page.url(), `${home}admin/users?from=form`)
  const body = 'name=line+1%0D%0Aline+%3C2%3E&submit=1&tag=a%26b&tag=%C3%BC+%22x%22'
  t.strictSame(received, [`POST /admin/users?from=form ${body}`])
  await context.close()
})

t.test('a form with files is sent by loading the page again', async (t) => {
  const { context, page } = await openPage()
  await page.locator('#file').click()
  t.match(await page.textContent('p'), 'reload it to send everything again')
  const popup = await confirm(context, () => page.locator('[data-confirm]').click())
  if (!popup.isClosed()) await popup.waitForEvent('close')
  await page.reload()
  t.match(received, [/^POST \/admin\/files .*name="file"\r\n\r\nf\r\n/s])
  await context.close()
})

t.test(
  'a page sends the request of its script again, once the person has confirmed in the small window',
  async (t) => {
    const { context, page } = await openPage()
    await page.evaluate(() => {
      const send = async () => {
        const response = await fetch('/admin/users/1', { method: 'DELETE' })
        if (response.ok) window.sent = 'yes'
        else {
          const { code, challenge_url } = (await response.json()) as Record<string, string>
          window.sent = `${response.status} ${code}`
          window.dispatchEvent(new CustomEvent('mezite-confirm', { detail: challenge_url ?? null }))
        }
      }
      window.addEventListener('mezite-renewed', send)
      return send()
    })
    t.equal(await page.evaluate(() => window.sent), '401 confirmation_required')
    const notice = page.locator('mezite-session')
    t.match(await notice.locator('span').textContent(), 'This needs your confirmation')
    await confirm(context, () => notice.locator('a').click())
    await page.waitForFunction(() => window.sent === 'yes')
    t.strictSame(received, ['DELETE /admin/users/1 '])
    t.equal(await notice.count(), 0, 'the notice is gone')
    await context.close()
  },
)
