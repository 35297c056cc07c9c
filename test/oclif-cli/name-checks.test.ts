// together: mezctl
/** Names in command lines and documents that do not exist: which are found, and what each command does about them. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type LockKind, unknownLockTarget } from '../../oclif-cli/mezctl/name-checks.ts'
import { CliError } from '../../oclif-cli/shared/cli-error.ts'
import { unknownRoles } from '../../oclif-cli/shared/name-checks.ts'
import { startFakeHub } from './fake-hub.ts'
import { runLines } from './run-program.ts'

const hub = await startFakeHub()
t.teardown(() => hub.stop())
const app = (name: string, labels: object) => ({ kind: 'app', metadata: { name, labels }, spec: {} })
hub.answers.set('/roles', [{ kind: 'role', metadata: { name: 'platform' } }])
hub.answers.set('/agents', [{ hostname: 'node-1' }])
hub.answers.set('/tokens', [
  { id: 't1', agent_hostname: 'awaited' },
  { id: 't2', agent_hostname: null },
])
hub.answers.set('/apps', [app('grafana', { env: 'prod', team: 'platform' }), app('wiki', { env: 'staging' })])

const clientOf = (call: (path: string) => unknown) =>
  ({ call: async (_method: string, path: string) => call(path) }) as never

t.test('an unknown role is a problem, with a suggestion', async (t) => {
  const client = clientOf(() => [{ metadata: { name: 'platform' } }])
  t.strictSame(await unknownRoles(client, ['platform', 'admin', 'access']), [])
  t.strictSame(await unknownRoles(client, []), [])
  const problems = await unknownRoles(client, ['platform', 'plattform', 'x'])
  t.equal(problems.length, 2)
  t.match(problems[0], /role plattform does not exist.*Did you mean "platform"\?/)
  t.notMatch(problems[1], /Did you mean/)
})

t.test('a hub without a list of a collection blocks nobody', async (t) => {
  const silent = clientOf(() => {
    throw new CliError('forbidden', 'No.', { status: 403 })
  })
  t.strictSame(await unknownRoles(silent, ['x']), [])
  t.strictSame(await unknownLockTarget(silent, 'app', 'x'), [])
})

t.test('a lock on an object that does not exist is a problem', async (t) => {
  const answers: Record<string, unknown> = {
    '/roles': [{ metadata: { name: 'platform' } }],
    '/sessions': [{ id: 's1' }],
    '/apps': [{ metadata: { name: 'grafana' } }],
    '/users': [{ name: 'alice' }],
    '/agents': [{ hostname: 'node-1' }],
    '/apps/grafana': {},
    '/users/alice': {},
    '/agents/node-1': {},
    '/bots/ci': {},
    '/bots': [{ metadata: { name: 'ci' } }],
    '/api-tokens': [{ id: 't1', name: 'backup' }],
  }
  const client = clientOf((path) => {
    if (path in answers) return answers[path]
    throw new CliError('not_found', 'nothing', { status: 404 })
  })
  const existing = [
    'user bot:ci',
    'user token:backup',
    'user alice',
    'role platform',
    'role admin',
    'session s1',
    'app grafana',
    'agent node-1',
  ]
  for (const [kind, name] of existing.map((each) => each.split(' ') as [LockKind, string])) {
    t.strictSame(await unknownLockTarget(client, kind, name), [], `${kind} ${name}`)
    const [problem = ''] = await unknownLockTarget(client, kind, `${name}x`)
    t.match(problem, `${kind} ${name}x does not exist`)
    if (kind !== 'session') t.match(problem, `Did you mean "${name}"?`)
  }
})

const files: Record<string, string> = {
  role: `kind: role
version: v1
metadata: { name: support }
spec:
  allow: { app_labels: { env: [prod, prdo, '*', ^p.*$], taem: platform } }
  deny: { app_labels: { '*': '*', env: stagging } }
`,
  app: `kind: app
version: v1
metadata: { name: grafana }
spec: { uri: 'http://h', agents: [node-1, nod-1] }
`,
  oidc: `kind: oidc
version: v1
metadata: { name: sso }
spec: { claims_to_roles: [{ claim: groups, value: x, roles: [platform, platfrom, admin] }] }
`,
}
for (const [kind, text] of Object.entries(files)) writeFileSync(join(hub.dir, `${kind}.yaml`), text)

/** Command lines and the warnings that they give. */
const lines: [line: string, warnings: readonly RegExp[]][] = [
  [
    'roles create --from-file role.yaml',
    [
      /role support: no app has the label env=prdo\. Did you mean env=prod\?/,
      /role support: no app has a label "taem"\. Did you mean "team"\?/,
      /role support: no app has the label env=stagging\. Did you mean env=staging\?/,
    ],
  ],
  ['apps register --from-file app.yaml', [/agent nod-1 has never joined\. Did you mean "node-1"\?/]],
  ['sso create --from-file oidc.yaml', [/role platfrom does not exist.* Did you mean "platform"\?/]],
  [
    'apps register --name a --uri http://h --agent-hostname node-1 --agent-hostname awaited --agent-hostname elsewhere',
    [/agent elsewhere has never joined\. .*mezctl tokens create --roles=app --agent-hostname elsewhere/],
  ],
  ['apps add-agent grafana node1', [/agent node1 has never joined\. Did you mean "node-1"\?/]],
  ['users create bob --roles acess', [/role acess does not exist.* Did you mean "access"\?/]],
  ['users update bob --roles platform,x', [/role x does not exist/]],
  ['api-tokens create --name ci --roles admn', [/role admn does not exist.* Did you mean "admin"\?/]],
]

