// together: mezctl
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { parse } from 'yaml'
import { showTable } from '../../oclif-cli/shared/table.ts'
import { startStopwatch } from '../stopwatch.ts'
import { startFakeHub } from './fake-hub.ts'
import { runLines, runMezctl } from './run-program.ts'

const hub = await startFakeHub()
t.teardown(() => hub.stop())
const env = { MEZITE_DATA_DIR: hub.dir, MEZCTL_HOME: join(hub.dir, 'home') }
const mezctl = (line: string | readonly string[], input?: string) =>
  runMezctl(typeof line === 'string' ? line.split(' ') : line, env, input)
const runAll = (lines: readonly string[]) => runLines(lines, env)
const ID = '01a2177e-3930-733d-b419-54bdf06c4dcb'
const api = (path: string) => `/v1/webapi${path}`

const HOSTILE = 'evil\u001b[2J\u0007\u202etxt\u200b\u009b31m'
const app = {
  kind: 'app',
  version: 'v1',
  metadata: { name: 'grafana', labels: { env: 'prod', note: HOSTILE } },
  spec: {
    uri: 'http://10.0.3.12:3000',
    public_addr: 'grafana.apps.example.com',
    agents: ['node-1'],
    enabled: true,
  },
  status: {
    state: 'ready',
    reason: null,
    sessions: 2,
    agents: [{ hostname: 'node-1', connected: true }],
    url: 'https://grafana.apps.example.com:8443/',
  },
}
hub.answers.set('/apps', [app])
hub.answers.set('/apps/grafana', app)
hub.answers.set('/users', [
  { name: HOSTILE, roles: ['a', 'b'], created: new Date(Date.now() - 300_000).toISOString() },
])
hub.answers.set('/users/alice', { name: 'alice', roles: ['a'] })
hub.answers.set('/roles', [
  { kind: 'role', metadata: { name: 'platform' }, spec: { allow: { app_labels: { env: ['a', 'b'] } } } },
])
hub.answers.set('/roles/platform', { kind: 'role', metadata: { name: 'platform' } })
hub.answers.set('/connectors', [
  { kind: 'oidc', metadata: { name: 'sso' }, spec: { issuer_url: 'https://id', client_id: 'm' } },
])
hub.answers.set('/connectors/sso', { kind: 'oidc', metadata: { name: 'sso' } })
hub.answers.set('/tokens', [
  {
    id: 't1',
    roles: ['app'],
    agent_hostname: null,
    expires: new Date(Date.now() + 7_250_000).toISOString(),
    used_at: null,
  },
])
hub.answers.set('/agents', [
  { hostname: 'node-1', connected: true, rtt_ms: 3.4, apps: ['grafana'], streams: 0 },
  { hostname: 'n%2', connected: false },
  {
    hostname: 'berlin-01.example.com',
    connected: true,
    locked: true,
    version: '0.10.12',
    transport: 'webtransport',
    rtt_ms: 123.4,
    streams: 1_000,
    apps: ['grafana', 'wiki'],
    since: new Date(Date.now() - 600_000).toISOString(),
  },
])
hub.answers.set('/agents/node-1', { hostname: 'node-1', connected: true })
hub.answers.set('/api-tokens', [
  { id: 'a1', name: 'ci', roles: ['admin'], creator: HOSTILE, created: null, expires: null, used_at: null },
])
hub.answers.set('/auth/rotate/agent-ca', {
  type: 'agent-ca',
  phase: 'switched',
  keys: [{ state: 'active', pin: 'sha256:ab', created: null, changed: null, expires: null }],
  steps: ['finish', 'rollback'],
  waiting: [{ kind: 'agent', name: HOSTILE, until: null }],
})
hub.answers.set('/locks', [{ id: 'l1', target: { user: 'alice' }, message: 'm', expires: null, by: 'carol' }])
hub.answers.set('/sessions', [
  { id: 's1', kind: 'hub', user: 'alice', client_ip: '::1', mfa: false },
  {
    id: 's2',
    kind: 'token',
    user: 'bot:ci',
    app: null,
    apps: ['grafana'],
    program: 'Docker',
    client_ip: '::1',
  },
])
hub.answers.set('/status', {
  cluster: 'test',
  version: '0.1.0',
  hubs: 1,
  agents: 2,
  apps: 3,
  sessions: 4,
  plugins: [{ order: 1, name: 'rbac' }],
  parts: [{ name: 'trail', needs: ['audit'], after: { plugged: 'sinks are plugins' }, start_ms: 1.5 }],
  steps: [{ step: 'access.decide', runs: 'for each session and app', plugins: ['rbac', 'app-rules'] }],
})

