// long
/** Pages and panels that plugins add to the dashboard. */
import { dashboardParts, defineHubPlugin, webRoutes } from '@mezite/core'
import { conformPlugin, createTestHub, FakeIssuer, Visitor } from '@mezite/core/testing'
import t from 'tap'
import appNotes from '../../../examples/app-notes/hub.ts'
import { newPerson, openBrowser } from '../../e2e/open-browser.ts'
import { until } from '../../until.ts'

/** What the functions that run in the page see. */
declare const window: { pwned?: boolean }

/** Words that German has too. */
const SAME = new Set(['API', 'Agent', 'Bot', 'Bots', 'Labels', 'Name', 'Passkeys', 'Person'])
const HOSTILE = `<img src=x onerror="window.pwned=true">`
const saved: unknown[] = []

/** A plugin with a form, with hostile texts, and with pages that fail in different ways. */
const wide = defineHubPlugin({
  name: 'wide',
  api: 1,
  summary: 'For this test',
  provides: { dashboardParts, webRoutes },
  setup({ provide }) {
    const page = (path: string, content: () => unknown) =>
      provide.dashboardParts({
        kind: 'page',
        right: 'thing.list',
        path,
        title: path,
        content: content as never,
      })
    page('hostile', async () => [
      { kind: 'text', text: HOSTILE },
      { kind: 'table', title: HOSTILE, columns: [HOSTILE], rows: [[HOSTILE], []], empty: '' },
    ])
    page('form', async () => [
      {
        kind: 'form',
        title: 'Quota',
        method: 'PUT',
        path: '/v1/webapi/wide',
        fields: [
          { name: 'limit', label: 'Limit', type: 'number', value: 5 },
          { name: 'strict', label: 'Strict', type: 'check', value: true },
          { name: 'mode', label: 'Mode', value: 'slow', options: ['slow', 'fast'] },
        ],
        submit: 'Set the quota',
      },
    ])
    page('throws', () => {
      throw new Error('broken at once')
    })
    page('script-link', async () => [
      { kind: 'facts', facts: { a: { text: 'x', href: 'javascript:alert(1)' } } },
    ])
    page('other-host', async () => [{ kind: 'facts', facts: { a: { text: 'x', href: '/\\evil.example' } } }])
    page('other-call', async () => [
      { kind: 'form', title: 'x', method: 'POST', path: '/web/logout', fields: [], submit: 'x' },
    ])
    const call = { kind: 'form', title: 'x', method: 'POST', submit: 'x' }
    page('other-call-in-table', async () => [
      {
        kind: 'table',
        title: 'x',
        columns: ['x'],
        empty: '',
        rows: [[{ ...call, path: '/web/logout', fields: [] }]],
      },
    ])
    page('fields-in-facts', async () => [
      {
        kind: 'facts',
        facts: { x: { ...call, path: '/v1/webapi/wide', fields: [{ name: 'a', label: 'a' }] } },
      },
    ])
    provide.dashboardParts({
      kind: 'page',
      right: 'thing.list',
      path: 'words',
      title: 'Stock',
      texts: {
        de: {
          Stock: 'Bestand',
          Item: 'Ding',
          open: 'offen',
          'Remove {} of {}?': '{} von {} entfernen?',
          Remove: 'Entfernen',
          'Open things': 'Offene Dinge',
          'Nothing.': 'Nichts.',
        },
      },
      content: async () =>
        [
          { kind: 'facts', facts: { 'Open things': 1, toString: { word: 'toString' } } },
          {
            kind: 'table',
            title: 'Stock',
            columns: ['Item', 'Other'],
            empty: 'Nothing.',
            rows: [
              ['open', { word: 'open' }],
              [
                { word: 'open', href: '/web/x' },
                { text: 'open', href: '/web/x' },
              ],
            ],
          },
          {
            ...call,
            kind: 'form',
            title: 'Remove a (b) of c?',
            submit: 'Remove',
            path: '/v1/webapi/wide',
            fields: [],
          },
        ] as never,
    })
    provide.dashboardParts({
      kind: 'page',
      right: 'thing.list',
      path: 'long',
      title: 'Long',
      texts: { de: { odd: 'ungerade', even: 'gerade' } },
      content: async () => [
        { kind: 'text', text: 'x' },
        {
          kind: 'table',
          title: 'Long',
          columns: ['Thing', 'Kind', 'Size'],
          empty: '',
          rows: Array.from({ length: 2_500 }, (_, at) => [
            `thing-${at}`,
            { word: at % 2 === 0 ? 'even' : 'odd' },
            at === 7 ? -1 : at,
          ]),
        },
      ],
    })
    page('word-link', async () => [{ kind: 'facts', facts: { a: { word: 'x', href: '//evil.example' } } }])
    page('too-long', async () => [{ kind: 'text', text: 'x'.repeat(1_000_000) }])
    page('strange-layout', async () => [
      { kind: 'table', title: 'x', columns: ['x'], rows: [['1']], empty: '', layout: { rest: 'x' } },
    ])
    page('unknown-kind', async () => [{ kind: 'html', html: '<b>x</b>' }])
    provide.dashboardParts({
      kind: 'panel',
      right: 'thing.read',
      title: 'Broken panel',
      content: () => Promise.reject(new Error('x')),
    })
    provide.dashboardParts({
      kind: 'panel',
      right: 'thing.read',
      title: 'Of others',
      content: async () => null,
    })
    provide.webRoutes({
      name: 'wide',
      prefix: '/v1/webapi/wide',
      async routes(web) {
        web.put('/', { config: { access: 'thing.update' } }, async ({ body }) => {
          saved.push(body)
          return {}
        })
      },
    })
  },
})

