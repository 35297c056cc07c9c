// long
/** Keys in a real browser against the real cluster: enrol, confirm, and everything that must not work. */
import type { Page, Request } from 'playwright-core'
import t from 'tap'
import { newPerson, openBrowser, signInAs } from '../../e2e/open-browser.ts'
import { startTestCluster, type TestApp } from '../../e2e/start-test-cluster.ts'
import { plugIn, type VirtualKey } from './virtual-key.ts'

/** What the functions that run in the page see. */
declare const navigator: { credentials: { get(options: object): Promise<unknown> } }

const cluster = await startTestCluster(t)
const browser = await openBrowser(t)
const ALICE = 'Alice Platform'
const alice = 'alice@example.test'
const hub = cluster.hubUrl

const publish = (name: string, tier: string) =>
  cluster.publish(
    name,
    (request, response) => {
      response.writeHead(200, { 'content-type': 'text/html' })
      response.end(
        `<!doctype html><title>${name}</title><p id="user">${String(request.headers['x-mezite-user'])}</p>`,
      )
    },
    { env: 'demo', tier },
  )
const bank = await publish('bank', 'bank')
const safe = await publish('safe', 'safe')
const evil = await publish('evil', 'evil')

const putRole = (name: string, labels: object, options: object = {}) =>
  cluster.api('PUT', `/roles/${name}`, {
    kind: 'role',
    version: 'v1',
    metadata: { name },
    spec: { options, allow: { app_labels: labels } },
  })
const mfa = { require_session_mfa: true }
await putRole('platform', { tier: 'bank' }, mfa)
await putRole('rest', { env: 'demo' })
await putRole('strict', { tier: 'safe' }, mfa)
await cluster.api('POST', '/users', { name: alice, roles: ['rest'] })

/** Requests that reached the application, but for the icon that browsers fetch on their own. */
const pagesOf = ({ requests }: TestApp) => requests.filter(({ url }) => url !== '/favicon.ico').length
const go = (page: Page) => page.locator('[data-go]').click()
const said = (page: Page, text: RegExp) => page.locator('.status', { hasText: text }).waitFor()
const json = async (...args: string[]) => JSON.parse(await cluster.mezctl(...args, '--format', 'json'))
const postFrom = (page: Page, path: string, body: unknown) =>
  page.evaluate(
    async ([path, body]) => {
      const headers = { 'content-type': 'application/json' }
      const response = await fetch(path as string, { method: 'POST', headers, body: JSON.stringify(body) })
      return { status: response.status, body: (await response.json()) as { code?: string } }
    },
    [path, body],
  )

async function addKey(page: Page, name: string) {
  await page.locator('#name').fill(name)
  await page.locator('[data-add]').click()
  await page.locator(`[data-name]:text-is("${name}")`).waitFor()
}

const { context, page } = await newPerson(browser)
let key: VirtualKey

t.test('a person without a passkey adds one, confirms, and lands on the page first requested', async (t) => {
  key = await plugIn(page)
  await signInAs(page, ALICE, `${bank.url}/deep?q=1#part-2`)
  t.match(await page.textContent('h1'), 'A passkey is needed')
  t.equal(new URL(page.url()).origin, hub)
  await page.getByRole('link', { name: 'Add a passkey' }).click()
  await addKey(page, 'Laptop <b>')
  t.equal(bank.requests.length, 0, 'no byte reached the application')
  await page.locator('[data-continue]').click()
  t.match(await page.textContent('h1'), 'Confirm with your passkey')
  await go(page)
  await page.waitForURL(`${bank.url}/deep?q=1#part-2`)
  t.equal(await page.textContent('#user'), alice)
  const [credential] = await key.credentials()
  t.equal(credential?.rpId, new URL(hub).hostname, 'the RP is the sign-in host, no parent of apps')
  const events = await json('audit', 'ls', '--user', alice)
  t.ok(events.some(({ type }: { type: string }) => type === 'mfa.enrolled'))
  t.match(
    events.find(({ type }: { type: string }) => type === 'mfa.verified'),
    { success: true, app: 'bank', credential_id: /.+/ },
  )
})

