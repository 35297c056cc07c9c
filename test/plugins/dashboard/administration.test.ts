// together: dashboard
/** What an administrator does on the pages, against a real hub with an agent, a provider and a database. */
import { readFileSync } from 'node:fs'
import type { Page } from 'playwright-core'
import t from 'tap'
import { choose, openPage, press } from '../../screenshots/dashboard-pages.ts'
import { register } from '../../screenshots/program-pages.ts'
import { until } from '../../until.ts'
import { plugIn } from '../webauthn/virtual-key.ts'
import { api, browser, dashboard, hub, openTab } from './browser.ts'

const at = (page: Page, path: string) => openPage(page, `${hub.url}/web/admin${path}`)
const dialogOf = (page: Page) => page.locator('dialog[open]')
/** What the page says has happened. */
const said = (page: Page, text: string) => page.locator('.notices', { hasText: text }).waitFor()

t.test(
  'an application is added, tested from its agent, changed, switched off and on, and removed',
  async (t) => {
    const { page, faults } = await openTab(t)
    const { page: launcher } = await openTab(t)
    await openPage(launcher, `${hub.url}/`)

    await at(page, '/apps/+')
    const add = page.locator('form button[type=submit]')
    await page.getByLabel('Name *').first().fill('Bad Name')
    await page.getByLabel('Target *').fill('ftp://registry')
    await page.getByText(/small letters, digits and "-"/).waitFor()
    await page.getByLabel('Name *').first().fill('grafana')
    await page.getByText('This name is taken.').waitFor()
    await page.getByLabel('Name *').first().fill('registry')
    await page.getByText(/must be SCHEME/).waitFor()
    await page.getByLabel('Target *').fill(dashboard.target)
    await page.getByLabel('Labels').fill('team=platform')
    await choose(page, 'Agents', 'berlin-1')
    await press(page, 'Test')
    await page.getByText('Reached', { exact: true }).waitFor()
    await add.click()
    await page.getByRole('heading', { name: 'registry', exact: true }).waitFor()
    await page.locator('.panel .tag.state.good').waitFor()
    await launcher.getByRole('link', { name: 'registry' }).waitFor()

    await page.getByRole('link', { name: 'Edit', exact: true }).click()
    await page.getByLabel('Description').first().fill('Images of every service')
    await page.locator('summary', { hasText: 'Timeouts' }).click()
    await add.click()
    await said(page, 'Saved registry.')
    await launcher.getByText('Images of every service').waitFor()

    await press(page, 'Switch off')
    await dialogOf(page).getByRole('button', { name: 'Switch off' }).click()
    await said(page, 'Switched off registry.')
    await launcher.locator('.card.disabled', { hasText: 'registry' }).waitFor()
    await press(page, 'Switch on')
    await dialogOf(page).getByRole('button', { name: 'Switch on' }).click()
    await launcher.getByRole('link', { name: 'registry' }).waitFor()

    await press(page, 'Remove')
    const remove = dialogOf(page).getByRole('button', { name: 'Remove' })
    t.ok(await remove.isDisabled())
    await dialogOf(page).getByRole('textbox').fill('Registry')
    t.ok(await remove.isDisabled(), 'the name has to be the same')
    await dialogOf(page).getByRole('textbox').fill('registry')
    await remove.click()
    await said(page, 'Removed registry.')
    await launcher.getByRole('link', { name: 'registry' }).waitFor({ state: 'detached' })
    t.strictSame(faults, [])
  },
)

