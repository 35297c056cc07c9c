// long
// needs: chromium
/** What operators do every day takes at most four clicks in the dashboard of a large company. */
import type { Locator, Page } from 'playwright-core'
import t from 'tap'
import { openBrowser } from '../../e2e/open-browser.ts'
import { TASKS } from '../../operator-tasks.ts'
import { certificatesShot } from '../../screenshots/certificates-page.ts'
import { openPage } from '../../screenshots/dashboard-pages.ts'
import { openLargeHub } from '../../screenshots/large-hub.ts'
import { until } from '../../until.ts'

const MOST = 4
const browser = await openBrowser(t)
const { hub, page } = await openLargeHub(t, browser, { people: 300, sessions: 150 })
const { api } = hub
// What the requests of the data are about, and somebody who decides about them.
const everybody = await api<{ spec: { allow: object } }>('GET', '/roles/data-staff')
const ask = { roles: ['access'], app_labels: { env: ['dev', 'prod'] } }
const spec = { ...everybody.spec, allow: { ...everybody.spec.allow, request: ask } }
await api('PUT', '/roles/data-staff', { kind: 'role', version: 'v1', metadata: { name: 'data-staff' }, spec })
await api('PUT', '/roles/deciders', {
  ...{ kind: 'role', version: 'v1', metadata: { name: 'deciders' } },
  spec: { allow: { review: { roles: ['access'], app_labels: ask.app_labels } } },
})
const { own_roles: own } = await api<{ own_roles: string[] }>('GET', '/users/dana')
await api('PATCH', '/users/dana', { roles: [...own, 'deciders'] })
const ANNA = 'anna.bauer@example.com'

/** The hand of an operator: clicks and keys are counted, and what is typed into a field is not. */
class Hand {
  readonly page: Page
  clicks = 0

  constructor(page: Page) {
    this.page = page
  }

  async click(what: Locator): Promise<void> {
    this.clicks++
    await what.click()
  }

  async press(key: string): Promise<void> {
    this.clicks++
    await this.page.keyboard.press(key)
  }

  /** Opens a list, and chooses from it. */
  async select(what: Locator, option: string): Promise<void> {
    this.clicks++
    await what.selectOption(option)
  }

  /** Goes to the first hit of the search over everything. */
  async find(query: string, hit: RegExp): Promise<void> {
    await this.press('Control+k')
    await this.page.getByRole('combobox', { name: 'Search everything' }).fill(query)
    await this.page.locator('.palette [role=option]').first().filter({ hasText: hit }).waitFor()
    await this.press('Enter')
  }

  button = (name: string | RegExp): Locator =>
    this.page.getByRole('button', { name, exact: typeof name === 'string' }).first()
  inDialog = (name: string | RegExp): Locator =>
    this.page
      .locator('dialog[open]')
      .getByRole('button', { name, exact: typeof name === 'string' })
      .last()
  said = (text: string): Promise<void> => this.page.locator('.notices', { hasText: text }).waitFor()
}

const link = (name: string | RegExp) => page.getByRole('link', { name }).first()
const sidebar = (name: string) => page.locator('.sidebar').getByRole('link', { name, exact: true })
const heading = (name: string | RegExp) => page.getByRole('heading', { name }).first().waitFor()
const anna = (hand: Hand) => hand.find('anna bauer', /Anna Bauer/)
const grafana = (hand: Hand) => hand.find('grafana berlin', /Grafana Berlin/)
const rolesOf = async (user: string) =>
  (await api<{ own_roles: string[] }>('GET', `/users/${user}`)).own_roles
const sessionsOf = async (user: string) =>
  (await api<{ user: string }[]>('GET', '/sessions')).filter((one) => one.user === user).length
const lockOf = async (user: string) => {
  const locks = await api<{ id: string; target: { user?: string } }[]>('GET', '/locks')
  return locks.find(({ target }) => target.user === user)
}