t.test('D65 a demand of any matching role applies, and other apps do not ask', async (t) => {
  await page.goto(safe.url)
  t.equal(page.url(), `${safe.url}/`, 'the role without a demand lets in here')
  await page.goto(`${bank.url}/again`)
  t.equal(page.url(), `${bank.url}/again`, 'and the session of the app goes on')
})

t.test('D63 every shortcut ends at the demand', async (t) => {
  const before = pagesOf(bank)
  await context.clearCookies({ domain: 'bank.apps.mezite.localhost' })
  await page.goto(bank.url)
  t.match(page.url(), `${hub}/web/mfa`, 'a new session asks again')
  const { searchParams } = new URL(page.url())
  const state = searchParams.get('state')!
  await page.goto(`${hub}/web/continue?state=${state}`)
  t.match(page.url(), `${hub}/web/mfa`, 'continuing is no answer')
  const answers = await Promise.all([
    postFrom(page, '/web/mfa/finish', { state, ceremony: 'x', response: {} }),
    postFrom(page, '/web/mfa/finish', { state, ceremony: 'x', response: { id: 'y', response: {} } }),
    postFrom(page, '/web/mfa/finish', { state }),
  ])
  t.strictSame(
    answers.map(({ status }) => status),
    [400, 400, 400],
  )
  const session = (await context.cookies(safe.url)).find(({ name }) => name === '__Host-mezite_app')!
  const bankHost = new URL(bank.url).hostname
  await context.addCookies([{ ...session, domain: bankHost }])
  await page.goto(bank.url)
  t.match(page.url(), `${hub}/web/mfa`, "another app's session opens nothing")
  t.equal(pagesOf(bank), before, 'no byte reached the application')
})

t.test('D57 an assertion is valid once, and for its challenge only', async (t) => {
  let finish: Request | undefined
  const listen = (request: Request) => {
    if (request.url().endsWith('/web/mfa/finish')) finish = request
  }
  page.on('request', listen)
  await page.goto(bank.url)
  await go(page)
  await page.waitForURL(`${bank.url}/`)
  page.off('request', listen)
  const body = finish!.postDataJSON()
  await page.goto(`${hub}/web/account`)
  t.match(await postFrom(page, '/web/mfa/finish', body), { status: 400, body: { code: 'challenge_spent' } })
  const asked = (await postFrom(page, '/web/mfa/begin', { state: body.state })).body as { ceremony?: string }
  t.match(await postFrom(page, '/web/mfa/finish', { ...body, ceremony: asked.ceremony }), {
    status: 400,
    body: { code: 'challenge_wrong' },
  })
  const confirm = (await postFrom(page, '/web/account/confirm/begin', {})).body as { ceremony?: string }
  t.match(await postFrom(page, '/web/mfa/finish', { ...body, ceremony: confirm.ceremony }), {
    status: 400,
    body: { code: 'challenge_foreign' },
  })
})

t.test(
  'D56 a sibling application cannot get an assertion for the sign-in host, and its own are refused',
  async (t) => {
    await page.goto(evil.url)
    const attempt = (rpId: string) =>
      page.evaluate(
        (rpId) =>
          navigator.credentials
            .get({ publicKey: { challenge: new Uint8Array(32), rpId, userVerification: 'required' } })
            .then(
              () => 'an assertion',
              (error: Error) => error.name,
            ),
        rpId,
      )
    t.equal(await attempt(new URL(hub).hostname), 'SecurityError')
    t.equal(await attempt('apps.mezite.localhost').catch(String), 'NotAllowedError', 'a parent knows no key')
    const status = await page.evaluate(
      (url) =>
        fetch(url, { method: 'POST', credentials: 'include', body: '{}' }).then(
          (r) => r.status,
          () => 0,
        ),
      `${hub}/web/mfa/begin`,
    )
    t.equal(status, 0, 'the ceremony cannot be called from there')
  },
)