t.test('every list is a table, one JSON array and one YAML list', async (t) => {
  const tables: [string, RegExp][] = [
    ['apps ls', /^NAME +STATE[\s\S]*grafana +ready +https:\/\/grafana\.apps\.example\.com:8443 /],
    ['users list', /NAME[\s\S]* a, b +- +- +\d+m ago/],
    ['roles ls', /platform +env=\[a\|b\]/],
    ['sso ls', /sso +https:\/\/id +m/],
    ['tokens ls', /t1 +any new +in 2h +- +-/],
    ['agents ls', /node-1 +up [\s\S]*3 ms +1\nn%2 +down/],
    ['api-tokens ls', /a1 +ci +admin +- +- +evil/],
    ['locks ls', /l1 +user alice +m +carol +never +-/],
    ['sessions ls', /s1 +alice +hub .*\n.*s2 +bot:ci +Docker at grafana/],
    ['sessions ls --program docker', /s2 +bot:ci +Docker at grafana/],
  ]
  const formats = ['', ' --format json', ' --format yaml', ' --json']
  const finished = await runAll(tables.flatMap(([line]) => formats.map((more) => line + more)))
  for (const [at, [line, expected]] of tables.entries()) {
    const [text, json, yaml, short] = finished.slice(at * formats.length)
    t.match(text, { code: 0, err: '' }, line)
    t.match(text!.out, expected, line)
    const topic = line.split(' ')[0]!
    const kept = hub.answers.get(`/${topic === 'sso' ? 'connectors' : topic}`)
    t.same(JSON.parse(json!.out), kept, `${line} --format json`)
    t.same(JSON.parse(short!.out), kept, `${line} --json`)
    t.same(parse(yaml!.out), kept, `${line} --format yaml`)
  }
})

t.test(
  'K146 terminal escapes and bidi controls in names are printed escaped, and JSON and YAML keep the value',
  async (t) => {
    const hazard = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e]/
    const lines = [
      'users ls',
      'apps ls',
      'apps get grafana',
      'apps get missing',
      'api-tokens ls',
      'auth rotate --type=agent-ca',
    ].flatMap((line) => ['text', 'json', 'yaml'].map((format) => `${line} --format ${format}`))
    for (const [at, { out, err }] of (await runAll(lines)).entries()) {
      t.notMatch(out, hazard, lines[at]!)
      t.notMatch(err, hazard, lines[at]!)
    }
    t.match((await mezctl('users ls')).out, 'evil\\x1b[2J\\x07\\u{202e}txt\\u{200b}\\x9b31m')
    hub.events.push({ id: 'e0', type: 'app.request', user: HOSTILE, path: '/\u001b]0;x\u0007' })
    t.notMatch((await mezctl('audit ls')).out, hazard)
    hub.events.length = 0
  },
)

t.test('an empty list names the next step, and is an empty array for scripts', async (t) => {
  const kept = hub.answers.get('/locks')
  hub.answers.set('/locks', [])
  t.match((await mezctl('locks ls')).out, /mezctl locks create/)
  t.equal((await mezctl('locks ls --json')).out, '[]\n')
  hub.answers.set('/locks', kept)
})