type Task = (typeof TASKS)[number]['task']
/** How each task is done; it throws or times out if its answer is not there. */
const WAYS: Readonly<Record<Task, (hand: Hand) => Promise<unknown>>> = {
  async 'who may open grafana'(hand) {
    await grafana(hand)
    await page.getByText(/\d+ accounts may open this application/).waitFor()
  },
  async 'what alice may open'(hand) {
    await anna(hand)
    await heading('Anna Bauer')
    await page
      .getByText(/[Mm]ay open \d+/)
      .first()
      .waitFor()
  },
  async 'why alice cannot open grafana'(hand) {
    await anna(hand)
    await hand.select(page.getByLabel('Application').first(), 'grafana-berlin')
    await page.locator('.answer').waitFor()
  },
  async 'who opened grafana since yesterday'(hand) {
    await grafana(hand)
    await hand.select(page.getByLabel('Period').first(), 'yesterday')
    await page.getByRole('table', { name: 'Who opened this' }).or(page.getByText('Nobody')).first().waitFor()
  },
  async 'what alice did yesterday'(hand) {
    await anna(hand)
    await hand.click(page.locator('main a[href*="requests?user=anna"]').first())
    await hand.select(page.getByLabel('Period').first(), 'yesterday')
    await page.waitForURL(/user=anna\.bauer.*from=/)
  },
  async 'what was changed this week, and by whom'(hand) {
    await hand.click(link('All changes'))
    await hand.select(page.getByLabel('Period').first(), 'week')
    await page.waitForURL(/changes=true.*from=/)
    await page.locator('tbody tr').first().waitFor()
  },
  async 'keep alice out now'(hand) {
    await hand.find(`lock ${ANNA}`, /Anna Bauer/)
    await hand.click(hand.inDialog('Lock'))
    await until(async () => (await lockOf(ANNA)) !== undefined, 'anna is locked')
  },
  async 'let alice in again'(hand) {
    await anna(hand)
    await hand.click(hand.button(/^Unlock/))
    await hand.click(hand.inDialog('Unlock'))
    await until(async () => (await lockOf(ANNA)) === undefined, 'anna is not locked')
  },
  async 'sign alice out everywhere'(hand) {
    t.not(await sessionsOf(ANNA), 0)
    await hand.click(sidebar('Sessions'))
    await page.getByLabel('Filter').fill('anna.bauer')
    await until(async () => (await page.locator('tbody tr').count()) < 5, 'the list is filtered')
    await hand.click(page.getByLabel('Choose all rows that are shown'))
    await hand.click(page.locator('.selection').getByRole('button', { name: 'End' }))
    await hand.click(hand.inDialog('End'))
    await until(async () => (await sessionsOf(ANNA)) === 0, 'anna has no sessions')
  },
  async 'sign everybody out'(hand) {
    const { length } = await api<object[]>('GET', '/sessions')
    await hand.click(sidebar('Sessions'))
    await hand.click(hand.button('Sign everybody out'))
    await page.locator('dialog', { hasText: `ends ${length} sessions` }).waitFor()
    await page.locator('dialog', { hasText: 'your own too' }).waitFor()
    await hand.click(hand.inDialog('Sign everybody out'))
    await until(async () => (await api<object[]>('GET', '/sessions')).length === 0, 'nobody is signed in')
    await heading('You are signed out')
  },
  async 'give alice a role'(hand) {
    await anna(hand)
    await hand.click(hand.button('Edit roles'))
    await page.getByRole('combobox', { name: 'Roles' }).fill('web-oncall')
    await page.getByRole('option', { name: 'web-oncall' }).waitFor()
    await hand.click(hand.inDialog('Save'))
    await until(async () => (await rolesOf(ANNA)).includes('web-oncall'), 'she has the role')
  },
  async 'take a role from alice'(hand) {
    await page.getByRole('searchbox').fill('anna bauer')
    await hand.click(link('Anna Bauer'))
    await hand.click(hand.button('Edit roles'))
    await hand.click(hand.inDialog('Remove web-oncall'))
    await hand.click(hand.inDialog('Save'))
    await until(async () => !(await rolesOf(ANNA)).includes('web-oncall'), 'she has the role no more')
  },
  async 'let somebody in who has no account at the provider'(hand) {
    await hand.click(hand.button('Add a person'))
    await page.getByLabel('Name *').fill('erin')
    await page.getByRole('combobox', { name: 'Roles' }).fill('access')
    await page.getByRole('option', { name: /^access/ }).waitFor()
    await hand.click(hand.inDialog('Add a person'))
    await heading('erin')
    t.strictSame(await rolesOf('erin'), ['access'])
    await hand.click(hand.button('Enrolment link'))
    await hand.click(hand.inDialog('Create a link'))
    await page.locator('dialog .copyable code').waitFor()
  },
  async 'replace a lost passkey'(hand) {
    await anna(hand)
    await hand.click(hand.button('Enrolment link'))
    await hand.click(hand.inDialog('Create a link'))
    await page.locator('dialog .copyable code').waitFor()
  },
  async 'remove a colleague who left'(hand) {
    const name = 'bruno.bauer@example.com'
    await page.getByRole('searchbox').fill('bruno bauer')
    await hand.click(link('Bruno Bauer'))
    await hand.click(page.locator('.page-head .menu > summary'))
    await hand.click(hand.button('Remove'))
    await page.locator('dialog[open]').getByRole('textbox').fill(name)
    await hand.click(hand.inDialog('Remove'))
    await hand.said(`Removed ${name}.`)
  },
  async 'publish an application'(hand) {
    await hand.find('add an application', /Add an application/)
    await page.getByLabel('Name *').first().fill('wiki')
    await page.getByLabel('Target *').fill('http://127.0.0.1:3000')
    await page.getByRole('combobox', { name: 'Agents' }).fill('berlin-1')
    await page.getByRole('option', { name: 'berlin-1' }).waitFor()
    await hand.click(page.locator('form button[type=submit]'))
    await heading('wiki')
    t.match(await api('GET', '/apps/wiki'), { spec: { agents: ['berlin-1'] } })
  },
  async 'take an application off the net'(hand) {
    await page.getByRole('searchbox').fill('grafana oslo')
    await hand.click(link(/Grafana Oslo/))
    await hand.click(page.locator('.page-head .menu > summary'))
    await hand.click(hand.button('Switch off'))
    await hand.click(hand.inDialog('Switch off'))
    await hand.said('Switched off')
  },
  async 'open the applications of a team'(hand) {
    await hand.find('add a role', /Add a role/)
    await page
      .getByLabel('Document')
      .fill(
        'kind: role\nversion: v1\nmetadata:\n  name: developers\nspec:\n  allow:\n    app_labels:\n      team: web\n',
      )
    await hand.click(hand.button('Save'))
    await hand.said('Saved developers.')
  },
  async 'which applications are unreachable'(hand) {
    await hand.click(sidebar('Applications'))
    await hand.click(hand.button(/^(Unreachable|No agent) \d/))
    await page.waitForURL(/q=state/)
    await page.locator('tbody tr').first().waitFor()
  },
  async 'let a machine join'(hand) {
    await hand.find('add an agent', /Add an agent/)
    await hand.click(hand.inDialog('Create the command'))
    await page.locator('dialog .copyable code').first().waitFor()
  },
  async 'which agents are down'(hand) {
    await hand.click(page.locator('.verdict a[href*="agents?q="]'))
    await page.waitForURL(/agents\?q=state/)
    await page.locator('tbody tr').first().waitFor()
  },
  async 'who waits for an approval'(hand) {
    await hand.click(link('Decide'))
    await page.locator('form.inbox li').first().waitFor()
  },
  async 'approve a request for an hour'(hand) {
    await hand.click(link('Decide'))
    await hand.click(page.getByRole('checkbox', { name: /^olga\.bauer/ }).first())
    await hand.select(page.getByLabel('Approve for at most'), '1h')
    await hand.click(hand.button('Approve'))
    await page.locator('#outcome', { hasText: 'Approved: 1' }).waitFor()
  },
  async 'which certificate expires next'(hand) {
    await certificatesShot(hub.url).open(page)
    await page.goto(`${hub.url}/web/admin`)
    await hand.click(sidebar('Certificates'))
    await hand.click(hand.button('Days left'))
    await page.locator('th[aria-sort=ascending]').waitFor()
    await page.unrouteAll({ behavior: 'ignoreErrors' })
  },
  async 'what needs attention'() {
    await page.locator('.verdict li').first().waitFor()
  },
}

// It ends the session of this browser.
const LAST: Task = 'sign everybody out'
const order = TASKS.toSorted((one, other) => Number(one.task === LAST) - Number(other.task === LAST))
for (const { task, start, clicks } of order)
  t.test(`${task}: ${clicks} clicks`, async (t) => {
    t.ok(clicks <= MOST)
    await openPage(page, `${hub.url}/web/admin${start === '' ? '' : `/${start}`}`)
    const hand = new Hand(page)
    await WAYS[task](hand)
    t.equal(hand.clicks, clicks)
  })
