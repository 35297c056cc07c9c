// together: dashboard
/** The page of help for people who open applications: the same in both languages, and where they need it. */
import t from 'tap'
import { texts as coreTexts } from '../../../core/web/pages/texts/texts.ts'
import { de } from '../../../plugins/dashboard/web/texts/de.ts'
import { texts as passkeyTexts } from '../../../plugins/webauthn/texts.ts'
import { textOf } from '../../read-imports.ts'
import { api, browser, dashboard, hub, openTab, violations } from './browser.ts'

const [english, german] = ['people', 'people-de'].map((name) =>
  textOf(`plugins/docs/pages/start/${name}.md`),
) as [string, string]

interface Section {
  readonly heading: string
  readonly paragraphs: number
  readonly steps: number
  readonly commands: readonly string[]
}

/** The sections of a page: what has to be the same in each language. */
const sectionsOf = (markdown: string): readonly Section[] =>
  markdown
    .split(/^## /m)
    .slice(1)
    .map((text) => ({
      heading: text.split('\n', 1)[0]!,
      paragraphs: text.trim().split(/\n{2,}/).length,
      steps: text.match(/^\d\. /gm)?.length ?? 0,
      commands: [...text.matchAll(/`([^`]+)`/g)].map(([, command]) => command!),
    }))

/** All texts of a catalogue. */
const textsIn = (value: unknown): readonly string[] =>
  typeof value === 'string'
    ? [value]
    : typeof value === 'object' && value !== null
      ? Object.values(value).flatMap(textsIn)
      : []

/** The tab of somebody who may open nothing and whose browser prefers German. */
async function openGermanTab(t: Parameters<typeof openTab>[0]) {
  const storageState = await (await dashboard.carol()).storageState()
  const context = await browser.newContext({ ignoreHTTPSErrors: true, storageState, locale: 'de-DE' })
  t.teardown(() => context.close())
  return openTab(t, context)
}

t.test('the German page has the sections, paragraphs, steps and commands of the English one', (t) => {
  const [sections, counterparts] = [sectionsOf(english), sectionsOf(german)]
  t.ok(sections.length >= 7)
  const withoutHeading = ({ heading: _, ...rest }: Section) => rest
  t.strictSame(counterparts.map(withoutHeading), sections.map(withoutHeading))
  for (const { heading } of counterparts)
    t.notOk(
      sections.some((one) => one.heading === heading),
      `${heading} is translated`,
    )
  t.end()
})

t.test('the German page addresses people formally, and names buttons as they are written', (t) => {
  const text = german.replaceAll(/<!--[\s\S]*?-->/g, '').replaceAll(/`[^`]*`/g, '')
  t.notMatch(text, /\b(?:du|dich|dir|deine?[mnrs]?|euch|euer|man)\b/i, 'only "Sie"')
  t.notMatch(
    text,
    /\b(?:the|and|your|you|open|with|sign|account|application|request|phone|device|computer|laptop|button|launcher)\b/i,
    'no word of English is left',
  )
  t.notMatch(text, /["'“](?=\p{L})|ae|oe\b|\bfuer\b|\bueber\b/u, 'German quotation marks and umlauts')
  for (const sentence of text.replaceAll(/\s+/g, ' ').split(/[.:?] /))
    t.ok(sentence.split(' ').length <= 30, `short: ${sentence}`)
  const shown = textsIn([coreTexts.de, de, passkeyTexts.de])
  const body = text.slice(text.indexOf('## '))
  const named = [...body.matchAll(/^(?!#).*$/gm)].flatMap(([line]) => [...line.matchAll(/„([^“]+)“/g)])
  t.ok(named.length >= 4)
  for (const [, name] of named) t.ok(shown.includes(name!), `a button or page is called ${name}`)
  t.end()
})

t.test(
  'a German browser comes from the launcher to the German page, and on to the English one',
  async (t) => {
    const { page, faults } = await openGermanTab(t)
    await page.goto(`${hub.url}/`)
    await page.locator('header nav').getByRole('link', { name: 'Dokumentation' }).click()
    await page.getByRole('heading', { name: 'Hilfe', exact: true }).waitFor()
    t.equal(new URL(page.url()).pathname, '/web/docs/start/people-de')
    t.equal(await page.getAttribute('html', 'lang'), 'de')
    t.equal(await page.getByRole('navigation', { name: 'Auf dieser Seite' }).getByRole('link').count(), 7)
    t.strictSame(await violations(page), [])

    await page.getByRole('searchbox', { name: 'Dokumentation durchsuchen' }).pressSequentially('neues Handy')
    t.match(await page.locator('#docs-results li').first().textContent(), /Hilfe/)
    await page.getByRole('searchbox').fill('zzzz')
    await page.locator('#docs-results').getByText('Nichts gefunden.').waitFor()

    const read = (path: string) =>
      page.evaluate(`fetch('/web/docs/${path}').then((response) => response.text())`)
    t.match(await read('start/people-de.md'), /^# Hilfe\n\nFür alle/)
    t.match(await read('llms.txt'), '(start/people-de.md)')

    await page.getByRole('link', { name: 'This page in English' }).click()
    await page.getByRole('heading', { name: 'Help for people' }).waitFor()
    t.equal(await page.getAttribute('html', 'lang'), 'en')
    t.ok(await page.getByRole('link', { name: 'Diese Seite auf Deutsch' }).isVisible())
    t.strictSame(faults, [])
  },
)

t.test('the search without script finds the German page by what people type', async (t) => {
  const { page } = await openGermanTab(t)
  for (const question of [
    'wie richte ich einen passkey ein',
    'ich habe keinen zugriff',
    'passkey hinzufügen',
    'handy verloren',
    'abmelden',
    'anwendung antwortet nicht',
  ]) {
    await page.goto(`${hub.url}/web/docs/search?q=${encodeURIComponent(question)}`)
    t.equal(await page.locator('main h1').textContent(), `Treffer für „${question}“`)
    t.match(
      await page.locator('article li a').first().getAttribute('href'),
      /^\/web\/docs\/start\/people-de/,
      question,
    )
  }
})

t.test('a refused person gets the help for people, an administrator the meaning of the code', async (t) => {
  const { page } = await openGermanTab(t)
  await page.goto(hub.appUrl('grafana'))
  await page.getByRole('heading', { name: 'Sie können Grafana nicht öffnen' }).waitFor()
  await page.getByRole('link', { name: 'Hilfe', exact: true }).click()
  await page.getByRole('heading', { name: '„Sie haben keinen Zugriff“' }).waitFor()

  const own = await openTab(t, await dashboard.carol())
  await own.page.goto(hub.appUrl('grafana'))
  await own.page.getByRole('link', { name: 'Help', exact: true }).click()
  await own.page.getByRole('heading', { name: '"You do not have access"' }).waitFor()

  await dashboard.app('vault', { team: 'board' }, { name: 'Vault' }, '')
  t.teardown(() => api('DELETE', '/apps/vault'))
  const admin = await openTab(t)
  await admin.page.goto(hub.appUrl('vault'))
  await admin.page.getByRole('link', { name: 'What this means' }).click()
  t.equal(new URL(admin.page.url()).pathname, '/web/docs/look-up/reason-codes')
})