t.test(
  'get shows one object; status shows the parts of the hub, the plugins and their steps on request',
  async (t) => {
    const lines = [
      'apps get grafana',
      'users get alice',
      'roles get platform',
      'sso get sso',
      'agents get node-1',
    ]
    const shown = await runAll(lines.flatMap((line) => [`${line} --json`, line]))
    for (const [at, line] of lines.entries()) {
      const [topic, , name] = line.split(' ')
      const kept = hub.answers.get(`/${topic === 'sso' ? 'connectors' : topic}/${name}`)
      t.same(JSON.parse(shown[at * 2]!.out), kept, line)
      t.same(parse(shown[at * 2 + 1]!.out), kept, line)
    }
    const { out } = await mezctl('status --plugins')
    t.match(out, /Cluster +test\nVersion +0\.1\.0\nHubs +1\nAgents +2/)
    t.match(
      out,
      /Parts of the hub\nORDER +NAME +NEEDS +AFTER +START\n1 +trail +audit +plugged: sinks are plugins +1\.5 ms/,
    )
    t.match(out, /Plugins\nORDER +NAME .*\n1 +rbac/)
    t.match(
      out,
      /Steps of a request\nSTEP +PLUGINS +RUNS\naccess\.decide +rbac, app-rules +for each session and app/,
    )
    t.equal(hub.seen.at(-1)!.url, api('/status?plugins=1'))
    t.notMatch((await mezctl('status')).out, /rbac/)
  },
)

