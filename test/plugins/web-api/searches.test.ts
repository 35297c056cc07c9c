// together: plugin-hubs
/** What people type to find something among 400 apps, 3,000 people, 60 roles and 30 agents. */
import { request } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { createTestHub } from '../../../core/testing/test-hub.ts'
import { largeData } from '../../large-data.ts'

const data = largeData()
const hub = await createTestHub({ plugins: [data.plugin] })
t.teardown(() => hub.stop())
await data.filled

interface Page {
  readonly names: readonly string[]
  readonly list: string
  readonly states: string
  readonly next: string | undefined
}
interface Row {
  readonly metadata?: { readonly name: string }
  readonly hostname?: string
  readonly name?: string
  readonly user?: string
}

/** One page of a list, and what its headers count. */
async function page(path: string): Promise<Page> {
  const { promise, resolve, reject } = Promise.withResolvers<Page>()
  const asked = request(
    {
      socketPath: join(hub.dataDir, 'admin.sock'),
      path: `/v1/webapi${path}`,
      headers: { accept: 'application/json' },
    },
    async (response) => {
      const rows = JSON.parse(await text(response)) as readonly Row[]
      const { link, 'x-mezite-list': list, 'x-mezite-states': states } = response.headers
      resolve({
        names: rows.map((row) => row.metadata?.name ?? row.hostname ?? row.name ?? row.user ?? ''),
        list: String(list),
        states: String(states ?? ''),
        next: /^<\/v1\/webapi(.*)>; rel="next"$/.exec(String(link))?.[1],
      })
    },
  )
  asked.on('error', reject)
  asked.end()
  return promise
}
const search = (list: string, q: string, more = '') =>
  page(`/${list}?limit=10&q=${encodeURIComponent(q)}${more}`)

/** What is typed, the list, what comes first, and how many there are. */
const SEARCHES: readonly (readonly [q: string, list: string, first: string | RegExp, found: number])[] = [
  ['Grafana Berlin', 'apps', 'grafana-berlin', 1],
  ['berlin grafana', 'apps', 'grafana-berlin', 1],
  ['grafna', 'apps', /^grafana-/, 10],
  ['grafana', 'apps', /^grafana-/, 10],
  ['grafna berlin', 'apps', 'grafana-berlin', 1],
  ['team=data', 'apps', /./, 31],
  ['team=hr grafana', 'apps', /^grafana-/, 3],
  ['team=data', 'roles', /^data-/, 5],
  ['Monitoring', 'apps', /./, 90],
  ['unreachable', 'apps', '', 0],
  ['state:no_agent', 'apps', /./, 390],
  ['disabled', 'apps', /./, 10],
  ['state:disabled berlin', 'apps', /-berlin$/, 1],
  ['berlin-3', 'agents', 'berlin-3', 1],
  ['agent:berlin-3', 'apps', /-berlin$/, 13],
  ['10.0.1.7:3000', 'apps', /./, 1],
  ['Anna Bauer', 'users', 'anna.bauer@example.com', 8],
  ['bauer anna', 'users', 'anna.bauer@example.com', 8],
  ['anna.bauer@example.com', 'users', 'anna.bauer@example.com', 1],
  ['Anna Bauwr', 'users', 'anna.bauer@example.com', 8],
  ['role:data-lead', 'users', /./, 182],
  ['Everybody', 'roles', 'data-staff', 1],
  ['security oncall', 'roles', 'security-oncall', 1],
  ['disconnected lisbon', 'agents', /^lisbon-/, 3],
  ['stolen', 'locks', '', 15],
  ['"shop shows"', 'access-requests', /./, 70],
  ['ci-7', 'bots', 'ci-7', 1],
]

t.test('each of the searches that people type finds the wanted entry first', async (t) => {
  t.ok(SEARCHES.length >= 25)
  for (const [q, list, first, found] of SEARCHES) {
    const { names, list: counts } = await search(list, q)
    t.match(names[0] ?? '', first, `${list}: ${q}`)
    t.equal(Number(/found=(\d+)/.exec(counts)?.[1]), found, `${list}: ${q}: ${counts}`)
  }
  t.match((await search('apps', 'grafna')).list, /, near$/, 'the list says that nothing matches exactly')
  t.notMatch((await search('apps', 'grafana')).list, /near/)
})

t.test(
  'a list counts its states, whichever of them is wanted, and is sorted and paged with them',
  async (t) => {
    const all = await page('/apps?limit=10')
    t.equal(all.list, 'found=400, all=400')
    t.match(all.states, /no_agent=390/)
    t.match(all.states, /disabled=10/)
    const off = await search('apps', 'state:disabled')
    t.equal(off.list, 'found=10, all=400')
    t.equal(off.states, all.states)
    const people = await page('/users?limit=10&sort=-last_login')
    t.equal(people.names[0], 'anna.bauer@example.com', 'who signed in last is first')
    const second = await page(people.next!)
    t.equal(second.names.length, 10)
    t.equal(new Set([...people.names, ...second.names]).size, 20, 'no entry twice')
    const found = await search('apps', 'grafana', '')
    t.equal(found.next, undefined)
    const many = await search('apps', 'monitoring')
    t.notOk((await page(many.next!)).names.some((name) => many.names.includes(name)))
    const { status } = await hub.api<{ status: number }>('GET', '/apps?sort=colour').catch((error) => error)
    t.equal(status, 400)
  },
)
