// long
/** Every page that the hub renders itself, in a real browser: accessible, inert, and within 320 px. */

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { BrowserContext, Page } from 'playwright-core'
import t from 'tap'
import { plugIn } from '../plugins/webauthn/virtual-key.ts'
import { openHubPages, type Shot } from '../screenshots/hub-pages.ts'
import { OLGA } from '../screenshots/program-pages.ts'
import { RITA } from '../screenshots/request-pages.ts'
import { openBrowser } from './open-browser.ts'

declare const document: {
  title: string
  documentElement: { scrollWidth: number; clientWidth: number }
}

const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const browser = await openBrowser(t)
const pages = await openHubPages(t, browser)
const { hub, lists, person, signInThrough, grant, link } = pages

/** Loads axe into a world of its own, which the policy of the page does not restrict; what it gives runs it there. */
async function loadAxe(page: Page) {
  const cdp = await page.context().newCDPSession(page)
  const { frameTree } = (await cdp.send('Page.getFrameTree')) as { frameTree: { frame: { id: string } } }
  const { executionContextId } = await cdp.send('Page.createIsolatedWorld', { frameId: frameTree.frame.id })
  await cdp.send('Runtime.evaluate', { expression: source, contextId: executionContextId })
  return {
    async violations(options: object = {}): Promise<string[]> {
      const { result } = await cdp.send('Runtime.evaluate', {
        expression: `axe.run(document, ${JSON.stringify({ ...options, resultTypes: ['violations'] })}).then(({ violations }) => violations.map(({ id, nodes }) => id + ": " + nodes[0].html))`,
        contextId: executionContextId,
        awaitPromise: true,
        returnByValue: true,
      })
      return result.value as string[]
    },
    close: () => cdp.detach(),
  }
}