t.test('each change is one request, and its result is printed', async (t) => {
  const document = (name: string, spec: object, labels?: object) => ({
    kind: 'app',
    version: 'v1',
    metadata: { name, ...(labels ? { labels } : {}) },
    spec,
  })
  const { public_addr: _, ...specWithoutHost } = app.spec
  const changes: [string, string, string, unknown, RegExp][] = [
    [
      'apps register --name db --uri tcp://h:1 --labels a=b,c=d --agent-hostname node-1',
      'POST',
      '/apps',
      document('db', { uri: 'tcp://h:1', protocol: 'tcp', agents: ['node-1'] }, { a: 'b', c: 'd' }),
      /^Registered app db\.\nPeople open it with: msh app login db\n$/,
    ],
    [
      'apps register --name a/b --uri http://h',
      'POST',
      '/apps',
      document('a/b', { uri: 'http://h' }),
      /^Registered app a\/b at https:\/\/ab:8443\.\n.*add-agent a\/b/,
    ],
    [
      'apps update grafana --uri http://new',
      'PUT',
      '/apps/grafana',
      { kind: 'app', version: 'v1', metadata: app.metadata, spec: { ...app.spec, uri: 'http://new' } },
      /^Updated app grafana/,
    ],
    [
      'apps move grafana --domain apps.example.org --yes',
      'PUT',
      '/apps/grafana',
      {
        kind: 'app',
        version: 'v1',
        metadata: app.metadata,
        spec: { ...specWithoutHost, domain: 'apps.example.org' },
      },
      /^Moved app grafana from /,
    ],
    ['apps add-agent grafana n%2', 'PUT', '/apps/grafana/agents/n%252', null, /n%2 now serves app grafana/],
    ['apps rm-agent grafana n --yes', 'DELETE', '/apps/grafana/agents/n', null, /no longer serves/],
    ['apps enable a/../b', 'POST', '/apps/a%2F..%2Fb/enable', null, /^Enabled app a\/\.\.\/b/],
    ['apps disable grafana --yes', 'POST', '/apps/grafana/disable', null, /^Disabled app grafana/],
    ['apps delete grafana --yes', 'DELETE', '/apps/grafana', null, /^Removed app grafana/],
    [
      'users create bob --roles admin,platform',
      'POST',
      '/users',
      { name: 'bob', roles: ['admin', 'platform'] },
      /^Created user bob with roles admin, platform/,
    ],
    [
      'users update b@x --roles access',
      'PATCH',
      '/users/b%40x',
      { roles: ['access'] },
      /^Updated user b@x: assigned roles access/,
    ],
    ['users relink bob -y', 'POST', '/users/bob/relink', null, /^Relinked user bob/],
    [
      'users drop-mapped-roles bob -y',
      'DELETE',
      '/users/bob/mapped-roles',
      null,
      /^Dropped the mapped roles of bob/,
    ],
    ['users rm bob -y', 'DELETE', '/users/bob', null, /^Removed user bob/],
    ['roles rm r -y', 'DELETE', '/roles/r', null, /^Removed role r/],
    ['sso rm s -y', 'DELETE', '/connectors/s', null, /^Removed connector s/],
    ['tokens rm t1 -y', 'DELETE', '/tokens/t1', null, /^Revoked join token t1/],
    ['api-tokens rm a1 -y', 'DELETE', '/api-tokens/a1', null, /^Revoked API token a1/],
    [
      'api-tokens create --name ci --roles admin --ttl 7d',
      'POST',
      '/api-tokens',
      { name: 'ci', roles: ['admin'], ttl_seconds: 604_800 },
      /^Token: secret\nID: a1\nExpires: /,
    ],
    [
      'auth rotate --type=agent-ca --phase switch',
      'POST',
      '/auth/rotate/agent-ca',
      { step: 'switch' },
      /^agent-ca: switched[\s\S]*locked out by finish[\s\S]*Next, once the list is empty: .*--phase finish\nTo go back/,
    ],
    [
      'auth rotate --type=app-jwt',
      'POST',
      '/auth/rotate/app-jwt',
      null,
      /k2 +coming[\s\S]*A new key is published/,
    ],
    ['agents rm n -y', 'DELETE', '/agents/n', null, /^Removed agent n/],
    ['locks rm l -y', 'DELETE', '/locks/l', null, /^Removed lock l/],
    ['sessions revoke s -y', 'DELETE', '/sessions/s', null, /^Revoked session s/],
    [
      'locks create --user alice --ttl 2h --message bye --yes',
      'POST',
      '/locks',
      { target: { user: 'alice' }, ttl_seconds: 7200, message: 'bye' },
      /^Locked user alice\. 14 live connections cut on 2 hubs \(212 ms\)\.\n.*: mezctl locks rm l1\n$/,
    ],
    [
      'tokens create --roles=app --agent-hostname node-1 --ttl 30m',
      'POST',
      '/tokens',
      { roles: ['app'], ttl_seconds: 1800, agent_hostname: 'node-1' },
      /^Token: secret\nCA pin: sha256:ab\nmezd start --proxy h\n$/,
    ],
  ]
  const finished = await runAll(changes.map(([line]) => line))
  for (const [at, [line, method, url, body, text]] of changes.entries()) {
    const { code, out, err } = finished[at]!
    t.equal(err, '', line)
    t.equal(code, 0, line)
    t.match(out, text, line)
    const sent = hub.seen.filter((seen) => seen.method === method && seen.url === api(url))
    t.ok(
      sent.some((seen) => isDeepStrictEqual(seen.body ?? null, body)),
      `${line}: ${JSON.stringify(sent.map((seen) => seen.body))}`,
    )
  }
  t.same(JSON.parse((await mezctl('tokens create --roles=app --json')).out), {
    id: 't1',
    token: 'secret',
    ca_pin: 'sha256:ab',
    command: 'mezd start --proxy h',
  })
  t.same(JSON.parse((await mezctl('apps rm grafana --yes --json')).out), { name: 'grafana', removed: true })
  await mezctl('sessions ls --user a&b --app x')
  t.equal(hub.seen.at(-1)!.url, api('/sessions?user=a%26b&app=x'))
})