const issuer = await FakeIssuer.start()
const hub = await createTestHub({
  plugins: [{ plugin: appNotes }, { plugin: wide }],
})
t.teardown(async () => {
  await hub.stop()
  await issuer.close()
})
const admin = { sub: 'root-1', email: 'root@example.com', email_verified: true }
await hub.api('PUT', '/connectors/sso', {
  kind: 'oidc',
  version: 'v1',
  metadata: { name: 'sso' },
  spec: issuer.spec,
})
await hub.api('POST', '/users', { name: admin.email, roles: ['admin'] })
await hub.api('POST', '/apps', {
  kind: 'app',
  version: 'v1',
  metadata: { name: 'wiki' },
  spec: { uri: 'http://127.0.0.1:9' },
})
await hub.api('PUT', '/app-notes/wiki', {
  kind: 'app_notes',
  version: 'v1',
  metadata: { name: 'wiki' },
  spec: { text: 'Read-only until Monday' },
})
const role = (spec: object) => ({ kind: 'role', version: 'v1', metadata: { name: 'staff' }, spec })
await hub.api('PUT', '/roles/staff', role({ allow: { app_labels: { env: 'prod' } } }))
issuer.person = { ...admin }

const browser = await openBrowser(t)

t.test('the example passes the suite of plugins', async (t) => {
  conformPlugin(t, appNotes, {
    use: { access: {}, catalog: {}, pages: {}, revisions: { addView() {} } },
    refused: [{ notes: {} }],
  })
})

t.test('only administrators load the content', async (t) => {
  issuer.person = { sub: 'carol-1', email: 'carol@example.com', email_verified: true }
  const visitor = hub.visitor()
  await visitor.open(`${hub.url}/`)
  for (const path of ['pages', 'pages/app-notes', 'pages/long/tables/1', 'panels/wiki'])
    t.equal((await visitor.fetch(`${hub.url}/v1/webapi/dashboard/${path}`)).status, 403, path)
  issuer.person = { ...admin }
})

t.test('a plugin that throws, or returns invalid content, loses this page alone', async (t) => {
  for (const path of [
    ...['throws', 'script-link', 'word-link', 'other-host', 'other-call', 'too-long', 'unknown-kind'],
    ...['other-call-in-table', 'fields-in-facts', 'strange-layout'],
  ])
    await t.rejects(hub.api('GET', `/dashboard/pages/${path}`), { code: 'plugin_failed' }, path)
  await t.rejects(hub.api('GET', '/dashboard/pages/nothing'), { code: 'page_not_found' })
  t.strictSame(await hub.api('GET', '/dashboard/panels/wiki'), [
    { title: 'Note', blocks: [{ kind: 'facts', facts: [['Note', 'Read-only until Monday']] }] },
    { title: 'Broken panel', blocks: null },
  ])
})

