// together: dashboard
/** What the dashboard itself says is German in German: the head, navigation, titles, heads of columns, buttons and labels. */
import { globSync } from 'node:fs'
import type { BrowserContext, Page } from 'playwright-core'
import t from 'tap'
import { texts as coreTexts } from '../../../core/web/pages/texts/texts.ts'
import { sayIn } from '../../../plugins/dashboard/part-texts.ts'
import { de } from '../../../plugins/dashboard/web/texts/de.ts'
import { help } from '../../../plugins/dashboard/web/texts/de-help.ts'
import { lists as deLists } from '../../../plugins/dashboard/web/texts/de-lists.ts'
import { said } from '../../../plugins/dashboard/web/texts/de-said.ts'
import { sentences as deSentences } from '../../../plugins/dashboard/web/texts/de-sentences.ts'
import { words as deWords } from '../../../plugins/dashboard/web/texts/de-words.ts'
import { en } from '../../../plugins/dashboard/web/texts/en.ts'
import { lists as enLists } from '../../../plugins/dashboard/web/texts/en-lists.ts'
import { sentences as enSentences } from '../../../plugins/dashboard/web/texts/en-sentences.ts'
import { words as enWords } from '../../../plugins/dashboard/web/texts/en-words.ts'
import { root, textOf } from '../../read-imports.ts'
import { openPage } from '../../screenshots/dashboard-pages.ts'
import { administrator, api, browser, hub, openTab } from './browser.ts'

/** Words that German has from English. */
const BOTH =
  /^(?:Agent|Passkeys?|Hubs?|Status|Bytes|Tokens?|Plugins?|Cluster|Client|Name|Version|Transport|IP|ID|CSV|TLS|HTTP|JSON|API|Labels?|Claims?|Bots?|Filter|Person)$/

const SAID =
  'header nav a, .sidebar a, .sidebar h2, main h1, main h2, main th, main label, main .page-head button'

async function saidOn(page: Page, path: string): Promise<string[]> {
  await openPage(page, hub.url + path)
  const texts = await page.locator(SAID).allTextContents()
  return texts.map((text) => text.replaceAll(/\s+\d*/g, ' ').trim())
}

/** The administrator's browser, in German. */
async function germanBrowser(t: { teardown(fn: () => unknown): void }): Promise<BrowserContext> {
  const storageState = await administrator.storageState()
  const context = await browser.newContext({ ignoreHTTPSErrors: true, storageState, locale: 'de-DE' })
  t.teardown(() => context.close())
  return context
}

t.test('head, navigation, titles, columns and labels are German in a German browser', async (t) => {
  const { page: english } = await openTab(t)
  const context = await germanBrowser(t)
  const german = await context.newPage()
  for (const path of [
    '',
    '/apps',
    '/agents',
    '/people',
    '/roles',
    '/locks',
    '/sessions',
    '/requests',
    '/tokens',
  ]) {
    const known = new Set(await saidOn(english, `/web/admin${path}`))
    const said = await saidOn(german, `/web/admin${path}`)
    t.equal(await german.getAttribute('html', 'lang'), 'de')
    const left = said.filter((text) => /\p{L}{2}/u.test(text) && known.has(text) && !BOTH.test(text))
    t.strictSame([...new Set(left)], [], path)
  }
  const head = (await german.locator('header nav a').allTextContents()).map((text) =>
    text.replace(/\s*\d+$/, ''),
  )
  for (const title of ['Anwendungen', 'Verwaltung', 'Dokumentation'])
    t.ok(head.includes(title), head.join(', '))
})

/** The English texts that a German page must not show, without those that are German as well. */
function englishTexts(): ReadonlySet<string> {
  const pairs = [
    ...Object.entries(en).map(([key, text]) => [text, de[key as keyof typeof en]]),
    ...Object.entries(enWords).map(([key, text]) => [text, deWords[key as keyof typeof enWords]]),
    ...Object.entries(enSentences).map(([key, text]) => [text, deSentences[key as keyof typeof enSentences]]),
    ...Object.entries(enLists).map(([key, text]) => [text, deLists[key as keyof typeof enLists]]),
    ...Object.entries(coreTexts.en.template).map(([key, text]) => [
      text,
      coreTexts.de.template[key as keyof typeof coreTexts.de.template],
    ]),
    ...Object.entries(said),
    ...Object.entries(help),
  ]
  const german = new Set(pairs.map(([, text]) => text))
  return new Set(
    pairs.flatMap(([text, translated]) =>
      typeof text === 'string' && text !== translated && !german.has(text) && !text.includes('{')
        ? [text]
        : [],
    ),
  )
}

/** The launcher, each page of the administration with its forms, and those of plugins. */
const PAGES = [
  '/',
  ...[
    '',
    '/apps',
    '/apps/+',
    '/apps/grafana',
    '/apps/grafana?edit',
    '/agents',
    '/agents/berlin-1',
    '/people',
  ],
  ...['/people/dana%40northwind.example', '/roles', '/roles/engineers', '/roles/+', '/locks', '/sessions'],
  ...['/requests', '/tokens', '/passkeys', '/cluster', '/traffic', '/sign-in', '/sign-in/sso', '/sign-in/+'],
  ...['/plugins/bots', '/plugins/programs', '/requests?app=nowhere', '/nowhere'],
].map((path) => (path === '/' ? path : `/web/admin${path}`))