t.test('documents are created or replaced, and mezctl reports which', async (t) => {
  const role = (name: string) => `kind: role\nversion: v1\nmetadata: { name: ${name} }\nspec: {}\n`
  const file = join(hub.dir, 'roles.yaml')
  writeFileSync(file, `${role('new')}---\n${role('old')}`)
  t.match(await mezctl(['roles', 'create', '--from-file', file]), {
    code: 0,
    out: 'Created role new.\nReplaced role old.\n',
  })
  t.same(
    JSON.parse((await mezctl(['roles', 'create', '-f', file, '--json'])).out).map(
      (r: { created: boolean }) => r.created,
    ),
    [true, false],
  )
  const json = JSON.stringify({
    kind: 'app',
    version: 'v1',
    metadata: { name: 'j' },
    spec: { uri: 'http://x' },
  })
  t.match(await mezctl('apps register --from-file -', json), { code: 0, out: 'Created app j.\n' })

  writeFileSync(
    file,
    `${role('fine')}---\nkind: rule\nversion: v2\nmetadata: {}\nextra: 1\nspec: []\n---\na: [\n`,
  )
  const before = hub.seen.length
  const { code, err, out } = await mezctl(['roles', 'create', '--from-file', file])
  t.equal(code, 1)
  t.equal(out, '')
  t.equal(hub.seen.length, before, 'nothing is sent when a document is wrong')
  t.match(err, /^error: \d problems in the documents \(MEZ_DOCUMENT_INVALID\)/)
  for (const at of [
    '6: kind: must',
    '7: version: must be v1',
    '8: metadata.name:',
    '9: extra: unknown key',
    '10: spec: must',
  ]) {
    t.match(err, `${file}:${at}`)
  }

  writeFileSync(file, `${role('bad').replace('{}', '\n  allow:\n    app_labels: 3')}---\n${role('new')}`)
  const refused = await mezctl(['roles', 'create', '--from-file', file])
  t.match(refused, { code: 1, out: 'Created role new.\n' })
  t.match(refused.err, `${file}:6: spec.allow.app_labels: must be a mapping`)
  writeFileSync(file, `${role('fine')}---\n${role('endless').replace('{}', '&all\n  allow: *all')}`)
  t.match(await mezctl(['roles', 'create', '--from-file', file]), {
    code: 1,
    out: '',
    err: /^error: 1 problem .* \(MEZ_DOCUMENT_INVALID\)\n .*:6: an alias/,
  })
  t.match(await mezctl('roles create --from-file /nowhere'), { code: 1, err: /MEZ_FILE_UNREADABLE/ })
})

t.test('a client secret is read on this machine, and never from the command line', async (t) => {
  const connector = (secret: string) =>
    `kind: oidc\nversion: v1\nmetadata: { name: sso }\nspec:\n  client_secret: ${secret}\n`
  writeFileSync(join(hub.dir, 'secret'), 's3cret\n')
  const file = join(hub.dir, 'sso.yaml')
  writeFileSync(file, connector('{ file: secret }'))
  t.match(await mezctl(['sso', 'create', '--from-file', file]), { code: 0, out: 'Created connector sso.\n' })
  t.same((hub.seen.at(-1)!.body as { spec: object }).spec, { client_secret: { value: 's3cret' } })
  const fromEnv = await runMezctl(
    ['sso', 'create', '-f', '-'],
    { ...env, OIDC: 'e' },
    connector('{ env: OIDC }'),
  )
  t.equal(fromEnv.code, 0)
  t.same((hub.seen.at(-1)!.body as { spec: object }).spec, { client_secret: { value: 'e' } })
  t.match(await mezctl('sso create -f -', connector('{ env: UNSET_NAME }')), {
    code: 1,
    err: /^error: standard input:5: spec\.client_secret: .*UNSET_NAME is not set \(MEZ_SECRET_MISSING\)/,
  })
  t.match(await mezctl('sso create --client-secret x'), { code: 2 })
})

t.test('sso test shows each check and fails when the connector does', async (t) => {
  t.match(await mezctl('sso test good'), {
    code: 0,
    out: /ok +discovery.*\nRegister .*redirect URI: https:\/\/a\nRegister .*post-logout .*: https:\/\/b\nRegister .*back-channel .*: https:\/\/c\nConnector good works/,
  })
  t.match(await mezctl('sso test other'), { code: 1, out: /FAILED +discovery/, err: /\(connector_failed\)/ })
})

