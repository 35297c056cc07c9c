// together: dashboard
/** Agents and roles are chosen in a search field with suggestions, with the keyboard and a screen reader. */
import type { Page } from 'playwright-core'
import t from 'tap'
import { openPage } from '../../screenshots/dashboard-pages.ts'
import { api, hub, openTab, violations } from './browser.ts'

const NAME = 'frida@northwind.example'
const chips = (page: Page) => page.getByRole('list', { name: 'Chosen' }).getByRole('listitem')
const isOpen = async (page: Page) => (await page.getByRole('listbox', { name: 'Suggestions' }).count()) > 0

t.test('roles are chosen, taken away and saved with the keyboard alone', async (t) => {
  const { page, faults } = await openTab(t)
  await openPage(page, `${hub.url}/web/admin/people?add`)
  await page.getByLabel('Name *').fill(NAME)
  await page.keyboard.press('Tab')
  const field = page.getByRole('combobox', { name: 'Roles' })
  t.ok(await field.evaluate((one) => one.matches(':focus')), 'one stop of the tab key')
  t.notOk(await isOpen(page))
  t.equal(await page.locator('dialog[open]').getByRole('checkbox').count(), 0, 'no column of check boxes')

  await page.keyboard.type('engin')
  await page.getByRole('option', { name: 'engineers' }).waitFor()
  const active = await field.getAttribute('aria-activedescendant')
  t.equal(await page.getByRole('option', { selected: true }).getAttribute('id'), active, 'it is announced')
  t.strictSame(await violations(page), [])
  await page.keyboard.press('Enter')
  t.strictSame(await chips(page).allTextContents(), ['engineers'])
  t.equal(await field.inputValue(), '')
  await page.getByRole('status').getByText('engineers chosen').waitFor()

  await page.keyboard.press('ArrowDown')
  const first = await page.getByRole('option', { selected: true }).textContent()
  await page.keyboard.press('ArrowDown')
  t.not(await page.getByRole('option', { selected: true }).textContent(), first)
  const background = (selected: boolean) =>
    page.evaluate<string>(
      `getComputedStyle(document.querySelector('dialog [role=option][aria-selected=${selected}]')).backgroundColor`,
    )
  t.not(await background(true), await background(false), 'the one that Enter takes is seen')
  t.strictSame(await violations(page), [])
  t.equal(await page.getByRole('option', { name: 'engineers' }).count(), 0, 'it is chosen already')
  await page.keyboard.press('Escape')
  t.notOk(await isOpen(page))
  t.equal(await page.locator('dialog[open]').count(), 1, 'Escape closes the suggestions, and not the dialog')

  await page.keyboard.type('finance')
  await page.getByRole('option', { name: 'finance' }).waitFor()
  await page.keyboard.press('Enter')
  t.strictSame(await chips(page).allTextContents(), ['engineers', 'finance'])
  await page.keyboard.press('Backspace')
  t.strictSame(await chips(page).allTextContents(), ['engineers'], 'Backspace takes the last away')
  t.strictSame(await violations(page), [])

  await page.keyboard.type('no-such-role')
  await page.getByText('Nothing matches.').waitFor()
  await page.keyboard.press('Enter')
  await page.getByRole('button', { name: 'Add a person', exact: true }).last().click()
  t.equal(await page.locator('dialog[open]').count(), 1, 'a name that was typed and not chosen is not lost')
  await field.fill('')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: NAME }).waitFor()
  t.match(await api('GET', `/users/${NAME}`), { own_roles: ['engineers'] })
  await api('DELETE', `/users/${NAME}`)
  t.strictSame(faults, [])
})

