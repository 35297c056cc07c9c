/** Every list of the API, those of plugins too, can be read in pages, searched and sorted: asked at 400 apps and 3,000 people. */
import { request } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { createTestHub } from '../../core/testing/test-hub.ts'
import { largeData } from '../large-data.ts'

/** Arrays that are no such list, and why. */
const OTHERS: Readonly<Record<string, string>> = {
  '/audit': 'has the newest first, filters and cursors of its own',
  '/audit/types': 'words of the hub',
  '/visits': 'the 500 that are most or latest, of one app or person',
  '/users/{name}/mfa': 'passkeys of one person',
  '/access/who': 'a decision about everybody, searched and saved in the dashboard',
  '/access/what': 'a decision about every app, searched and saved in the dashboard',
  '/access/review': 'a report',
  '/me/apps': 'the launcher, which searches as a person types',
  '/roles/{name}/versions': 'the last ones of one role',
  '/traffic/apps': 'one number for each app',
  '/dashboard/pages': 'entries of the navigation',
  '/dashboard/own-pages': 'entries of the navigation',
  '/dashboard/panels/{name}': 'parts of one page',
  '/dashboard/person-panels/{name}': 'parts of one page',
}
/** Lists that have many rows in the data. */
const FULL = 'apps users agents sessions roles bots locks access-requests'.split(' ')
/** Lists with three rows. */
const SHORT = 'api-tokens tokens app-sources connectors'.split(' ')

const data = largeData()
const hub = await createTestHub({
  plugins: [data.plugin],
  config: { plugins: { 'authorization-server': { enabled: true, registration: true } } },
})
t.teardown(() => hub.stop())
await data.filled
for (const name of ['shop', 'wiki', 'office']) {
  const metadata = { name, description: `Of the team ${name}` }
  const source = {
    agents: [`${name}-*`],
    names: [`${name}-*`],
    labels: { env: ['test'] },
    max_apps: 10,
    accept: 'ask',
  }
  await hub.api('PUT', `/app-sources/${name}`, { kind: 'app_source', version: 'v1', metadata, spec: source })
  const provider = {
    ...{
      issuer_url: `https://${name}.example.com`,
      client_id: 'mezite',
      client_secret: { value: 'x'.repeat(20) },
    },
    claims_to_roles: [{ claim: 'groups', value: name, roles: ['access'] }],
  }
  await hub.api('PUT', `/connectors/${name}`, { kind: 'oidc', version: 'v1', metadata, spec: provider })
  await hub.api('POST', '/api-tokens', { name, roles: ['admin'] })
  await hub.api('POST', '/tokens', { roles: ['app'], agent_hostname: name })
}

interface Parameter {
  readonly name: string
  readonly schema: { readonly pattern?: string }
}
interface Described {
  readonly parameters?: readonly Parameter[]
  readonly responses: Readonly<
    Record<string, { readonly content?: Record<string, { readonly schema: { readonly type?: string } }> }>
  >
}
const { paths } = await hub.api<{ paths: Record<string, { readonly get?: Described }> }>(
  'GET',
  '/openapi.json',
)
const arrays = Object.entries(paths).flatMap(([path, { get }]) =>
  get?.responses['2XX']?.content?.['application/json']?.schema.type === 'array'
    ? [{ path: path.slice('/v1/webapi'.length), parameters: get.parameters ?? [] }]
    : [],
)
const lists = arrays
  .filter(({ path }) => !(path in OTHERS) && !path.includes('{'))
  .map(({ path, parameters }) => {
    const pattern = parameters.find(({ name }) => name === 'sort')?.schema.pattern ?? ''
    return { path, sorts: /\(\?:(.*)\)/.exec(pattern)?.[1]?.split('|') ?? [] }
  })

interface Answer {
  readonly status: number
  readonly rows: readonly object[]
  readonly next: string | undefined
  readonly counted: string
}