t.test(
  'sso test --from-file checks a connector that is not saved, with a secret of this machine',
  async (t) => {
    const written = (id: string) =>
      `kind: oidc\nversion: v1\nmetadata: { name: next }\nspec: { client_id: ${id}, client_secret: { env: OIDC } }\n`
    const test = (text: string) => runMezctl(['sso', 'test', '-f', '-'], { ...env, OIDC: 'e' }, text)
    const good = await test(written('good'))
    t.match(good, {
      code: 0,
      out: /ok +credentials: accepted\nRegister .*redirect URI: https:\/\/a\nConnector next works/,
    })
    t.match(hub.seen.at(-1), {
      url: '/v1/webapi/connectors/test',
      body: { metadata: { name: 'next' }, spec: { client_id: 'good', client_secret: { value: 'e' } } },
    })
    t.match(await test(written('bad')), { code: 1, err: /\(connector_failed\)/ })
    const before = hub.seen.length
    t.match(await test(`${written('good')}---\n${written('good')}`), { code: 2, err: /one connector/ })
    for (const line of ['sso test', 'sso test okta -f -'])
      t.match(await mezctl(line, written('good')), { code: 2 })
    t.equal(hub.seen.length, before)
  },
)

t.test('a document on standard input is not taken for the name that may stand beside it', async (t) => {
  const bot = 'kind: bot\nversion: v1\nmetadata: { name: ci }\nspec: { roles: [] }\n'
  const app =
    'kind: app\nversion: v1\nmetadata: { name: wiki }\nspec: { uri: "http://127.0.0.1:1", agents: [] }\n'
  for (const [line, text, path] of [
    ['bots create -f - --json', bot, '/v1/webapi/bots/ci'],
    ['apps test -f - --json', app, '/v1/webapi/apps/test'],
  ] as const) {
    const before = hub.seen.length
    const { err } = await runMezctl(line.split(' '), env, text)
    t.notMatch(err, /give (?:either )?NAME/, line)
    t.ok(
      hub.seen.slice(before).some(({ url }) => url === path),
      `${line} calls ${path}`,
    )
  }
})

t.test('no command takes what a pipe brings for an argument that was left out', async (t) => {
  const { COMMANDS } = await import('../../oclif-cli/mezctl/command-classes.ts')
  const withArguments = Object.entries(COMMANDS).filter(([, { args = {} }]) => Object.keys(args).length > 0)
  const lines = [
    ...withArguments.map(([id, { flags = {} }]) => [...id.split(':'), ...(flags.yes ? ['--yes'] : [])]),
    ...['sessions revoke --user bob --yes', 'access explain --admin bob', 'notify test'].map((line) =>
      line.split(' '),
    ),
  ]
  t.ok(lines.length > 40, `${lines.length} commands`)
  const before = hub.seen.length
  const finished = await runLines(lines, env, 'from-a-pipe\n')
  for (const [at, { code, out, err }] of finished.entries()) {
    const line = lines[at]!.join(' ')
    t.notMatch(out + err, 'from-a-pipe', line)
    const args = Object.values(COMMANDS[lines[at]!.slice(0, 2).join(':')]?.args ?? {})
    if (args[0]?.required) t.match({ code, err }, { code: 2, err: /MEZ_USAGE_WRONG/ }, line)
  }
  t.notMatch(JSON.stringify(hub.seen.slice(before)), 'from-a-pipe')
  t.match(finished[lines.findIndex((line) => line.includes('bob'))], { code: 0 }, 'sessions revoke --user')
})

t.test('a document on standard input is not taken for the name that may stand beside it', async (t) => {
  const bot = 'kind: bot\nversion: v1\nmetadata: { name: ci }\nspec: { roles: [] }\n'
  const app =
    'kind: app\nversion: v1\nmetadata: { name: wiki }\nspec: { uri: "http://127.0.0.1:1", agents: [] }\n'
  for (const [line, text, path] of [
    ['bots create -f - --json', bot, '/v1/webapi/bots/ci'],
    ['apps test -f - --json', app, '/v1/webapi/apps/test'],
  ] as const) {
    const before = hub.seen.length
    const { err } = await runMezctl(line.split(' '), env, text)
    t.notMatch(err, /give (?:either )?NAME/, line)
    t.ok(
      hub.seen.slice(before).some(({ url }) => url === path),
      `${line} calls ${path}`,
    )
  }
})