t.test(
  'a table of a plugin with more than 1,000 rows is searched, sorted and paged by the hub',
  async (t) => {
    const visitor = new Visitor(hub.ca)
    await visitor.open(`${hub.url}/`)
    const read = async (path: string, language = 'en') => {
      const { headers, text, status } = await visitor.fetch(`${hub.url}/v1/webapi/dashboard/pages/${path}`, {
        headers: { accept: 'application/json', 'accept-language': language },
      })
      return { status, value: JSON.parse(text), list: headers['x-mezite-list'], link: String(headers.link) }
    }
    const { value: whole } = await read('long')
    t.equal(whole.blocks[1].rows.length, 1_000)
    t.equal(whole.blocks[1].total, 2_500, 'the page says how many there are')
    const first = await read('long/tables/1?limit=100')
    t.equal(first.list, 'found=2500, all=2500')
    t.same(first.value[99], ['thing-99', 'odd', 99], 'in the order of the plugin')
    const [, next = ''] = /<\/v1\/webapi\/dashboard\/pages\/([^>]+)>; rel="next"/.exec(first.link) ?? []
    t.same((await read(next)).value[0], ['thing-100', 'even', 100])
    t.same((await read('long/tables/1?q=thing-2345', 'de')).value, [['thing-2345', 'ungerade', 2_345]])
    t.same((await read('long/tables/1?sort=2&limit=2')).value[0], ['thing-7', 'odd', -1])
    t.same((await read('long/tables/1?sort=-2&limit=1')).value, [['thing-2499', 'odd', 2_499]])
    for (const path of ['long/tables/0', 'long/tables/2', 'long/tables/-1', 'long/tables/x', 'none/tables/1'])
      t.match(await read(path), { status: 404, value: { code: 'page_not_found' } }, path)
    t.match(await read('long/tables/1?sort=30'), { status: 400 })
    t.match(await read('throws/tables/0'), { value: { code: 'plugin_failed' } })
  },
)

t.test('a long table of a plugin is searched and followed page by page in a browser', async (t) => {
  const { page } = await newPerson(browser)
  t.teardown(() => page.context().close())
  await page.goto(`${hub.url}/`)
  await page.goto(`${hub.url}/web/admin/plugins/long`)
  await page.getByText('100 of 2,500').waitFor()
  await page.getByRole('button', { name: 'Show more' }).click()
  await page.getByRole('cell', { name: 'thing-199' }).waitFor()
  await page.getByRole('searchbox').fill('thing-2345')
  await page.getByRole('cell', { name: 'thing-2345' }).waitFor()
  t.equal(await page.locator('tbody tr').count(), 1)
  await page.getByRole('searchbox').fill('')
  await page.getByRole('button', { name: 'Size' }).click()
  await page.getByRole('cell', { name: 'thing-7', exact: true }).waitFor()
})

t.test("a plugin's own words are in the reader's language, and data stays as it is", async (t) => {
  const visitor = new Visitor(hub.ca)
  await visitor.open(`${hub.url}/`)
  const read = async (path: string, language: string) => {
    const headers = { accept: 'application/json', 'accept-language': language }
    const { text } = await visitor.fetch(`${hub.url}/v1/webapi/dashboard/${path}`, { headers })
    return JSON.parse(text)
  }
  const german = await read('pages/words', 'de-DE,de;q=0.9')
  t.strictSame(german, {
    title: 'Bestand',
    blocks: [
      {
        kind: 'facts',
        facts: [
          ['Offene Dinge', 1],
          ['toString', 'toString'],
        ],
      },
      {
        kind: 'table',
        title: 'Bestand',
        columns: ['Ding', 'Other'],
        rows: [
          ['open', 'offen'],
          [
            { text: 'offen', href: '/web/x' },
            { text: 'open', href: '/web/x' },
          ],
        ],
        empty: 'Nichts.',
      },
      {
        kind: 'form',
        method: 'POST',
        path: '/v1/webapi/wide',
        title: 'a (b) von c entfernen?',
        submit: 'Entfernen',
        destructive: false,
        fields: [],
      },
    ],
  })
  t.match(await read('pages/words', 'en'), { title: 'Stock', blocks: [{}, { columns: ['Item'] }] })
  t.match(await read('pages/words', 'fr'), { title: 'Stock' }, 'a language without texts')
  const titles = async (language: string) =>
    new Map((await read('pages', language)).map(({ path, title }: Record<string, string>) => [path, title]))
  const [en, de] = [await titles('en'), await titles('de')]
  t.equal(de.get('words'), 'Bestand')
  t.equal(de.get('form'), 'form', 'a plugin without texts')

  // Every page of the standard set.
  const words = ({ title, blocks }: { title: string; blocks: Record<string, unknown>[] }) => [
    title,
    ...blocks.flatMap((block) => [block.title, block.text, block.empty, block.columns].flat()),
  ]
  const standard = ['access-requests', 'app-proposals', 'bots', 'changes', 'passkeys', 'programs'].filter(
    (path) => en.has(path),
  )
  t.ok(standard.length >= 4, standard.join())
  for (const path of standard) {
    const [own, said] = [words(await read(`pages/${path}`, 'en')), words(await read(`pages/${path}`, 'de'))]
    const same = own.filter((word, at) => word === said[at] && word !== undefined && word !== '')
    t.strictSame(
      same.filter((word) => !SAME.has(String(word))),
      [],
      `${path} is German as a whole`,
    )
  }
})

