// together: dashboard
/** Where the focus goes when the row that has it vanishes from a list. */
import type { Page } from 'playwright-core'
import t from 'tap'
import { openPage } from '../../screenshots/dashboard-pages.ts'
import { api, dashboard, hub, openTab } from './browser.ts'
import { tabTo } from './tab-key.ts'

const SAID = `((one) => \`\${one.tagName} \${one.getAttribute('aria-label') ?? one.textContent}\`)(document.activeElement)`
/** Waits until a row is gone, and says what has the focus then. */
async function focusWithout(page: Page, row: string): Promise<string> {
  await page.locator('tbody tr', { hasText: row }).waitFor({ state: 'detached' })
  await page.locator('dialog').waitFor({ state: 'detached' })
  return page.evaluate<string>(SAID)
}
/** Presses the button that a row has, and the one of its question, with the keyboard. */
async function confirm(page: Page, button: RegExp, verb: RegExp): Promise<void> {
  if (!button.test(await page.evaluate<string>(SAID))) await tabTo(page, button)
  await page.keyboard.press('Enter')
  await page.getByRole('dialog').waitFor()
  await tabTo(page, verb)
  await page.keyboard.press('Enter')
}

t.test(
  'after a lock ends, the focus is on the next one, and at the end of the list on the one before',
  async (t) => {
    const names = ['row-a', 'row-b', 'row-c', 'row-d'].map((name) => `${name}@northwind.example`)
    for (const user of names) await api('POST', '/locks', { target: { user } })
    t.teardown(async () => {
      for (const { id, target } of await api<readonly { id: string; target: { user?: string } }[]>(
        'GET',
        '/locks',
      ))
        if (names.includes(target.user ?? '')) await api('DELETE', `/locks/${id}`)
    })
    const { page, faults } = await openTab(t)
    await openPage(page, `${hub.url}/web/admin/locks?q=row-&sort=target`)
    const shown = page.locator('tbody tr')
    await shown.nth(3).waitFor()
    const order = (await shown.allTextContents()).map((text) => names.find((name) => text.includes(name))!)
    const [first = '', second = '', third = '', last = ''] = order
    await confirm(page, new RegExp(`Unlock: .*${second}`), /^Unlock$/)
    t.match(await focusWithout(page, second), `BUTTON Unlock: Person ${third}`)
    await confirm(page, new RegExp(`Unlock: .*${third}`), /^Unlock$/)
    t.match(await focusWithout(page, third), `BUTTON Unlock: Person ${last}`)
    await confirm(page, new RegExp(`Unlock: .*${last}`), /^Unlock$/)
    t.match(await focusWithout(page, last), `BUTTON Unlock: Person ${first}`)
    await confirm(page, new RegExp(`Unlock: .*${first}`), /^Unlock$/)
    t.match(await focusWithout(page, first), /^H1 Locks/, 'the last one leaves it to the heading')
    t.strictSame(faults, [])
  },
)

t.test(
  'a row that somebody else removes takes the focus to the next one, also out of its question',
  async (t) => {
    const make = (name: string) => api<{ id: string }>('POST', '/api-tokens', { name, roles: ['admin'] })
    const made = [await make('rows-1'), await make('rows-2'), await make('rows-3')]
    t.teardown(() => Promise.all(made.map(({ id }) => api('DELETE', `/api-tokens/${id}`).catch(() => {}))))
    const { page, faults } = await openTab(t)
    await openPage(page, `${hub.url}/web/admin/tokens?q=rows-&sort=name`)
    await page.locator('tbody tr', { hasText: 'rows-3' }).waitFor()
    await tabTo(page, /^Remove: rows-1$/)
    await api('DELETE', `/api-tokens/${made[0]?.id}`)
    t.equal(await focusWithout(page, 'rows-1'), 'BUTTON Remove: rows-2')
    await page.keyboard.press('Enter')
    await page.getByRole('dialog').waitFor()
    await api('DELETE', `/api-tokens/${made[1]?.id}`)
    t.equal(await focusWithout(page, 'rows-2'), 'BUTTON Remove: rows-3')
    await confirm(page, /^BUTTON Remove: rows-3$/, /^Remove$/)
    t.match(await focusWithout(page, 'rows-3'), /^H[12] /)
    t.strictSame(faults, [])
  },
)

t.test('after a session ends, the focus is on the next session of the device or the heading', async (t) => {
  const name = 'rows@northwind.example'
  await dashboard.visitor(dashboard.claimsOf(name))
  await dashboard.visitor(dashboard.claimsOf(name))
  t.teardown(() => api('DELETE', `/users/${name}`))
  const { page, faults } = await openTab(t)
  await openPage(page, `${hub.url}/web/admin/people/${encodeURIComponent(name)}`)
  const ends = page.getByRole('button', { name: /^End: / })
  await ends.nth(1).waitFor()
  for (const left of [1, 0]) {
    await confirm(page, /End: /, /^End$/)
    await ends.nth(left).waitFor({ state: 'detached' })
    await page.locator('dialog').waitFor({ state: 'detached' })
    t.match(await page.evaluate<string>(SAID), left > 0 ? /^BUTTON End: / : /^H[12] /)
  }
  t.strictSame(faults, [])
})

t.test('a person who has left a list is not taken back to it', async (t) => {
  const user = 'row-z@northwind.example'
  const { id } = await api<{ id: string }>('POST', '/locks', { target: { user } })
  const { page } = await openTab(t)
  await openPage(page, `${hub.url}/web/admin/locks?q=row-`)
  await page.getByRole('button', { name: `Unlock: Person ${user}` }).focus()
  await page.locator('.admin-main h1').click()
  await api('DELETE', `/locks/${id}`)
  t.match(await focusWithout(page, user), /^(BODY|DIV) /)
})
