/** A role is tried on the requests of the last day before it is saved, and an app shows whom its rules decide about. */
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { createRecordedRequests } from '../../../plugins/audit-database/recorded-requests.ts'
import { runMezctl } from '../../oclif-cli/run-program.ts'
import { until } from '../../until.ts'
import { startTcpHub } from '../tcp-apps/start-tcp-hub.ts'

const tcp = await startTcpHub()
const { hub } = tcp
const web = createServer((request, response) => {
  request.resume()
  response.end('hello')
})
await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
t.teardown(async () => {
  web.closeAllConnections()
  web.close()
  await tcp.stop()
})
const put = (kind: string, name: string, metadata: object, spec: object) =>
  hub.api('PUT', `/${kind}s/${name}`, { kind, version: 'v1', metadata: { name, ...metadata }, spec })
const uri = `http://127.0.0.1:${(web.address() as AddressInfo).port}`
for (const name of ['web', 'other'])
  await put('app', name, { labels: { ruled: 'yes' } }, { uri, agents: ['node-1'] })
const roleOf = (rules: readonly object[] | null, deny: readonly object[] = []) => ({
  kind: 'role',
  version: 'v1',
  metadata: { name: 'dev' },
  spec: {
    allow: { app_labels: { ruled: 'yes' }, ...(rules && { app_rules: rules }) },
    ...(deny.length > 0 && { deny: { app_rules: deny } }),
  },
})
const reads = [{ name: 'read', methods: ['GET', 'HEAD'], paths: ['/**'] }]
await hub.api('PUT', '/roles/dev', roleOf(null))
for (const name of ['dora', 'emil'])
  await hub.api('POST', '/users', { name: `${name}@example.com`, roles: ['dev'] })

const ask = async (name: string, lines: readonly string[]) => {
  await tcp.login(name, [])
  const visitor = hub.visitor()
  for (const line of lines) {
    const [app = '', method = '', path = ''] = line.split(' ')
    await visitor.open(`${hub.appUrl(app)}/`)
    const answer = await visitor.fetch(hub.appUrl(app) + path, {
      method,
      headers: { origin: hub.appUrl(app) },
    })
    if (answer.status !== 200) throw new Error(`${line}: ${answer.status} ${answer.text}`)
  }
}
await ask('dora', ['web GET /a', 'web DELETE /a', 'web DELETE /a', 'other POST /x/..%2fadmin'])
await ask('emil', ['web GET /a', 'web PUT /b'])

interface Preview {
  readonly users: number
  readonly requests: {
    readonly requests: number
    readonly users: number
    readonly complete: boolean
    readonly refused: number
    readonly examples: readonly object[]
  } | null
}
const preview = (role: object) => hub.api<Preview>('POST', '/roles/preview', role)
/** The openings of apps are requests, too. */
const SENT = 12

t.test('a preview names the requests that the role would refuse', async (t) => {
  await until(async () => (await preview(roleOf(reads))).requests?.requests === SENT, 'all are recorded')
  t.match(await preview(roleOf(reads)), {
    users: 2,
    requests: {
      requests: SENT,
      users: 2,
      complete: true,
      refused: 4,
      examples: [{ user: 'dora@example.com', app: 'web', method: 'DELETE', path: '/a', count: 2 }],
    },
  })
  const denying = await preview(roleOf(null, [{ methods: ['POST'], paths: ['/admin'] }]))
  t.strictSame(denying.requests?.examples, [
    { user: 'dora@example.com', app: 'other', method: 'POST', path: '/x/..%2fadmin', count: 1 },
  ])
  const away = { ...roleOf(null), spec: { allow: { app_labels: { ruled: 'no' } } } }
  t.equal((await preview(away)).requests?.refused, SENT, 'a role that no longer allows the app')
  t.equal((await preview(roleOf(null))).requests?.refused, 0, 'the role as it is')
  const others = { ...roleOf(reads), metadata: { name: 'nobody' } }
  t.match((await preview(others)).requests, { requests: 0, users: 0, refused: 0 }, 'nobody has it')
})

t.test('mezctl says the same', async (t) => {
  const file = join(hub.dataDir, 'role.yaml')
  const run = async (role: object, more: readonly string[] = []) => {
    writeFileSync(file, JSON.stringify(role))
    return runMezctl(['roles', 'preview', '--from-file', file, ...more], {
      MEZITE_DATA_DIR: hub.dataDir,
      MEZCTL_HOME: join(hub.dataDir, 'home'),
    })
  }
  const { code, out } = await run(roleOf(reads))
  t.equal(code, 0)
  t.match(out, new RegExp(`Of ${SENT} requests of 2 users in the last day these 4 would be refused:`))
  t.match(out, /dora@example\.com +web +DELETE \/a +2/)
  t.match((await run(roleOf(null))).out, /Of 12 requests of 2 users in the last day none would be refused/)
  t.match(JSON.parse((await run(roleOf(reads), ['--json'])).out), [{ requests: { refused: 4 } }])
})

t.test('the page of an app lists its rules, and whom they have decided about', async (t) => {
  await hub.api('PUT', '/roles/dev', roleOf(reads, [{ methods: ['*'], paths: ['/keys'] }]))
  await ask('dora', ['web GET /c'])
  const panels = () =>
    hub.api<{ title: string; blocks: { rows: unknown[][] }[] | null }[]>('GET', '/dashboard/panels/web')
  const rows = async () =>
    (await panels()).find(({ title }) => title === 'Rules inside the app')?.blocks?.[0]?.rows ?? []
  await until(async () => (await rows())[0]?.[6] === 2, 'the request is recorded')
  const role = { text: 'dev', href: '/web/admin/roles/dev' }
  t.strictSame(await rows(), [
    ['dev/read', role, 'allows', 'GET HEAD', '/**', null, 2, 1],
    ['dev/deny.1', role, 'denies', '*', '/keys', null, null, null],
  ])
})

t.test('the requests of the last day are bounded, and time is too', async (t) => {
  const none = createRecordedRequests({} as never, { now: () => 0 }, { most: 10, page: 5, longestMs: 0 })
  t.strictSame(await none.ofLastDay(), { requests: [], complete: false }, 'no time is left')
  const broken = createRecordedRequests({} as never, { now: () => 0 })
  t.strictSame(await broken.ofLastDay(), { requests: [], complete: false }, 'a database that fails')
})
