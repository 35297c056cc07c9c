// long
/** Signing in a real browser: a form and a script, with a virtual authenticator that verifies its user. */
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

const dir = mkdtempSync(join(tmpdir(), 'mezite-signed-intent-'))
t.teardown(() => rmSync(dir, { recursive: true, force: true }))

/** What reached the application: method, path and body of everything but reads. */
const received: string[] = []
const server = createServer(async (request, response) => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  if (request.method !== 'GET') received.push(`${request.method} ${request.url} ${Buffer.concat(chunks)}`)
  response.writeHead(200, { 'content-type': 'text/html', 'content-security-policy': "form-action 'self'" })
  if (request.method !== 'GET')
    return void response.end('<!doctype html><h1>Done</h1><a href="next">next</a>')
  response.end(`<!doctype html><title>app</title>
    <form method="post" action="/repos/shop/settings" enctype="multipart/form-data"><textarea name="text"></textarea>
    <input type="file" name="file"><button id="go">Save</button></form>
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
        { name: 'repos', methods: ['POST', 'DELETE'], paths: ['/repos/**'], require: { signature: true } },
      ],
    },
  },
})
await register(hub.api, 'shop', port, {
  agents: ['node'],
  plugins: {
    'signed-intent': {
      sentences: [
        { methods: ['POST'], path: '/repos/{repo}/settings', text: 'Change the settings of {repo}' },
      ],
    },
  },
})
const home = `${hub.appUrl('shop')}/`
const browser = await openBrowser(t)
const first = await newPerson(browser)
/** Stays in the page where it was added; other pages get copies. */
const key = await plugIn(first.page)
await first.page.goto(`${hub.signInUrl}/web/account`)
await first.page.locator('#name').fill('Laptop')
await first.page.locator('[data-add]').click()
await first.page.locator('[data-name]').waitFor()

let uses = 0

/** The same person in a new profile, at the page of the app. */
async function openPage(): Promise<{ context: BrowserContext; page: Page }> {
  const { context, page } = await newPerson(browser)
  await page.goto(home)
  received.length = 0
  return { context, page }
}

/** Signs on the page, which has a copy of the passkey. */
async function sign(page: Page): Promise<void> {
  await page.waitForURL(/\/web\/sign\/signed-intent\//)
  const copy = await plugIn(page)
  for (const credential of await key.credentials()) {
    // A counter that does not grow would be that of a stolen copy.
    uses += 10
    const newer = { ...credential, signCount: credential.signCount + uses }
    await copy.cdp.send('WebAuthn.addCredential', { authenticatorId: copy.id, credential: newer as never })
  }
  await page.locator('[data-go]').click()
}

t.test('a form with a file is sent as it was, once it is signed, and its address stays', async (t) => {
  const { context, page } = await openPage()
  await page.locator('textarea').fill('line 1\nline <2>')
  await page.locator('input[type=file]').setInputFiles({
    name: 'a.bin',
    mimeType: 'application/octet-stream',
    buffer: Buffer.alloc(1_500_000, 'x'),
  })
  await page.locator('#go').click()
  await page.waitForURL(/\/web\/sign\/signed-intent\//)
  t.match(await page.locator('.card').textContent(), /Change the settings of shop/)
  t.match(await page.locator('.facts').textContent(), /POST \/repos\/shop\/settings/)
  t.strictSame(received, [], 'nothing was sent yet')
  await sign(page)
  await page.locator('h1:text-is("Done")').waitFor()
  t.equal(page.url(), `${home}repos/shop/settings`, 'links of the page lead where they should')
  t.equal(received.length, 1)
  t.match(received[0], /^POST \/repos\/shop\/settings /)
  for (const part of ['\r\n\r\nline 1\r\nline <2>\r\n', `\r\n\r\n${'x'.repeat(1_500_000)}\r\n`])
    t.ok(received[0]?.includes(part), `${part.trim().slice(0, 8)}… arrived`)
  await context.close()
})

t.test('a declined form is not sent', async (t) => {
  const { context, page } = await openPage()
  await page.locator('#go').click()
  await page.waitForURL(/\/web\/sign\/signed-intent\//)
  await page.locator('[data-decline]').click()
  await page.waitForURL(`${home}.mezite/held/**`)
  t.match(await page.locator('h1').textContent(), 'Declined')
  t.strictSame(received, [])
  await context.close()
})

t.test(
  'a script sends the same request again once it is signed; another body needs another signature',
  async (t) => {
    const { context, page } = await openPage()
    await page.evaluate(() => {
      const send = async (body = 'one') => {
        const response = await fetch('/repos/shop', { method: 'DELETE', body })
        if (response.ok) window.sent = 'yes'
        else {
          const { code, challenge_url } = (await response.json()) as Record<string, string>
          window.sent = `${response.status} ${code}`
          window.dispatchEvent(new CustomEvent('mezite-confirm', { detail: challenge_url ?? null }))
        }
      }
      window.addEventListener('mezite-renewed', () => send('two').then(() => send('one')))
      return send()
    })
    t.equal(await page.evaluate(() => window.sent), '401 signature_required')
    const [popup] = await Promise.all([
      context.waitForEvent('page'),
      page.locator('mezite-session').locator('a').click(),
    ])
    await sign(popup)
    await page.waitForFunction(() => window.sent === 'yes')
    t.strictSame(received, ['DELETE /repos/shop one'], 'the other body was not sent')
    await context.close()
  },
)