/** Pages whose head has buttons that open a dialog. */
const OPENERS = ['/agents', '/locks', '/people', '/tokens'].map((path) => `/web/admin${path}`)

/** Every text that a person sees or hears on the page or in its dialog; not names and values, which are code or links to things. */
const SHOWN = `(() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  const found = []
  while (walker.nextNode()) {
    const { parentElement: parent, data } = walker.currentNode
    if (!parent.closest('script, style, noscript, pre, code, textarea, .cm-editor, [lang=en], td a, select.names'))
      found.push(data.trim())
  }
  for (const element of document.querySelectorAll('[aria-label], [placeholder], [title]'))
    for (const name of ['aria-label', 'placeholder', 'title']) found.push(element.getAttribute(name) ?? '')
  return found
})()`

t.test('no page and no dialog of the administration shows an English text that German has', async (t) => {
  const unwanted = englishTexts()
  t.ok(unwanted.size > 400, `${unwanted.size} texts`)
  const context = await germanBrowser(t)
  const { page } = await openTab(t, context)
  const shownOn = (): Promise<string[]> => page.evaluate(SHOWN)
  // Names of things that are English words.
  let dialogs = 0
  const names = ['app', 'code', 'admin', 'everyone', 'agent', 'audit', 'chat', 'database']
  for (const path of PAGES) {
    await openPage(page, hub.url + path)
    const english = (texts: readonly string[]) => [
      ...new Set(texts.filter((text) => unwanted.has(text) && !names.includes(text))),
    ]
    t.strictSame(english(await shownOn()), [], path)
    const buttons = page.locator('.page-head .tools > button')
    for (let at = 0; OPENERS.includes(path) && at < (await buttons.count()); at++) {
      await buttons.nth(at).click()
      await page.getByRole('dialog').waitFor()
      dialogs++
      t.strictSame(english(await shownOn()), [], `${path}: dialog ${at}`)
      await page.keyboard.press('Escape')
      await page.getByRole('dialog').waitFor({ state: 'detached' })
    }
  }
  t.ok(dialogs >= OPENERS.length, `${dialogs} dialogs`)
})

t.test('the page Cluster has German for the summary of each plugin', (t) => {
  const summaries = globSync('plugins/*/hub.ts', { cwd: root }).flatMap(
    (file) => /^ {2,4}summary: '(.+)',$/m.exec(textOf(file))?.[1] ?? [],
  )
  t.ok(summaries.length > 30)
  t.strictSame(
    summaries.filter((summary) => !Object.hasOwn(said, summary)),
    [],
    'add it to web/texts/de-said.ts',
  )
  t.end()
})

/** Descriptions that are examples alone. */
const EXAMPLES = [
  '203.0.113.7, 10.0.0.0/8, 2001:db8::/32',
  'ISO 3166-1: DE, AT, CH',
  'pkg.Service/Method, pkg.Service/*',
]

interface Described {
  readonly description?: string
  readonly properties?: Readonly<Record<string, Described>>
  readonly items?: Described
}
const descriptions = ({ description, properties = {}, items }: Described): string[] => [
  ...(description === undefined ? [] : [description]),
  ...[...Object.values(properties), ...(items ? [items] : [])].flatMap(descriptions),
]

t.test('forms and editors explain each key in German', async (t) => {
  const say = sayIn({ de: { ...said, ...help } }, 'de')
  const german = await germanBrowser(t)
  for (const [kind, path, least] of [
    ['app', '/apps/+', 20],
    ['role', '/roles/+', 30],
    ['oidc', '/sign-in/+', 10],
  ] as const) {
    const all = descriptions(await api<Described>('GET', `/schemas/${kind}`))
    const english = new Set(all.filter((text) => !EXAMPLES.includes(text)))
    const helpIn = async (context: BrowserContext): Promise<readonly string[]> => {
      const { page } = await openTab(t, context)
      await openPage(page, `${hub.url}/web/admin${path}`)
      await page.locator('main details').first().waitFor({ state: 'attached' })
      await page.locator('main .help').first().waitFor()
      return page.evaluate<string[]>(
        `[...document.querySelectorAll('.help, .keys-help dd')].map((one) => one.firstChild?.textContent ?? '')`,
      )
    }
    const shown = (await helpIn(administrator)).filter((text) => english.has(text))
    t.ok(shown.length >= least, `${path}: ${shown.length} keys have their help`)
    const left = (await helpIn(german)).filter((text) => english.has(text))
    t.strictSame(left, [], `${path}: add it to web/texts/de-help.ts`)
    // The editors suggest keys of lists too.
    if (kind !== 'app')
      t.strictSame(
        [...english].filter((text) => say(text) === text),
        [],
        kind,
      )
  }
})