t.test('auth export prints the key as it is', async (t) => {
  t.same(JSON.parse((await mezctl('auth export --type=app-jwt')).out), { keys: [{ kid: 'k1' }] })
  t.match((await mezctl('auth export --type=hub-ca')).out, /^-----BEGIN CERTIFICATE-----/)
  t.match(JSON.parse((await mezctl('auth export --type=hub-ca --json')).out), { type: 'hub-ca' })
})

t.test('wrong usage exits 2, a refusal 1, with the code and a next step on standard error', async (t) => {
  const wrong = [
    'apps ls --bogus',
    'roles create --from-file',
    'help bogus',
    'apps rm',
    'apps bogus',
    'bogus',
    'apps ls extra',
    'apps ls --format xml',
    'locks create',
    'locks create --user a --app b',
    'locks create --user a --ttl soon',
    'apps register --name x',
    'apps register --name x --uri http://x --labels broken',
    'audit ls --from someday',
    'audit ls --limit 0',
    'auth export',
    'auth rotate',
    'auth rotate --type=app-jwt --phase start',
    'auth rotate --type=agent-ca --phase later',
    'api-tokens create --name x',
    'api-tokens create --name x --roles a --ttl soon',
    'plugins --bogus',
    'users create x --roles ,',
    'apps update grafana',
    'apps move grafana',
  ]
  for (const [at, { code, out, err }] of (await runAll(wrong)).entries()) {
    t.equal(code, 2, wrong[at]!)
    t.equal(out, '', wrong[at]!)
    t.match(err, /^error: .+ \(MEZ_USAGE_WRONG\)\n.+/, wrong[at]!)
    t.ok(err.length < 600, `${wrong[at]}: short`)
  }
  // This command is of a plugin of oclif, which shares no class with a bundle.
  const unbundled = { ...env, NODE_OPTIONS: '' }
  const dumped = await runMezctl(['plugins', '--json', '--bogus'], unbundled)
  t.ok(dumped.out.length < 300, 'a parse error of an oclif command does not print the configuration')
  t.match(await mezctl('auth rotate --type=hub-ca --phase switch'), {
    code: 1,
    out: '',
    err: /\(rotation_waiting\)/,
  })
  t.match(await mezctl('apps get nope'), {
    code: 1,
    out: '',
    err: /^error: There is no such thing: .* \(thing_not_found\)\nList/,
  })
  t.match(
    await mezctl('traffic'),
    { code: 1, out: '', err: /\(not_found\)\n.*mezctl status --plugins/ },
    'a hub without the plugin',
  )
  t.match(await mezctl('apps register --name taken --uri http://x'), {
    code: 1,
    err: /^error: .+ \(app_exists\)\n.+mezctl apps update/,
  })
  for (const line of ['apps ls --data-dir /nowhere', '--data-dir /nowhere apps ls']) {
    t.match(await mezctl(line), {
      code: 1,
      err: /^error: .* \/nowhere\/admin\.sock \(--data-dir\).* \(MEZ_HUB_UNREACHABLE\)\n.*mezctl login --proxy/,
    })
  }
})

t.test('every command answers --help; --version is one line', async (t) => {
  const { commands } = await import('../../oclif-cli/mezctl/program.ts')
  const names = Object.keys(commands)
  const helps = await runAll(names.map((name) => `${name} --help`))
  const usages = helps.map(({ code, out, err }) => {
    t.strictSame([code, err], [0, ''])
    return out.split('USAGE\n  $ ')[1]
  })
  for (const [at, name] of names.entries()) t.match(usages[at], new RegExp(`^mezctl ${name}( |\n)`), name)
  t.match(
    usages[names.indexOf('sessions revoke')],
    /^mezctl sessions revoke \[ID\] .*\[ID\] {2}Id of the session/s,
  )
  t.match(usages[names.indexOf('agents rm')], /^mezctl agents rm HOSTNAME /)
  t.match(await mezctl('roles delete --help'), { code: 0, err: '', out: 'USAGE\n  $ mezctl roles rm ' })
  t.match(await mezctl('--version'), { code: 0, out: /^mezctl \d+\.\d+\.\d+\n$/, err: '' })
  t.match(await mezctl('--help'), { code: 0, err: '', out: /apps/ })
})