t.test('D58 a passkey that does not verify its user opens nothing', async (t) => {
  await context.clearCookies({ domain: 'bank.apps.mezite.localhost' })
  await key.setUserVerified(false)
  await page.goto(bank.url)
  await go(page)
  await said(page, /could not check/)
  t.match(page.url(), `${hub}/web/mfa`)
  await key.setUserVerified(true)
  await go(page)
  await page.waitForURL(`${bank.url}/`)
  t.equal(await page.textContent('#user'), alice)
})

t.test('D64 a demand that is added during a session applies to the next request', async (t) => {
  await page.goto(safe.url)
  const fetched = () => page.evaluate(() => fetch('/data').then((response) => response.status))
  t.equal(await fetched(), 200)
  const before = pagesOf(safe)
  await cluster.api('PATCH', `/users/${alice}`, { roles: ['rest', 'strict'] })
  const refused = await page.evaluate(async () => {
    const response = await fetch('/data')
    const { status, redirected } = response
    return { status, redirected, ...((await response.json()) as { code: string; login_url: string }) }
  })
  t.match(refused, { status: 401, redirected: false, code: 'session_mfa_required' }, 'a script is told')
  const asking = await context.newPage()
  await asking.goto(refused.login_url)
  t.match(asking.url(), `${hub}/web/mfa`, 'and where the person answers the demand')
  await asking.close()
  await page.goto(`${safe.url}/page`)
  t.match(page.url(), `${hub}/web/mfa`)
  t.equal(pagesOf(safe), before, 'no byte reached the application')
  await go(page)
  await page.waitForURL(`${safe.url}/page`)
  t.equal(await fetched(), 200)
  await page.goBack()
  await page.goForward()
  t.equal(await fetched(), 200, 'the back button breaks nothing')
})

t.test('two tabs each confirm for themselves, and both arrive', async (t) => {
  await context.clearCookies({ domain: 'bank.apps.mezite.localhost' })
  const second = await context.newPage()
  await page.goto(`${bank.url}/one#first`)
  await second.goto(`${bank.url}/two`)
  await go(page)
  await page.waitForURL(`${bank.url}/one#first`)
  const copy = await key.copyTo(second)
  await go(second)
  await second.waitForURL(`${bank.url}/two`)
  t.equal(await second.textContent('#user'), alice)
  // The copy counted on; the first now looks like a clone of an older state.
  await context.clearCookies({ domain: 'bank.apps.mezite.localhost' })
  await page.goto(bank.url)
  await go(page)
  await said(page, /counter of your passkey went back/)
  t.pass('D62 a counter that does not grow is refused')
  const failed = (await json('audit', 'ls', '--type', 'mfa.failed')) as { reason: string }[]
  t.ok(
    failed.some(({ reason }) => reason === 'counter_went_back'),
    'and recorded',
  )
  await key.remove()
  key = await copy.copyTo(page)
  await second.close()
})

