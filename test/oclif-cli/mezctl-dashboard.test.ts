// together: hubs
/** What the dashboard shows, in a terminal: against a real hub. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createTestHub } from '@mezite/core/testing'
import t from 'tap'
import { startAgent } from '../e2e/start-agent.ts'
import { startHttpApp } from '../e2e/start-http-app.ts'
import { runLines } from './run-program.ts'

const hub = await createTestHub()
t.teardown(() => hub.stop())
const env = { MEZITE_DATA_DIR: hub.dataDir, MEZCTL_HOME: join(hub.dataDir, 'home') }
const app = (name: string, spec: object = {}) => ({
  kind: 'app',
  version: 'v1',
  metadata: { name, labels: { env: 'prod' } },
  spec: { uri: 'http://127.0.0.1:9', ...spec },
})
const role = (name: string, spec: object) => ({ kind: 'role', version: 'v1', metadata: { name }, spec })
const file = (name: string, ...documents: object[]) => {
  const path = join(hub.dataDir, name)
  writeFileSync(path, documents.map((one) => JSON.stringify(one)).join('\n---\n'))
  return path
}
const port = await startHttpApp(t, (_request, response) => response.end())
const agent = await startAgent({
  hostname: 'node-2',
  proxy: new URL(hub.url).host,
  api: hub.api,
  dir: hub.dataDir,
})
t.teardown(() => agent.stop())
await hub.api('POST', '/apps', app('wiki'))
await hub.api('PUT', '/roles/staff', role('staff', { allow: { app_labels: { env: 'prod' } } }))
await hub.api('POST', '/users', { name: 'carol', roles: ['staff'] })
await hub.api('POST', '/users', { name: '=cmd()', roles: [] })

const apps = file('apps.yaml', app('wiki', { agents: ['node-1'] }))
const roles = file(
  'roles.yaml',
  role('staff', { allow: { app_labels: { env: 'stage' } } }),
  role('new', { allow: { app_labels: { env: 'prod' } } }),
)
const bad = file('bad.yaml', role('bad', { alow: {} }))
const lines = [
  `apps test --from-file ${apps}`,
  'apps test wiki --agent-hostname node-1 --json',
  'apps test wiki',
  'apps test new --uri http://127.0.0.1:9 --agent-hostname node-1',
  'apps test missing',
  `apps test wiki --from-file ${apps}`,
  `roles preview --from-file ${roles}`,
  `roles preview --from-file ${roles} --json`,
  `roles preview --from-file ${bad}`,
  'audit export --type user.created',
  'audit export --type user.created --as csv',
  'traffic',
  'traffic --range day --json',
  'traffic --app wiki --json',
  'traffic --total --app wiki',
  `apps test wiki --uri http://127.0.0.1:${port} --agent-hostname node-2`,
]
const results = new Map((await runLines(lines, env)).map((result, at) => [lines[at], result]))
const of = (line: string) => results.get(line)!

t.test('apps test reports each agent, and saves nothing', async (t) => {
  const [whole, changed] = [of(lines[0]!), of(lines[1]!)]
  t.equal(whole.code, 1)
  t.match(whole.out, /wiki +node-1 +not reached/)
  t.equal(changed.code, 1)
  t.match(JSON.parse(changed.out), [{ name: 'wiki', agents: [{ hostname: 'node-1', ok: false }] }])
  t.match(of('apps test wiki'), { code: 2, err: /--agent-hostname/ })
  t.match(of(lines[3]!), { code: 1, out: /new +node-1/ }, 'an app that is not registered yet')
  t.match(of(lines.at(-1)!), { code: 0, out: /wiki +node-2 +reached +\d+ ms/ })
  t.match(of('apps test missing'), { code: 1, err: /app_not_found/ })
  t.equal(of(lines[5]!).code, 2)
  const saved = await hub.api<{ metadata: { name: string }; spec: { agents: string[] } }[]>('GET', '/apps')
  t.strictSame(
    saved.map(({ metadata, spec }) => [metadata.name, spec.agents]),
    [['wiki', []]],
  )
})

t.test('roles preview shows who gains and loses, and saves nothing', async (t) => {
  const text = of(lines[6]!)
  t.match(text, {
    code: 0,
    out: /staff \(1 user, opens 0 of 1 app\): 1 user loses access\.\n.*\ncarol +wiki/,
  })
  t.match(text.out, /new \(0 users, opens 1 of 1 app\)/)
  t.match(JSON.parse(of(lines[7]!).out), [
    { role: 'staff', users: 1, groups: [{ users: ['carol'], gains: [], loses: ['wiki'] }] },
    { role: 'new', users: 0 },
  ])
  t.match(of(lines[8]!), { code: 1, err: /alow/ })
  t.match(await hub.api('GET', '/roles/staff'), { spec: { allow: { app_labels: { env: 'prod' } } } })
})

t.test('L154 audit export writes JSON lines, and CSV without formulas', async (t) => {
  const events = of('audit export --type user.created')
    .out.trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  t.strictSame(
    events.map(({ name }) => name),
    ['=cmd()', 'carol'],
  )
  const rows = of('audit export --type user.created --as csv').out.split('\r\n')
  t.match(rows[0], /^time,type,user,/)
  t.equal(rows.length, 4)
  t.notMatch(rows.join('\n'), /(^|,)=cmd/m)
  t.match(rows[0], /,object$/)
  t.match([rows[1], rows[2]], [/,'=cmd\(\)$/, /,carol$/], 'with the object of each change')
})

t.test('traffic shows figures by app and over time', async (t) => {
  t.match(of('traffic'), { code: 0, out: /No traffic/ })
  t.strictSame(JSON.parse(of('traffic --range day --json').out), [])
  t.match(JSON.parse(of('traffic --app wiki --json').out), { step_seconds: 60, points: { length: 60 } })
  t.equal(of('traffic --total --app wiki').code, 2)
})