t.test('a role is written with a preview, a person gets it, and it is removed', async (t) => {
  const { page } = await openTab(t)
  await at(page, '/roles/+')
  const editor = page.getByLabel('Document')
  const save = page.getByRole('button', { name: 'Save' })
  await editor.fill('kind: role\nversion: v1\nmetadata:\n  name: auditors\nspec:\n  alow: {}\n')
  await page.getByText(/Line 6/).waitFor()
  await editor.fill(
    'kind: role\nversion: v1\nmetadata:\n  name: auditors\nspec:\n  allow:\n    app_labels:\n      team: finance\n',
  )
  await page.getByText('0 people have this role.').waitFor()
  const opens = page.getByRole('combobox', { name: 'Opens applications with', exact: true })
  await editor.fill((await editor.inputValue()).replace('spec:', '# kept\nspec:'))
  await opens.fill('dience=all')
  await page.getByRole('option', { name: /^audience=all \d+ applications$/ }).waitFor()
  await opens.press('Enter')
  t.match(
    await editor.inputValue(),
    /# kept\nspec:\n {2}allow:\n {4}app_labels:\n {6}team: finance\n {6}audience: all\n/,
  )
  await page.getByText(/^The role opens 0 of \d+ applications\.$/).waitFor()
  await page.getByRole('button', { name: 'Remove audience=all' }).click()
  t.notMatch(await editor.inputValue(), 'audience')
  await page.getByText(/^The role opens [1-9]\d* of \d+ applications\.$/).waitFor()
  await page.getByLabel('Each session needs a passkey').check()
  t.match(await editor.inputValue(), 'require_session_mfa: true')
  await page.getByLabel('Each session needs a passkey').uncheck()
  t.notMatch(await editor.inputValue(), 'options', 'nothing is left of it')
  await save.click()
  await said(page, 'Saved auditors.')

  await at(page, '/people')
  await press(page, 'Add a person')
  await dialogOf(page).getByLabel('Name *').fill('erik@northwind.example')
  await choose(page, 'Roles', 'auditors')
  await dialogOf(page).getByRole('button', { name: 'Add a person' }).click()
  await page.getByRole('heading', { name: 'erik@northwind.example' }).waitFor()
  await page.getByLabel('Application').selectOption('payroll')
  await page.locator('.answer', { hasText: 'Allowed' }).waitFor()

  await at(page, '/roles/auditors')
  await editor.fill((await editor.inputValue()).replace('finance', 'nobody'))
  await page.getByText('1 person loses access to applications.').waitFor()
  await page.locator('.changes summary', { hasText: '1 person · lose 1 application' }).click()
  await page.locator('.changes').getByText('erik@northwind.example').waitFor()
  await save.click()
  await said(page, 'Saved auditors.')
  await page.getByText('1 earlier version').click()
  await page.getByRole('button', { name: 'Use version 1' }).click()
  t.match(await editor.inputValue(), 'team: finance', 'an earlier version fills the editor')
  await page.getByText('1 person gains access to more applications.').waitFor()
  await save.click()
  await said(page, 'Saved auditors.')
  await page.getByText('2 earlier versions').waitFor()
  await press(page, 'Remove')
  await dialogOf(page).getByRole('textbox').fill('auditors')
  await dialogOf(page).getByRole('button', { name: 'Remove' }).click()
  await said(page, 'Removed auditors.')
  await at(page, '/people/erik@northwind.example')
  await press(page, 'Remove')
  await dialogOf(page).getByRole('textbox').fill('erik@northwind.example')
  await dialogOf(page).getByRole('button', { name: 'Remove' }).click()
  await said(page, 'Removed erik@northwind.example.')
})