t.test('changes of two administrators at once are both shown, and none is lost', async (t) => {
  const { page } = await newPerson(browser)
  await page.goto(`${hub.url}/`)
  await page.goto(`${hub.url}/web/admin/apps/wiki?edit`)
  const wiki = await hub.api<{ spec: object; metadata: object }>('GET', '/apps/wiki')
  // Nothing was changed here yet, so there is nothing to ask.
  const described = { ...wiki, metadata: { ...wiki.metadata, description: 'theirs' } }
  await page.getByLabel('Description').first().waitFor()
  await hub.api('PUT', '/apps/wiki', described)
  await until(
    async () => (await page.getByLabel('Description').first().inputValue()) === 'theirs',
    'the form follows what others save',
  )
  await page.getByLabel('Description').first().fill('mine')
  await hub.api('PUT', '/apps/wiki', { ...described, spec: { ...wiki.spec, agents: ['node-9'] } })
  const alert = page.getByRole('alert')
  await alert.getByText('node-9').waitFor()
  const save = page.getByRole('button', { name: 'Save' })
  t.ok(await save.isDisabled())
  t.equal(await page.getByLabel('Description').first().inputValue(), 'mine')
  await alert.getByRole('button', { name: 'Use theirs' }).click()
  await page.getByLabel('Description').first().fill('mine, after theirs')
  await save.click()
  await page.getByRole('heading', { name: 'wiki', exact: true }).waitFor()
  t.match(await hub.api('GET', '/apps/wiki'), {
    metadata: { description: 'mine, after theirs' },
    spec: { agents: ['node-9'] },
  })

  await hub.api('POST', '/users', { name: 'dave', roles: ['a'] })
  await page.goto(`${hub.url}/web/admin/people/dave`)
  await page.getByRole('button', { name: 'Edit roles' }).click()
  await hub.api('PATCH', '/users/dave', { roles: ['a', 'b'] })
  // Nothing was changed here yet, so there is nothing to ask.
  await page.getByRole('dialog').getByRole('button', { name: 'Remove b' }).click()
  await hub.api('PATCH', '/users/dave', { roles: ['a', 'b', 'c'] })
  await page.getByRole('alert').getByRole('button', { name: 'Keep mine' }).click()
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  t.match(await hub.api('GET', '/users/dave'), { own_roles: ['a'] })

  // The page has not heard of the change yet: the hub refuses.
  await page.route('**/v1/webapi/events', (route) => route.abort())
  await page.goto(`${hub.url}/web/admin/roles/staff`)
  const editor = page.getByLabel('Document')
  await editor.fill((await editor.inputValue()).replace('prod', 'mine'))
  await hub.api('PUT', '/roles/staff', role({ allow: { app_labels: { env: 'theirs' } } }))
  await page.getByRole('button', { name: 'Save' }).click()
  await page
    .getByRole('alert')
    .getByText(/changed this meanwhile/)
    .waitFor()
  t.match(await hub.api('GET', '/roles/staff'), { spec: { allow: { app_labels: { env: 'theirs' } } } })
})