async function get(path: string): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const asked = request(
    {
      ...{ socketPath: join(hub.dataDir, 'admin.sock'), path: `/v1/webapi${path}` },
      ...{ headers: { accept: 'application/json' }, timeout: 20_000 },
    },
    async (response) => {
      const body = JSON.parse(await text(response))
      const { link, 'x-mezite-list': counted } = response.headers
      resolve({
        status: response.statusCode ?? 0,
        rows: Array.isArray(body) ? body : [],
        next: /^<\/v1\/webapi(.*)>; rel="next"$/.exec(String(link))?.[1],
        counted: String(counted ?? ''),
      })
    },
  )
  asked.on('error', reject)
  asked.on('timeout', () => asked.destroy(new Error(`no response: ${path}`)))
  asked.end()
  return promise
}

/** The pages of a list from the first one. */
async function pagesOf(path: string, most: number): Promise<readonly (readonly object[])[]> {
  const pages: (readonly object[])[] = []
  for (let next: string | undefined = path; next !== undefined && pages.length < most; ) {
    const answer: Answer = await get(next)
    pages.push(answer.rows)
    next = answer.next
  }
  return pages
}

t.test(
  'every array of the API is a list with pages, search and order, or is named as something else',
  (t) => {
    t.strictSame(
      Object.keys(OTHERS).filter((path) => !arrays.some((one) => one.path === path)),
      [],
    )
    for (const { path, parameters } of arrays) {
      if (path in OTHERS) continue
      const names = parameters.map(({ name }) => name)
      for (const name of ['limit', 'after', 'q', 'sort']) t.ok(names.includes(name), `${path}: ${name}`)
    }
    t.ok(lists.length >= 18, `${lists.length} lists`)
    t.end()
  },
)

t.test('the pages of each list are the whole list, once', async (t) => {
  for (const { path } of lists) {
    const { rows, next } = await get(path)
    t.equal(next, undefined, `${path}: complete without a limit`)
    if (FULL.includes(path.slice(1))) t.ok(rows.length >= 15, `${path}: ${rows.length} rows`)
    if (SHORT.includes(path.slice(1))) t.equal(rows.length, 3, path)
    const limit = Math.max(1, Math.ceil(rows.length / 5))
    const pages = await pagesOf(`${path}?limit=${limit}`, 7)
    t.ok(pages.every((page) => page.length <= limit))
    t.strictSame(pages.flat().length, rows.length, path)
    t.strictSame(
      new Set(pages.flat().map((row) => JSON.stringify(row))).size,
      rows.length,
      `${path}: none twice`,
    )
  }
})

t.test('each list is sorted by each of its orders both ways, page by page', async (t) => {
  for (const { path, sorts } of lists) {
    t.ok(sorts.length > 0, path)
    for (const sort of sorts) {
      const { rows, counted } = await get(`${path}?sort=${sort}`)
      const limit = Math.max(1, Math.ceil(rows.length / 3))
      t.equal(counted, `found=${rows.length}, all=${rows.length}`, `${path}: ${sort}`)
      const texts = rows.map((row) => JSON.stringify(row))
      const down = (await pagesOf(`${path}?sort=-${sort}&limit=${limit}`, 5)).flat()
      t.ok(isReversed(texts, down), `${path}: -${sort}`)
    }
    t.equal((await get(`${path}?sort=nothing`)).status, 400, path)
  }
})

/** Compared as text: what changes between two questions, such as the time of a last use, has no part in the order. */
const isReversed = (up: readonly string[], down: readonly object[]): boolean =>
  up.toReversed().every((row, at) => row === JSON.stringify(down[at]))

t.test('each list finds rows by their words, and none by words that no row has', async (t) => {
  for (const { path } of lists) {
    const all = await get(`${path}?limit=1&q=`)
    const none = await get(`${path}?q=zzqq%20xxyy`)
    t.match(none, { status: 200, rows: [], counted: /^found=0, all=\d+/ }, path)
    if (![...FULL, ...SHORT].includes(path.slice(1))) continue
    const word = wordOf(all.rows[0])
    const found = await get(`${path}?limit=1000&q=${encodeURIComponent(word)}`)
    t.ok(found.rows.length > 0, `${path}: ${word}`)
  }
})

/** What a person would call it. */
function wordOf(row: object | undefined): string {
  const one = row as Readonly<Record<string, unknown>> & { metadata?: { name: string }; target?: object }
  return String(
    one.metadata?.name ??
      one.hostname ??
      one.agent_hostname ??
      one.name ??
      one.user ??
      Object.values(one.target ?? {})[0],
  )
}