t.test('an agent is found by a part of its name, and its chip takes it away', async (t) => {
  const { page } = await openTab(t)
  await openPage(page, `${hub.url}/web/admin/apps/+`)
  const field = page.getByRole('combobox', { name: 'Agents' })
  await field.click()
  t.ok(await isOpen(page), 'a click lists the first')
  await field.fill('lin-1')
  await page.getByRole('option', { name: 'berlin-1' }).click()
  t.strictSame(await chips(page).allTextContents(), ['berlin-1'])
  await page.getByRole('button', { name: 'Remove berlin-1' }).click()
  t.equal(await chips(page).count(), 0)
  t.ok(await field.evaluate((one) => one.matches(':focus')), 'the focus stays in the field')
  await field.fill('berlin-1')
  await page.getByLabel('Description').first().focus()
  t.strictSame(await chips(page).allTextContents(), ['berlin-1'], 'a whole name needs no Enter')
})

t.test(
  'labels of an application are completed, with how many have each, and new ones can be made',
  async (t) => {
    const odd = { 'region:eu': 'a=b', empty: '' }
    const app = {
      kind: 'app',
      version: 'v1',
      metadata: { name: 'odd', labels: odd },
      spec: { uri: 'http://127.0.0.1:1' },
    }
    await api('POST', '/apps', app)
    t.teardown(() => api('DELETE', '/apps/odd'))
    const { page, faults } = await openTab(t)
    await openPage(page, `${hub.url}/web/admin/apps/odd?edit`)
    const field = page.getByRole('combobox', { name: 'Labels' })
    const names = async () => (await chips(page).allTextContents()).sort()
    t.strictSame(await names(), ['empty=', 'region:eu=a=b'])

    const options = page.getByRole('listbox', { name: 'Suggestions' }).getByRole('option')
    await field.focus()
    await page.keyboard.type('team=plat')
    await options.filter({ hasText: 'new' }).waitFor()
    const { length } = (
      await api<readonly { metadata: { labels: { team?: string } } }[]>('GET', '/apps')
    ).filter(({ metadata }) => metadata.labels.team === 'platform')
    t.strictSame(
      await options.allTextContents(),
      [`team=platform ${length} application${length === 1 ? '' : 's'}`, 'team=plat new'],
      'what exists is first',
    )
    t.strictSame(await violations(page), [])
    await page.keyboard.press('Tab')
    t.strictSame(await names(), ['empty=', 'region:eu=a=b'], 'the half of a label is not taken for a new one')
    await field.focus()
    await page.keyboard.press('End')
    await page.keyboard.type('f')
    await options.filter({ hasText: 'team=platf new' }).waitFor()
    await page.keyboard.press('Enter')
    t.strictSame(await names(), ['empty=', 'region:eu=a=b', 'team=platform'], 'Enter takes the first')

    const open = page
      .getByRole('status')
      .filter({ hasText: /^With these labels it opens for \d+ people.*: engineers \d/ })
    await open.waitFor()
    await page.keyboard.type('team: web')
    await options.filter({ hasText: 'team=web new' }).waitFor()
    await page.keyboard.press('Enter')
    t.strictSame(await names(), ['empty=', 'region:eu=a=b', 'team=web'], 'a key has one value')
    await page
      .getByRole('status')
      .filter({ hasText: 'With these labels it opens for', hasNotText: 'engineers' })
      .waitFor()
    await page.keyboard.type('owner')
    await page.getByText('Nothing matches.').waitFor()
    await page.keyboard.type('=anna')
    await page.keyboard.press('Tab')
    t.strictSame(
      await names(),
      ['empty=', 'owner=anna', 'region:eu=a=b', 'team=web'],
      'a whole new one needs no Enter',
    )
    await field.fill('bad key=1')
    await page.keyboard.press('Enter')
    await page.locator('.names .help.bad').waitFor()
    t.equal(await field.getAttribute('aria-invalid'), 'true', 'the hub refuses it while the person types')
    await page.getByRole('button', { name: 'Remove bad key=1' }).click()
    await page.locator('.names .help.bad').waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Save', exact: true }).click()
    await page.getByRole('heading', { name: 'odd', exact: true }).waitFor()
    t.match(await api('GET', '/apps/odd'), { metadata: { labels: { ...odd, team: 'web', owner: 'anna' } } })
    t.strictSame(faults, [])
  },
)