t.test('the editor of roles suggests keys and values, by keyboard and by mouse', async (t) => {
  const { context, page } = await newPerson(browser)
  await page.goto(`${hub.url}/`)
  await page.goto(`${hub.url}/web/admin/roles/+`)
  const editor = page.getByLabel('Document')
  await editor.fill('kind: role\nversion: v1\nmetadata:\n  name: strict\nspec:\n')
  await editor.press('End')
  await editor.pressSequentially('  op')
  await page.getByRole('option', { name: 'options' }).waitFor()
  await editor.press('Enter')
  await editor.pressSequentially('mf')
  await editor.press('Escape')
  t.equal(await page.getByRole('option').count(), 0)
  await editor.press('Backspace')
  await editor.press('Backspace')
  await editor.press('Control+ ')
  await page.getByRole('option', { name: 'require_session_mfa' }).click()
  await page.getByRole('option', { name: 'hardware_key' }).waitFor()
  while ((await page.getByRole('option', { selected: true }).textContent())?.trim() !== 'hardware_key')
    await editor.press('ArrowDown')
  await editor.press('Enter')
  t.equal(
    await editor.inputValue(),
    'kind: role\nversion: v1\nmetadata:\n  name: strict\nspec:\n  options:\n    require_session_mfa: hardware_key',
  )
  await editor.fill(
    'kind: role\nversion: v1\nmetadata: { name: strict }\nspec: { options: { idle_timeout: soon } }',
  )
  await page
    .getByText(/idle_timeout/)
    .first()
    .waitFor()
  await context.close()
})

t.test('a long list is loaded page by page, and searched by the hub', async (t) => {
  for (let number = 0; number < 120; number += 20)
    await Promise.all(
      Array.from({ length: 20 }, (_, at) => {
        const name = `person-${String(number + at).padStart(3, '0')}`
        return hub.api('POST', '/users', { name, roles: at === 7 ? ['rare'] : [] })
      }),
    )
  const { context, page } = await newPerson(browser)
  await page.goto(`${hub.url}/`)
  await page.goto(`${hub.url}/web/admin/people`)
  const rows = page.locator('.admin-main tbody tr')
  await rows.nth(99).waitFor()
  t.equal(await rows.count(), 100)
  await page.getByRole('button', { name: 'Show more' }).click()
  await page.getByRole('row', { name: 'person-119' }).waitFor()
  t.equal(await page.getByRole('button', { name: 'Show more' }).count(), 0)
  await hub.api('DELETE', '/users/person-119')
  await page.getByRole('row', { name: 'person-119' }).waitFor({ state: 'detached' })
  await page.getByLabel('Filter').fill('rare')
  await page.getByRole('row', { name: 'person-000' }).waitFor({ state: 'detached' })
  t.equal(await rows.count(), 6)
  t.match(await rows.first().textContent(), 'person-007')
  await page.getByLabel('Filter').fill('nobody has this')
  await page.getByText('Nothing matches').waitFor()
  await context.close()
})

t.test('L150 L151 the browser shows pages and panels of plugins, inert and usable', async (t) => {
  const { page } = await newPerson(browser)
  const faults: string[] = []
  await page.goto(`${hub.url}/`)
  page.on('console', (message) => message.type() === 'error' && faults.push(message.text()))
  page.on('pageerror', (error) => faults.push(error.message))

  await page.goto(`${hub.url}/web/admin/apps/wiki`)
  await page.getByRole('heading', { name: 'Note', exact: true }).waitFor()
  t.match(await page.textContent('.admin-main'), 'Read-only until Monday')
  await page.getByText('The plugin failed to provide this panel').waitFor()

  await page.getByRole('navigation', { name: 'Administration' }).getByRole('link', { name: 'Notes' }).click()
  await page.getByRole('cell', { name: 'Read-only until Monday' }).waitFor()
  await page.getByRole('link', { name: 'Passkeys' }).click()
  await page.getByLabel('Filter: People').fill('root@')
  await page.getByRole('row', { name: /root@example.com 0/ }).waitFor()

  await page.getByRole('link', { name: 'hostile' }).click()
  await page.locator('.admin-main td', { hasText: '<img' }).waitFor()
  t.equal(await page.evaluate(() => window.pwned), undefined)

  await page.getByRole('link', { name: 'form' }).click()
  await page.getByLabel('Limit').fill('7')
  await page.getByLabel('Mode').selectOption('fast')
  await page.getByRole('button', { name: 'Set the quota' }).click()
  await page.getByRole('status').getByText('Done').waitFor()
  t.strictSame(saved, [{ limit: 7, strict: true, mode: 'fast' }])
  t.strictSame(faults, [])
})