t.test('D66 a second passkey needs a link or the first one, and the last one stays', async (t) => {
  await page.goto(`${hub}/web/account`)
  t.equal(await page.locator('[data-remove]').count(), 0, 'the only key has no button to remove it')
  t.match(await postFrom(page, '/web/account/keys/begin', {}), {
    status: 403,
    body: { code: 'key_required' },
  })
  const second = await context.newPage()
  await plugIn(second)
  const { link, needs_sign_in } = await json('users', 'add-mfa', alice, '--type=webauthn')
  t.equal(needs_sign_in, true)
  t.match(link, /\/web\/enrol#[\w-]{43}$/)
  const stranger = await newPerson(browser)
  await plugIn(stranger.page)
  await stranger.page.goto(link)
  await stranger.page.locator('[data-when="login_required"] a').waitFor()
  t.pass('for a person of a provider the link does not replace signing in')
  await stranger.context.close()
  await second.goto(link)
  await second.locator('#name').fill('Spare')
  await go(second)
  await said(second, /Passkey added/)
  await second.goto('about:blank')
  await second.goto(link)
  await said(second, /was used/)
  const listed = (await json('users', 'list-mfa', alice)) as { name: string; kind: string }[]
  t.strictSame(
    listed.map(({ name, kind }) => [name, kind]),
    [
      ['Laptop <b>', 'key'],
      ['Spare', 'key'],
    ],
  )

  await page.reload()
  await page.getByRole('button', { name: 'Rename Spare' }).click()
  await page.getByLabel('Name of the passkey').fill('Shelf')
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Rename Spare' }).click()
  await page.getByLabel('Name of the passkey').fill('Drawer')
  await page.getByRole('button', { name: 'Save the name' }).click()
  await page.locator('summary[aria-label="Remove Drawer"]').click()
  await page.getByRole('button', { name: 'Remove Drawer' }).click()
  await page.locator('[data-name]:text-is("Drawer")').waitFor({ state: 'detached' })
  await context.clearCookies({ domain: 'bank.apps.mezite.localhost' })
  await second.goto(bank.url)
  await go(second)
  await said(second, /cancelled|not one of yours/)
  t.match(second.url(), `${hub}/web/mfa`, 'a removed key opens nothing')
  await second.close()
})

t.test('people without a provider sign in with a passkey alone', async (t) => {
  const person = await newPerson(browser)
  const passkey = await plugIn(person.page)
  const { enrolment } = await json('users', 'create', 'erin', '--roles', 'access', '--passkey')
  await person.page.goto(enrolment.link)
  await person.page.locator('#name').fill('Phone')
  await go(person.page)
  await said(person.page, /added for erin/)
  t.notMatch(person.page.url(), /#/, 'the token has left the address')
  await person.page.goto(`${hub}/web/logout`)
  await person.page.getByRole('button', { name: 'Only this browser' }).click()
  const stranger = await newPerson(browser)
  await stranger.page.goto(`${safe.url}/first`)
  t.match(await stranger.page.textContent('main'), `to continue to ${new URL(safe.url).hostname}`)
  await stranger.context.close()
  await person.page.goto(`${safe.url}/first`)
  // The virtual key responds to the offer in the field, as if the person had chosen it.
  await person.page.waitForURL(`${safe.url}/first`)
  t.equal(await person.page.textContent('#user'), 'erin')
  const [login] = (await json('audit', 'ls', '--type', 'user.login', '--user', 'erin')) as object[]
  t.match(login, { connector: 'passkey', method: 'webauthn', success: true })

  t.match(
    await cluster.mezctl('users', 'reset-webauthn', 'erin', '--yes'),
    /^Reset erin: removed 1 passkey and 0 links, ended 2 sessions\./,
  )
  await person.page.goto(safe.url)
  t.match(person.page.url(), hub, 'what was opened with the key ends with it')
  await said(person.page, /not one of yours/)
  t.equal((await passkey.credentials()).length, 1)
  await person.context.close()
})

t.test('the dashboard asks for the passkey that a change needs, and then makes the change', async (t) => {
  await putRole('careful', { tier: 'none' }, { confirm_changes: '10m' })
  const person = await newPerson(browser)
  const passkey = await plugIn(person.page)
  const { enrolment } = await json('users', 'create', 'dora', '--roles', 'admin,careful', '--passkey')
  await person.page.goto(enrolment.link)
  await person.page.locator('#name').fill('Phone')
  await go(person.page)
  await said(person.page, /added for dora/)
  await person.page.goto(`${hub}/web/admin/locks`)
  await person.page.getByRole('button', { name: 'Add a lock' }).click()
  const form = person.page.getByRole('dialog', { name: 'Add a lock' })
  await form.getByLabel('Name *').fill('nobody@example.test')
  await form.getByRole('button', { name: 'Lock', exact: true }).click()
  const question = person.page.getByRole('dialog', { name: 'Confirm with your passkey' })
  await question.waitFor()
  t.equal((await cluster.api<object[]>('GET', '/locks')).length, 0, 'nothing is locked before')
  const [popup] = await Promise.all([
    person.page.waitForEvent('popup'),
    question.getByRole('button', { name: 'Use your passkey' }).click(),
  ])
  await passkey.copyTo(popup)
  t.match(await popup.textContent('main'), 'You make changes to this cluster after you confirm')
  await go(popup)
  await question.waitFor({ state: 'detached' })
  await form.waitFor({ state: 'detached' })
  t.match(await cluster.api('GET', '/locks'), [{ target: { user: 'nobody@example.test' } }])
  await person.context.close()
})