t.test('a table of 100,000 rows takes a few seconds, in a terminal of 80 columns, too', async (t) => {
  const rows = Array.from({ length: 100_000 }, (_, at) => [
    `anna.bauer-${at}@example.com`,
    ['data-staff', 'ops-staff', 'security-oncall'],
    'sso',
    `${at % 60}d ago`,
  ])
  for (const columns of [undefined, 80]) {
    const watch = startStopwatch()
    const lines = showTable(['name', 'roles', 'connector', 'created'], rows, columns).split('\n')
    const took = watch.took()
    t.ok(took < 10_000, `${took} ms`)
    t.ok(lines.length > 100_000, `${lines.length} lines`)
    t.match(
      lines.find((line) => line.startsWith('anna.bauer-99999@')),
      /^anna\.bauer-99999@example\.com {2}data-staff,/,
    )
    if (columns === 80) t.ok(lines.every((line) => line.length <= 80))
  }
})

t.test('a lock ends tokens with --end-tokens, and its removal says what works again', async (t) => {
  hub.answers.set('/users/bob', {})
  hub.answers.set('/sessions?user=bob', [
    { id: 'h1', kind: 'hub', user: 'bob' },
    { id: 'k1', kind: 'token', user: 'bob' },
    { id: 'k2', kind: 'token', user: 'bob' },
  ])
  hub.answers.set('/sessions?user=alice', [
    { id: 'h2', kind: 'hub', user: 'alice' },
    { id: 'k3', kind: 'token', user: 'alice' },
  ])
  hub.seen.length = 0
  t.match(await mezctl('locks create --user bob --end-tokens --yes'), {
    code: 0,
    out: /^Locked user bob\..* 2 tokens ended\.$/m,
  })
  const changes = hub.seen
    .filter(({ method }) => method !== 'GET')
    .map(({ method, url }) => `${method} ${url}`)
  t.strictSame(
    changes,
    ['POST', 'DELETE', 'DELETE'].map(
      (method, at) => `${method} ${api(['/locks', '/sessions/k1', '/sessions/k2'][at]!)}`,
    ),
    'the lock first',
  )
  t.match(await mezctl('locks create --agent node-1 --end-tokens --yes'), {
    code: 2,
    err: /--end-tokens needs/,
  })
  const removed = await mezctl('locks rm l1 --yes')
  t.match(removed, {
    code: 0,
    out: 'Removed lock l1. 1 session and 1 token of programs of user alice work again.\n',
  })
})

t.test('agents ls fits a terminal of 80 columns, and says which agent is locked', async (t) => {
  const { out } = await mezctl('agents ls')
  const lines = out.trimEnd().split('\n')
  t.ok(
    lines.every((line) => line.length <= 80),
    out,
  )
  t.match(out, /^berlin-01\.example\.com +locked +\d+m ago +0\.10\.12 +webtransport +123 ms +2$/m)
})

t.test('a table in a narrow terminal wraps between words, and never within a name, id or time', async (t) => {
  const labels = ['env=prod, team=platform', 'grafana.apps.example.com', 'in 12h']
  const table = (columns: number) =>
    showTable(['id', 'labels', 'address', 'expires'], [[ID, ...labels]], columns)
  t.equal(
    await table(80),
    `ID                                    LABELS         ADDRESS        EXPIRES
${ID}  env=prod,      grafana.apps.  in 12h
                                      team=platform  example.com`,
  )
  t.equal((await table(60)).split('\n').length, 2, 'too narrow: the lines are as long as they are')
  t.match(showTable(['name', 'note'], [['漢字', '漢字漢字漢字']], 14), /漢字 {2}漢字漢字\n {6}漢字/)
})