const runAll = (...more: string[]) =>
  runLines(
    lines.map(([line]) => [...line.replace(/\S+\.yaml/, (file) => join(hub.dir, file)).split(' '), ...more]),
    { MEZITE_DATA_DIR: hub.dir },
  )

t.test('a lock of a mistyped name locks nothing in a script, and exits 3', async (t) => {
  const [wrong, right] = await runLines(
    ['locks create --app grafan --yes'.split(' '), 'locks create --app grafana --yes'.split(' ')],
    { MEZITE_DATA_DIR: hub.dir },
  )
  t.match(wrong, { code: 3, out: '' })
  t.match(
    wrong!.err,
    /app grafan does not exist\. Did you mean "grafana"\?.*MEZ_NAME_UNKNOWN[\s\S]*Nothing was locked/,
  )
  t.equal(hub.seen.filter(({ method, url }) => method === 'POST' && url.endsWith('/locks')).length, 1)
  t.match(right, { code: 0, out: /Locked app grafana/ })
})

t.test(
  'on a terminal a lock of a name that does not exist asks first, and exits 3 without a yes',
  async (t) => {
    const lock = async (line: string, answer: string) => {
      hub.seen.length = 0
      const env = { MEZITE_DATA_DIR: hub.dir, BATCH_TERMINAL: '1' }
      const [finished] = await runLines([line], env, `${answer}\n`)
      return { ...finished!, locked: hub.seen.some(({ method }) => method === 'POST') }
    }
    const asked =
      /app grafan does not exist\. Did you mean "grafana"\? Lock it anyway, for when it appears\? \[y\/N\]/
    t.match(await lock('locks create --app grafan', 'n'), { code: 3, out: '', err: asked, locked: false })
    t.match(await lock('locks create --app grafan', ''), { code: 3, locked: false })
    t.match(await lock('locks create --app grafan', 'yes'), { code: 0, err: asked, locked: true })
    t.match(
      await lock('locks create --app grafan --yes', 'yes'),
      { code: 3, locked: false },
      '--yes is no answer',
    )
    t.match(await lock('locks create --app grafana', 'y'), {
      code: 0,
      err: /Lock app grafana\?/,
      locked: true,
    })
  },
)

t.test('commands warn about names that do not exist, and go ahead', async (t) => {
  for (const [at, { code, out, err }] of (await runAll()).entries()) {
    const [line, warnings] = lines[at]!
    t.equal(code, 0, `${line}: ${err}`)
    t.not(out, '', line)
    const given = err.trim().split('\n')
    t.equal(given.length, warnings.length, `${line}: ${err}`)
    for (const [at, warning] of warnings.entries()) {
      t.match(given[at], /^warning: /)
      t.match(given[at], warning)
    }
  }
})

t.test('commands with --strict fail instead, and change nothing', async (t) => {
  hub.seen.length = 0
  for (const [at, { code, out, err }] of (await runAll('--strict')).entries()) {
    const [line, warnings] = lines[at]!
    t.match({ code, out }, { code: 3, out: '' }, line)
    t.match(err, /\(MEZ_NAME_UNKNOWN\)/)
    for (const warning of warnings) t.match(err, warning)
  }
  t.strictSame(
    hub.seen.filter(({ method }) => method !== 'GET'),
    [],
  )
})
