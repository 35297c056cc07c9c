// together: dashboard
/** An empty hub leads its first administrator to the first application. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { startProgram } from '../../../examples/cluster/program.ts'
import { MEZD } from '../../e2e/start-agent.ts'
import { choose } from '../../screenshots/dashboard-pages.ts'
import { openEmptyHub } from '../../screenshots/empty-hub.ts'
import { browser, dashboard, violations } from './browser.ts'

t.test('an empty hub shows five steps from sign-in to launch, each checked for real', async (t) => {
  const { hub, page } = await openEmptyHub(t, browser)
  const current = page.locator('.first-hour [aria-current=step]')
  const step = (name: string) => current.filter({ hasText: name }).waitFor()
  await page.getByRole('link', { name: 'Administration' }).click()

  await step('Connect an agent')
  t.strictSame(await violations(page), [])
  await current.getByRole('button', { name: 'Add an agent' }).click()
  const dialog = page.locator('dialog[open]')
  await dialog.getByLabel('Host').fill('node-1')
  await dialog.getByRole('button', { name: 'Create the command' }).click()
  const command = (await dialog.locator('.copyable code').textContent()) ?? ''
  const [, token = '', options = ''] = /^echo (\S+) \| mezd start (.*)$/.exec(command) ?? []
  const dir = mkdtempSync(join(tmpdir(), 'mezite-first-hour-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  const args = ['start', ...options.replace('--token-file -', '').split(/\s+/), '--data-dir', dir]
  const agent = await startProgram({
    name: 'node-1',
    file: MEZD,
    logFile: join(dir, 'log'),
    env: { MEZITE_JOIN_TOKEN: token },
    args,
    ready: () => dialog.getByText('node-1 has joined').waitFor(),
  })
  t.teardown(() => agent.stop())
  await dialog.getByRole('button', { name: 'Done' }).click()

  await step('Publish an application')
  await page.reload()
  await step('Publish an application')
  await current.getByRole('link', { name: 'Add an application' }).click()
  await page.getByLabel('Name *').first().fill('wiki')
  await page.getByLabel('Target *').fill(dashboard.target)
  await choose(page, 'Agents', 'node-1')
  await page.getByRole('button', { name: 'Add an application' }).click()
  await page.locator('.panel .tag.state.good').waitFor()
  await page.locator('.sidebar').getByText('Overview').click()

  await step('Let people in')
  await current.getByRole('link', { name: 'People' }).click()
  await page.getByRole('link', { name: 'dana' }).click()
  await page.getByRole('button', { name: 'Edit roles' }).click()
  await choose(page, 'Roles', 'access')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await page.locator('.sidebar').getByText('Overview').click()

  await step('Open it')
  await page.locator('header').getByRole('link', { name: 'Applications' }).click()
  await page.getByRole('link', { name: 'wiki' }).click()
  await page.getByRole('heading', { name: 'Hello' }).first().waitFor()
  await page.goto(`${hub.url}/web/admin`)
  await page.locator('.figures').waitFor()
  await page.locator('.first-hour').waitFor({ state: 'detached' })
})