async function check(
  t: Pick<import('tap').Test, 'strictSame' | 'not' | 'ok'>,
  context: BrowserContext,
  shots: readonly Shot[],
) {
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('console', (message) => {
    if (/Content Security Policy|Trusted/i.test(message.text())) complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  await page.setViewportSize({ width: 320, height: 640 })
  for (const { name, open } of shots) {
    await open(page)
    const axe = await loadAxe(page)
    t.strictSame(await axe.violations(), [], `${name}: axe`)
    // Only colours differ in the dark.
    await page.emulateMedia({ colorScheme: 'dark' })
    t.strictSame(await axe.violations({ runOnly: ['color-contrast'] }), [], `${name}: contrast in the dark`)
    await axe.close()
    await page.emulateMedia({ colorScheme: 'light' })
    const { title, documentElement } = await page.evaluate(() => ({
      title: document.title,
      documentElement: {
        scrollWidth: document.documentElement.scrollWidth,
        clientWidth: document.documentElement.clientWidth,
      },
    }))
    t.not(title, 'owned', `${name}: hostile text stays text`)
    t.ok(documentElement.scrollWidth <= documentElement.clientWidth, `${name}: fits into 320 px`)
  }
  t.strictSame(complaints, [], 'nothing on these pages breaks their policy')
  await page.close()
}

t.test('150, 151, 156 pages before sign-in pass the checks', async (t) => {
  await check(t, await person(), lists.stranger)
})

t.test('150, 151 pages of a person without a role pass the checks', async (t) => {
  const carol = await person()
  await signInThrough(await carol.newPage(), 'carol@example.com')
  await check(t, carol, lists.carol)
  const page = await carol.newPage()
  await page.goto(`${hub.appUrl('payroll')}/`)
  t.equal(await page.locator('#why').count(), 0, 'nobody else sees what decided')
  await page.getByRole('button', { name: 'Use another account' }).click()
  await page.waitForURL(/\/web\/login\?/)
  t.match(await page.textContent('main'), 'payroll.apps.mezite.localhost', 'the same application')
})

t.test('150, 151 an administrator sees on the pages which rule decided', async (t) => {
  const root = await person()
  await signInThrough(await root.newPage(), 'root@example.com')
  await grant('root@example.com', ['admin', 'platform', 'strict'])
  await check(t, root, lists.root)
  const page = await root.newPage()
  await page.goto(`${hub.appUrl('payroll')}/`)
  const why = page.locator('section', { has: page.locator('#why') })
  t.match(await why.textContent(), /allow team=platform\s*the application has team=finance/)
  t.equal(
    await why.getByRole('link', { name: 'platform' }).getAttribute('href'),
    '/web/admin/roles/platform?at=allow.app_labels.team',
  )
  // On the host of the application, from where the documentation is on another host.
  await page.goto(`${hub.appUrl('grafana')}/`)
  t.match(await page.textContent('main'), 'agent_none')
  await page.getByRole('link', { name: 'What this means' }).click()
  await page.locator('h2#agent_none').waitFor()
  t.equal(new URL(page.url()).origin, new URL(hub.signInUrl).origin)
})

t.test('150, 151 T218 pages of requests for access pass the checks in every state', async (t) => {
  const shots = await pages.requests()
  const rita = await person()
  await signInThrough(await rita.newPage(), RITA)
  await check(t, rita, shots)
})

t.test('150, 151, 156 S206 pages that let programs in and end their access pass the checks', async (t) => {
  const shots = await pages.programs()
  const olga = await person()
  await signInThrough(await olga.newPage(), OLGA)
  await check(t, olga, shots)
  const page = await olga.newPage()
  await page.goto(`${hub.signInUrl}/web/account`)
  t.match(await page.textContent('#sessions'), 'Photo frame')
})

t.test('an enrolment link names account and deadline, signs in, and says when it was used', async (t) => {
  const context = await person()
  const page = await context.newPage()
  await plugIn(page)
  const address = await link()
  await page.goto(address)
  await page.locator('[data-go]').waitFor()
  t.match(await page.textContent('main'), /For lena\. This link works once, until \d/)
  t.notMatch(page.url(), '#', 'the token leaves the address bar')
  await page.locator('[data-go]').click()
  await page.locator('[data-when="done"] a').click()
  await page.waitForURL(`${hub.signInUrl}/`)
  t.equal(await page.textContent('.menu strong'), 'lena')
  await page.goto('about:blank')
  await page.goto(address)
  await page.locator('[data-when="link_refused"]').waitFor()

  await page.goto(`${hub.signInUrl}/web/account`)
  t.match(await page.textContent('#sessions'), /Chrome on Linux[\s\S]*this browser/)
  t.match(await page.textContent('#passkeys'), 'My passkey')
})

t.test('pages are in German if the browser prefers it', async (t) => {
  const context = await person({ locale: 'de-DE' })
  const page = await context.newPage()
  await page.goto(`${hub.appUrl('grafana')}/`)
  t.equal(await page.getAttribute('html', 'lang'), 'de')
  t.match(await page.textContent('main'), 'und weiter zu grafana.apps.mezite.localhost')
  await page.goto(`${hub.appUrl('grafana')}/.mezite/nothing`)
  t.match(await page.textContent('h1'), 'Diese Seite gibt es nicht')
  t.match(await page.textContent('main'), /Diese Seite gibt es nicht[\s\S]*Unter dieser Adresse ist nichts/)
  await page.goto(`https://other.localhost:${hub.ports.public}/`)
  t.match(await page.textContent('main'), /Unter dieser Adresse ist nichts[\s\S]*Ihre Anwendungen/)

  await plugIn(page)
  await page.goto(await link())
  await page.locator('[data-go]').click()
  await page.locator('.status', { hasText: 'Passkey hinzugefügt für lena.' }).waitFor()
  await page.goto(`${hub.signInUrl}/web/account`)
  t.match(await page.textContent('#passkeys'), /Mein Passkey[\s\S]*Name des neuen Passkeys/)
  await page.goto(`${hub.signInUrl}/`)
  t.equal(await page.textContent('h1'), 'Ihre Anwendungen')
  await page.getByRole('heading', { name: 'Grafana', exact: true }).waitFor()
  await page.getByRole('link', { name: 'Grafana öffnen', exact: true }).waitFor()
  await page.goto(`${hub.appUrl('payroll')}/`)
  t.match(await page.textContent('main'), /lena darf [\s\S]* nicht öffnen\./)
  await page.goto(`${hub.appUrl('vault')}/`)
  t.match(await page.textContent('main'), /vault öffnet sich, wenn Sie bestätigen, dass Sie es sind: lena/)
  await page.goto('about:blank')
  await page.goto(`${hub.signInUrl}/web/enrol#${'x'.repeat(43)}`)
  await page.locator('.status.bad', { hasText: 'Bitten Sie Ihre Administration' }).waitFor()
  const invited = { name: 'nora', roles: ['platform'] }
  const made = await hub.api<{ link: string }>('POST', '/invitations', invited)
  for (const [address, text] of [
    [made.link, 'ein Konto mit dem Namen nora, sobald Sie hier einen Passkey anlegen.'],
    [
      `${hub.signInUrl}/web/invitation#x`,
      'Dieser Link ist unvollständig, abgelaufen, widerrufen oder schon benutzt.',
    ],
  ] as const) {
    await page.goto('about:blank')
    await page.goto(address)
    await page.locator('main', { hasText: text }).waitFor()
  }
})

t.test('the pages have the same content without scripts', async (t) => {
  const context = await person({ javaScriptEnabled: false })
  const page = await context.newPage()
  await signInThrough(page, 'carol@example.com')
  await page.goto(`${hub.signInUrl}/web/account`)
  t.match(await page.textContent('time'), /^\d{4}-\d\d-\d\d \d\d:\d\d UTC$/)
  await page.locator('#sessions .confirm summary').last().click()
  await page
    .getByRole('button', { name: /^End Chrome on Linux/ })
    .last()
    .click()
  await page.waitForURL(/\/web\/(signed-out|account)/)
})