t.test('a lock denies a person until it is removed, and a session can be ended', async (t) => {
  const { page } = await openTab(t)
  const lena = await dashboard.visitor(dashboard.claimsOf('lena@northwind.example'))
  await lena.open(`${hub.appUrl('grafana')}/`)
  const status = async () => (await lena.fetch(`${hub.appUrl('grafana')}/`)).status
  t.equal(await status(), 200)

  await at(page, '/locks')
  await press(page, 'Add a lock')
  await dialogOf(page).getByLabel('Name *').fill('lena@northwind.example')
  await dialogOf(page).getByLabel('Message').fill('Ask the service desk')
  await dialogOf(page).getByRole('button', { name: 'Lock', exact: true }).click()
  await said(page, 'Locked Person lena@northwind.example.')
  t.equal(await status(), 403)
  await at(page, '')
  const changes = page.getByRole('table', { name: 'Last changes' })
  const change = changes.locator('tbody tr', { hasText: 'lock.created' }).first()
  t.match(await change.textContent(), /lena@northwind\.example.*/, 'what was changed')
  t.match(await change.getByRole('link').getAttribute('href'), /\/people\//, 'and by whom')
  await page.getByRole('link', { name: 'All changes' }).click()
  await page.waitForURL(/changes=true/)
  t.equal(await page.locator('tbody tr', { hasText: 'app.request' }).count(), 0)
  t.ok(await page.getByLabel('Only changes').isChecked())

  await at(page, '/people?q=lena')
  await page.getByRole('button', { name: 'Locked: lena@northwind.example' }).click()
  await dialogOf(page).getByText('Ask the service desk').waitFor()
  await dialogOf(page).getByText('Until somebody unlocks it').waitFor()
  await dialogOf(page)
    .getByRole('button', { name: /^Unlock/ })
    .waitFor()
  await page.keyboard.press('Escape')

  await at(page, '/locks')
  await page.getByRole('button', { name: 'Unlock: Person lena@northwind.example' }).click()
  await dialogOf(page).getByRole('button', { name: 'Unlock' }).click()
  await said(page, 'Unlocked')
  t.equal(await status(), 200)

  await at(page, '/sessions')
  await page.getByLabel('Filter').fill('lena')
  const mine = page.getByRole('button', { name: 'End: Sign-in, lena@northwind.example' }).first()
  await mine.click()
  await dialogOf(page).getByRole('button', { name: 'End' }).click()
  await said(page, 'Ended')
  t.not(await status(), 200)
})

t.test('a provider is added, tested, changed and removed', async (t) => {
  const { page } = await openTab(t)
  const { spec } = dashboard.issuer
  await at(page, '/sign-in/+')
  const editor = page.getByLabel('Document')
  await page.getByLabel('Provider').selectOption('Entra ID')
  t.match(await editor.inputValue(), 'https://login.microsoftonline.com/TENANT-ID/v2.0')
  const recipe = page.getByRole('link', { name: 'How to set up Entra ID' })
  t.match(await recipe.getAttribute('href'), /sign-in-providers#entra-id$/)
  const filled = {
    ...{ 'Name *': 'by-fields', Description: 'By fields', Issuer: 'https://id.example.com/a' },
    ...{ 'Client *': 'mezite-a', 'Claim with the user name': 'preferred_username' },
  }
  for (const [label, value] of Object.entries(filled)) await page.getByLabel(label).first().fill(value)
  t.match(
    await editor.inputValue(),
    /name: by-fields\n {2}description: By fields\nspec:\n {2}issuer_url: https:\/\/id\.example\.com\/a\n {2}client_id: mezite-a[\s\S]*username_claim: preferred_username/,
    'the fields write into the document, and keep the rest of it',
  )
  t.match(await editor.inputValue(), /claims_to_roles:\n {4}- claim: groups/)
  await page.getByText('/v1/webapi/oidc/callback/by-fields').waitFor()
  for (const label of ['Google', 'Okta', 'Keycloak', 'Authentik', 'Zitadel', 'GitLab']) {
    await page.getByLabel('Provider').selectOption(label)
    t.ok(URL.canParse(await page.getByLabel('Issuer').inputValue()), label)
    const href = await page.getByRole('link', { name: `How to set up ${label}` }).getAttribute('href')
    const [path = '', anchor] = String(href).split('#')
    const recipes = await (await dashboard.visitor(dashboard.claimsOf('reader@northwind.example'))).open(
      new URL(path, hub.url).href,
    )
    t.match(recipes.text, `id="${anchor}"`, `the recipe of ${label}`)
  }
  const redirect = (name: string) => page.getByText(`/v1/webapi/oidc/callback/${name}`)
  await redirect('sso').waitFor()
  t.equal(await page.getByLabel('Client secret').getAttribute('type'), 'password')
  const { client_secret: secret, ...open } = spec
  const document = { kind: 'oidc', version: 'v1', metadata: { name: 'partner' }, spec: open }
  await editor.fill(JSON.stringify({ ...document, spec: { ...spec, issuer_url: 'ftp://id' } }))
  await press(page, 'Save')
  await page.locator('.marks li', { hasText: 'issuer_url' }).waitFor()
  t.equal(await page.locator('.notice.bad').count(), 0, 'a fault with a place in the text is shown once')
  await editor.fill(JSON.stringify(document))
  const shownUri = await redirect('partner').textContent()
  const tested = page.getByRole('table', { name: 'Test the provider' })
  const signInLink = page.getByRole('link', { name: 'Sign in and see the claims' })
  await page.getByLabel('Client secret').fill('a wrong secret')
  await press(page, 'Test')
  await tested.getByRole('row', { name: /credentials fail/ }).waitFor()
  t.equal(await signInLink.count(), 0, 'no sign-in with a client that the provider refuses')
  await page.getByLabel('Client secret').fill(secret.value)
  await tested.waitFor({ state: 'detached' })
  await press(page, 'Test')
  await tested.getByRole('row', { name: /credentials ok/ }).waitFor()
  dashboard.issuer.person = { email_verified: true, ...dashboard.claimsOf('tess@northwind.example') }
  const [draft] = await Promise.all([page.waitForEvent('popup'), signInLink.click()])
  await draft.getByRole('heading', { name: 'Test of a sign-in' }).waitFor()
  t.match(await draft.textContent('main'), /tess@northwind\.example/)
  await draft.close()
  const saved = await api<{ metadata: { name: string } }[]>('GET', '/connectors')
  t.notOk(
    saved.some(({ metadata }) => metadata.name === 'partner'),
    'nothing was saved by the test',
  )
  await press(page, 'Save')
  await page.getByRole('heading', { name: 'partner' }).waitFor()
  const { status } = await api<{ status: { redirect_uri: string } }>('GET', '/connectors/partner')
  t.equal(shownUri?.trim(), status.redirect_uri, 'the redirect URI was shown before saving')
  await press(page, 'Test')
  await page
    .getByRole('table', { name: 'Test the provider' })
    .getByText('ok', { exact: true })
    .first()
    .waitFor()
  t.notMatch(await page.content(), secret.value, 'the secret stays in the hub')

  await page.getByRole('link', { name: 'Edit', exact: true }).click()
  const shown = await editor.inputValue()
  t.notMatch(shown, secret.value)
  await editor.fill(shown.replace('name: partner', 'name: partner\n  description: Our partner'))
  await press(page, 'Save')
  await said(page, 'Saved partner.')
  await page.getByText('Our partner', { exact: true }).waitFor()
  await press(page, 'Test')
  await tested.getByText('ok', { exact: true }).first().waitFor()

  await at(page, '/sign-in')
  await page.getByRole('link', { name: 'sso', exact: true }).click()
  dashboard.issuer.person = { email_verified: true, ...dashboard.claimsOf('tess@northwind.example') }
  const [popup] = await Promise.all([
    page.waitForEvent('popup'),
    page.getByRole('link', { name: 'Sign in and see the claims' }).click(),
  ])
  await popup.getByRole('heading', { name: 'Test of a sign-in' }).waitFor()
  t.match(await popup.textContent('main'), /tess@northwind\.example[\s\S]*engineers, everyone/)
  await popup.getByRole('definition').getByText('["engineers"]').waitFor()
  t.equal(await popup.textContent('.menu strong'), 'dana@northwind.example', 'nobody was signed in')
  await popup.close()

  await at(page, '/sign-in/partner')
  await press(page, 'Remove')
  await dialogOf(page).getByRole('textbox').fill('partner')
  await dialogOf(page).getByRole('button', { name: 'Remove' }).click()
  await said(page, 'Removed partner.')
})

t.test('an API token works until it is removed, and a passkey link enrols', async (t) => {
  const { page } = await openTab(t)
  await at(page, '/tokens')
  await press(page, 'Add an API token')
  await dialogOf(page).getByLabel('Name *').fill('ci')
  await choose(page, 'Roles', 'admin')
  await dialogOf(page).getByRole('button', { name: 'Create the token' }).click()
  const token = await dialogOf(page).locator('.copyable code').textContent()
  await press(page, 'Done')
  const use = () =>
    hub.visitor().fetch(`${hub.url}/v1/webapi/apps`, { headers: { authorization: `Bearer ${token}` } })
  t.equal((await use()).status, 200)
  await page.getByRole('button', { name: 'Remove: ci' }).click()
  await dialogOf(page).getByRole('button', { name: 'Remove' }).click()
  await said(page, 'Removed ci.')
  t.equal((await use()).status, 401)
  t.notMatch(await page.content(), token ?? '', 'the token is not shown again')

  await at(page, '/people/nils@northwind.example')
  await press(page, 'Enrolment link')
  await page.getByLabel('Signs in with this passkey').check()
  await press(page, 'Create a link')
  const link = (await dialogOf(page).locator('.copyable code').textContent()) ?? ''
  t.match(link, `${hub.signInUrl}/web/enrol#`)
  const context = await browser.newContext({ ignoreHTTPSErrors: true })
  t.teardown(() => context.close())
  const nils = await context.newPage()
  await plugIn(nils)
  await nils.goto(link)
  await nils.locator('[data-go]').click()
  await nils.locator('[data-when="done"] a').click()
  await nils.locator('h1').waitFor()
  t.match(await nils.textContent('main'), 'On leave until Monday', 'signed in, and locked')
})

t.test('a person is invited by a link that is shown once, and an invitation is taken back', async (t) => {
  const { page } = await openTab(t)
  await at(page, '/people')
  const invite = async (name: string) => {
    await press(page, 'Invite a person')
    const dialog = dialogOf(page)
    await dialog.getByLabel('Name *').fill(name)
    await choose(page, 'Roles', 'access')
    await dialog.getByRole('button', { name: 'Invite', exact: true }).click()
    const link = (await dialog.locator('.copyable code').textContent()) ?? ''
    t.match(link, `${hub.signInUrl}/web/invitation#`)
    await press(page, 'Done')
    t.notMatch(await page.content(), link, 'the link is not shown again')
    return link
  }
  const [link] = [await invite('Zoe <b>'), await invite('yves')]
  const rows = page.getByRole('table', { name: 'Open invitations' }).getByRole('row')
  await rows.filter({ hasText: 'Zoe <b>' }).filter({ hasText: 'open' }).waitFor()
  await page.getByRole('button', { name: 'Remove: yves' }).click()
  await dialogOf(page).getByRole('button', { name: 'Remove' }).click()
  await said(page, 'Removed yves.')
  await rows.filter({ hasText: 'yves' }).waitFor({ state: 'detached' })

  const context = await browser.newContext({ ignoreHTTPSErrors: true })
  t.teardown(() => context.close())
  const zoe = await context.newPage()
  await plugIn(zoe)
  const sent: string[] = []
  zoe.on('request', (request) => {
    sent.push(request.url(), request.headers().referer ?? '')
  })
  await zoe.goto(link)
  await zoe.locator('[data-user]', { hasText: 'Zoe <b>' }).waitFor()
  t.equal(zoe.url(), `${hub.signInUrl}/web/invitation`, 'the token has left the address')
  await zoe.reload()
  await zoe.locator('[data-go]').click()
  await zoe.locator('[data-when="done"] a').click()
  await zoe.waitForURL(`${hub.signInUrl}/`)
  await zoe.goto(`${hub.url}/v1/webapi/me`)
  t.match(await zoe.textContent('body'), '"user":"Zoe <b>"', 'signed in')
  t.notMatch(sent.join(' '), link.split('#')[1] ?? '', 'no address and no Referer has the token')
  await rows.filter({ hasText: 'Zoe' }).waitFor({ state: 'detached' })
  await page.getByRole('link', { name: 'Zoe <b>' }).waitFor()
  await zoe.goto('about:blank')
  await zoe.goto(link)
  await zoe.locator('.status.bad', { hasText: 'does not work any more' }).waitFor()
})

t.test('a bot appears with its proofs, and is removed once its name is typed', async (t) => {
  const { page, faults } = await openTab(t)
  const save = (roles: readonly string[]) =>
    api('PUT', '/bots/nightly', {
      kind: 'bot',
      version: 'v1',
      metadata: { name: 'nightly' },
      spec: {
        roles,
        trust: [{ issuer: 'https://ci.example', audience: 'hub', claims: { ref: '^refs/(a|b)$' } }],
      },
    })
  await at(page, '/plugins/bots')
  await page.getByRole('row', { name: /^ci engineers/ }).waitFor()
  await save(['interns'])
  await page.getByRole('row', { name: /^nightly interns (?:– )?any address/ }).waitFor()
  await page.getByRole('row', { name: /^nightly https:\/\/ci.example hub ref=\^refs/ }).waitFor()

  await press(page, 'Remove the bot nightly?')
  const dialog = dialogOf(page)
  await dialog.getByText('Its sessions end, and its programs are refused at once.').waitFor()
  const remove = dialog.getByRole('button', { name: 'Remove' })
  t.ok(await remove.isDisabled())
  await dialog.getByRole('textbox').fill('ci')
  t.ok(await remove.isDisabled(), 'the name of another bot does not count')
  await dialog.getByRole('textbox').fill('nightly')
  await save(['finance'])
  await page.getByText('finance', { exact: true }).waitFor()
  t.equal(await dialog.getByRole('textbox').inputValue(), 'nightly', 'a change leaves the question open')
  await remove.click()
  await page.getByRole('button', { name: 'Remove the bot nightly?' }).waitFor({ state: 'detached' })
  await t.rejects(api('GET', '/bots/nightly'), { code: 'bot_not_found' })
  t.match(await api('GET', '/bots/ci'), { metadata: { name: 'ci' } })
  t.match(await api('GET', '/audit?type=bot.deleted'), [{ bot: 'nightly', user: 'dana@northwind.example' }])
  t.strictSame(faults, [])
})

t.test('a destructive form of a plugin asks, and names the object that it removes', async (t) => {
  const { page } = await openTab(t)
  // Of its own: others look at the program that the cluster has.
  const id = await register(hub, 'Slide show')
  const isListed = async () =>
    (await api<{ client_id: string }[]>('GET', '/clients')).some(({ client_id }) => client_id === id)
  await at(page, '/plugins/programs')
  await page.getByLabel('Client ID').selectOption(id)
  await press(page, 'Remove the program')
  await dialogOf(page).getByText(id).waitFor()
  await dialogOf(page).getByRole('button', { name: 'Cancel' }).click()
  await dialogOf(page).waitFor({ state: 'detached' })
  t.ok(await isListed(), 'nothing was called')
  await press(page, 'Remove the program')
  await dialogOf(page).getByRole('button', { name: 'Remove the program' }).click()
  await page.getByRole('row', { name: /^Slide show/ }).waitFor({ state: 'detached' })
  t.notOk(await isListed())
})

t.test('requests are searched by filter and live, and exported', async (t) => {
  const { page } = await openTab(t)
  await at(page, '/requests?type=app.request')
  await page.getByLabel('Reason').waitFor()
  await page.getByLabel('Application', { exact: true }).fill('jenkins')
  await page.locator('tbody tr', { hasText: 'connection_refused' }).first().waitFor()
  await until(async () => (await page.locator('tbody tr', { hasText: 'grafana' }).count()) === 0, 'one app')
  for (const [name, mark] of [
    ['CSV', /^"?id|type/],
    ['JSON', /^\{"/],
  ] as const) {
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name, exact: true }).click(),
    ])
    const text = readFileSync(await download.path(), 'utf8')
    t.match(text, mark)
    t.match(text, 'jenkins', 'the export has the filter of the page')
    t.notMatch(text, 'gitlab')
  }
  await page.getByLabel('Application', { exact: true }).fill('')
  await press(page, 'Follow live')
  const marc = await dashboard.visitor(dashboard.claimsOf('marc@northwind.example'))
  t.equal((await marc.open(`${hub.appUrl('grafana')}/slow/just-now`)).status, 200)
  const row = page.locator('tbody tr', { hasText: '/just-now' })
  await row.waitFor()
  await row.getByRole('link', { name: 'app.request' }).click()
  await page.getByText('/just-now').waitFor()
  await page.getByRole('term').filter({ hasText: 'Bytes to the person' }).waitFor()
  t.notMatch(await page.textContent('main'), /client_ip|bytes_|session_id/)
  const timings = page.getByRole('table', { name: 'Where the time went' })
  for (const name of ['First byte of the response', 'In all'])
    t.match(await timings.getByRole('row', { name }).textContent(), /[1-9]\d* ms$/, name)
})

t.test('two administrators see each other’s changes, and a conflict loses nothing', async (t) => {
  const { page: one } = await openTab(t)
  await at(one, '/roles/interns')
  const editor = one.getByLabel('Document')
  await editor.fill(`${await editor.inputValue()}# mine\n`)
  await dashboard.role('interns', { allow: { app_labels: { audience: ['all', 'stage'] } } })
  const alert = one.getByRole('alert')
  await alert.getByText('stage').waitFor()
  t.match(await editor.inputValue(), '# mine')
  t.ok(await one.getByRole('button', { name: 'Save' }).isDisabled())
  await alert.getByRole('button', { name: 'Use theirs' }).click()
  t.match(await editor.inputValue(), 'stage')

  await at(one, '/apps/wiki?edit')
  await one.getByLabel('Description').first().fill('Mine')
  const wiki = await api<{ metadata: { labels: object }; spec: object }>('GET', '/apps/wiki')
  await api('PUT', '/apps/wiki', {
    kind: 'app',
    version: 'v1',
    spec: wiki.spec,
    metadata: { name: 'wiki', description: 'Theirs', labels: wiki.metadata.labels },
  })
  await one.getByRole('alert').getByText('Somebody else saved this').waitFor()
  t.equal(await one.getByLabel('Description').first().inputValue(), 'Mine')
})

t.test(
  'pages of locked people, apps and agents show the lock and its maker, and unlock; lists show it',
  async (t) => {
    const { page, faults } = await openTab(t)
    const message = 'Laptop stolen, call the help desk'
    const targets = [
      ['user', 'carol@northwind.example', '/people'],
      ['app', 'wiki', '/apps'],
      ['agent', 'berlin-1', '/agents'],
    ] as const
    for (const [kind, name, list] of targets) {
      await api('POST', '/locks', { target: { [kind]: name }, message, ttl_seconds: 3_600 })
      await at(page, `${list}/${encodeURIComponent(name)}`)
      const banner = page.locator('.lock-banner', { hasText: message })
      await banner.getByText('By operator@socket').waitFor()
      await banner.getByText('in 60 min').waitFor()
      await at(page, list)
      await page.getByRole('row', { name }).getByText('Locked', { exact: true }).first().waitFor()
      await at(page, `${list}/${encodeURIComponent(name)}`)
      await banner.getByRole('button', { name: /^Unlock/ }).click()
      await dialogOf(page).getByRole('button', { name: 'Unlock' }).click()
      await banner.waitFor({ state: 'detached' })
    }
    t.strictSame(faults, [])
  },
)

t.test('the button that ends a session is inside the table and the window at 1280 px', async (t) => {
  const { page } = await openTab(t)
  await page.setViewportSize({ width: 1280, height: 800 })
  await at(page, '/sessions')
  const end = page.getByRole('button', { name: /^End: / }).first()
  await end.waitFor()
  const [button, table] = [(await end.boundingBox())!, (await page.locator('.table-card').boundingBox())!]
  t.ok(
    button.x + button.width <= table.x + table.width,
    `${button.x + button.width} of ${table.x + table.width}`,
  )
  t.ok(table.x + table.width <= 1280)
})

t.test(
  'the page of an application says who may open it, and that of a person what, with a file of all',
  async (t) => {
    const { page, faults } = await openTab(t)
    const everybody = await api<{ user: string }[]>('GET', '/access/who?app=wiki')
    t.ok(everybody.length > 0)
    await at(page, '/apps/wiki')
    const sentence = everybody.length === 1 ? '1 account may open' : `${everybody.length} accounts may open`
    await page.getByText(sentence).waitFor()
    const table = page.getByRole('table', { name: 'Who may open this' })
    await table.getByRole('link', { name: everybody[0]!.user }).waitFor()
    const download = page.waitForEvent('download')
    const list = page.locator('section', { has: table })
    await list.getByRole('button', { name: 'CSV' }).click()
    const file = await (await (await download).createReadStream()).toArray()
    const lines = Buffer.concat(file).toString().split('\r\n')
    t.equal(lines[0], 'user,display_name,bot,roles,requirements,until')
    t.equal(lines.length, everybody.length + 1)
    await table.getByRole('link', { name: everybody[0]!.user }).click()
    const own = await api<{ app: string }[]>(
      'GET',
      `/access/what?user=${encodeURIComponent(everybody[0]!.user)}`,
    )
    await page.getByText(`May open ${own.length} application`).waitFor()
    await page
      .getByRole('table', { name: 'What this person may open' })
      .getByRole('link', { name: 'wiki' })
      .waitFor()
    t.strictSame(faults, [])
  },
)

t.test(
  'the page of an application lists its visitors of a period, and that of a person the applications opened',
  async (t) => {
    const { page, faults } = await openTab(t)
    const since = (ms: number) => new Date(Date.now() - ms).toISOString()
    const visits = (query: Record<string, string>) =>
      api<{ user: string; app: string; requests: number; last: string }[]>(
        'GET',
        `/visits?${new URLSearchParams(query)}`,
      )
    const own = { user: 'lena@northwind.example', app: 'gitlab' }
    await until(async () => (await visits({ ...own, from: since(86_400_000) })).length === 1, 'the visit')
    const [visit] = await visits({ ...own, from: since(86_400_000) })
    t.match(visit, { ...own, requests: 1 })
    t.ok(Date.parse(visit!.last) > Date.now() - 86_400_000)
    t.strictSame(
      await visits({ ...own, from: since(172_800_000), to: since(86_400_000) }),
      [],
      'not yesterday',
    )
    t.match(await api('GET', '/visits?from=yesterday').catch((error) => error), { status: 400 })

    await at(page, '/apps/gitlab')
    const table = page.getByRole('table', { name: 'Who opened this' })
    await table.getByRole('link', { name: own.user }).click()
    await page
      .getByRole('table', { name: 'What this person opened' })
      .getByRole('link', { name: 'gitlab', exact: true })
      .waitFor()
    const section = page.locator('section', { hasText: 'What this person opened' })
    const period = section.getByLabel('Period')
    t.equal(await period.inputValue(), 'day', 'it begins with the last 24 hours, by their name')
    await period.selectOption('yesterday')
    await section.getByText('Nothing was opened in this period.').waitFor()
    t.equal(await section.getByLabel('From').count(), 0)
    await period.selectOption('own')
    const moments = [
      await section.getByLabel('From').inputValue(),
      await section.getByLabel('To').inputValue(),
    ]
    t.ok(
      moments.every((moment) => /T00:00$/.test(moment)),
      `an own period begins with the one before: ${moments.join(' to ')}`,
    )
    await section.getByRole('link', { name: 'Requests' }).click()
    await page.waitForURL(/requests\?user=.*from=.*to=/)
    t.equal(await page.getByLabel('Period').inputValue(), 'yesterday', 'the requests are those of the period')
    await page.getByLabel('Period').selectOption('ever')
    await page.getByLabel('Period').selectOption('own')
    const [from, to] = [await page.getByLabel('From').inputValue(), await page.getByLabel('To').inputValue()]
    t.ok(/T00:00$/.test(from) && Math.abs(new Date(to).getTime() - Date.now()) < 120_000, `${from} to ${to}`)
    const row = page.locator('tbody tr', { hasText: 'app.request' }).filter({ hasText: 'gitlab' }).first()
    // Both are links.
    await row.getByRole('link', { name: own.user }).waitFor()
    await row.getByRole('link', { name: 'gitlab', exact: true }).waitFor()
    t.strictSame(faults, [])
  },
)

t.test('one button ends all access of a person, and it stays ended when the lock is removed', async (t) => {
  const { page } = await openTab(t)
  const user = 'tina@northwind.example'
  const tina = await dashboard.visitor(dashboard.claimsOf(user))
  await tina.open(`${hub.appUrl('grafana')}/`)
  const status = async () => (await tina.fetch(`${hub.appUrl('grafana')}/`)).status
  t.equal(await status(), 200)
  await at(page, `/people/${user}`)
  await page
    .getByRole('table', { name: 'Devices and their sessions' })
    .getByRole('link', { name: 'grafana' })
    .waitFor()
  await press(page, 'End all access')
  await dialogOf(page).getByRole('button', { name: 'End all access' }).click()
  await said(page, 'has no access any more')
  t.not(await status(), 200)
  t.strictSame(await api('GET', `/sessions?user=${user}`), [])
  await page
    .locator('.lock-banner')
    .getByRole('button', { name: /^Unlock/ })
    .click()
  await dialogOf(page).getByRole('button', { name: 'Unlock' }).click()
  await said(page, 'Unlocked')
  t.not(await status(), 200)
})
