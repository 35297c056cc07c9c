// together: mezctl
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import t from 'tap'
import { socketEndpoint } from '../../oclif-cli/shared/hub-endpoint.ts'
import { problemError } from '../../oclif-cli/shared/hub-errors.ts'
import { parseTime } from '../../oclif-cli/shared/time.ts'
import { startFakeHub } from './fake-hub.ts'
import { cleanEnv, MEZCTL, runLines, runMezctl } from './run-program.ts'

const hub = await startFakeHub()
t.teardown(() => hub.stop())
const mezctl = (line: string) => runMezctl(line.split(' '), { MEZITE_DATA_DIR: hub.dir })

t.test(
  'a value that no hub accepts is wrong usage, and the error names the flag and the value',
  async (t) => {
    const wrong: [string, RegExp][] = [
      ['tokens create --roles=foo', /--roles "foo" is not valid.*app/],
      ['tokens create --roles=app --ttl 31d', /--ttl "31d" is out of range .*\n.*1s to 30d/],
      ['audit verify --checkpoint foo', /--checkpoint "foo" is not a checkpoint .*\n.*NUMBER:HASH/],
      ['audit verify --checkpoint 0:abc', /--checkpoint "0:abc" is not a checkpoint/],
      ['api-tokens create --name x --roles admin --ttl 1s', /--ttl "1s" is out of range .*\n.*1m to 366d/],
      [
        'api-tokens create --name x --roles admin --ttl 367d',
        /--ttl "367d" is out of range .*\n.*1m to 366d/,
      ],
      ['api-tokens create --name x --roles admin,Bad!', /--roles: "Bad!" is not a valid role name/],
      ['users create bob --roles Bad!', /--roles: "Bad!" is not a valid role name/],
      ['users update bob --roles a,-b', /--roles: "-b" is not a valid role name/],
      ['audit ls --from 2026-02-30', /--from "2026-02-30" is not a time/],
      ['audit ls --to 2026-04-31T08:00:00Z', /--to "2026-04-31T08:00:00Z" is not a time/],
      ['apps register --name x', /give --name and --uri.*\n.*: mezctl apps register --help/],
      ['apps register --name a --name b --uri http://x', /--name is given twice/],
      ['apps ls --format', /--format needs a value: text, json, yaml/],
      ['--yes apps ls', /--yes comes before the command/],
      [
        'apps add-agent',
        /NAME and HOSTNAME are missing: mezctl apps add-agent NAME HOSTNAME \(MEZ_USAGE_WRONG/,
      ],
      ['apps get', /NAME is missing: mezctl apps get NAME \(/],
      ['auth export', /--type is missing/],
      ['audit ls --limit x', /--limit "x" is not a whole number/],
      ['audit ls --limit 0', /--limit 0 is below 1/],
      ['audit ls --all --limit 5', /--all cannot be combined with --limit/],
      // Misspelt words.
      ['apps registr', /unknown command "apps registr"\. Did you mean "apps register"\?/],
      ['app ls', /unknown command "app ls"\. Did you mean "apps ls"\?/],
      ['statsu', /unknown command "statsu"\. Did you mean "status"\?/],
      ['help rolse', /unknown command "rolse"\. Did you mean "roles"\?/],
      ['elephant', /^error: unknown command "elephant" \(/],
      ['status --plugin', /unknown flag --plugin\. Did you mean "--plugins"\?/],
      // An unset shell variable: without a name the path addresses the whole collection.
      ['apps get ', /a name is empty .*\n.*shell variable/],
      ['users rm --yes ', /a name is empty/],
      ['apps ls --data-dir ', /--data-dir is empty/],
      ['apps add-agent grafana ', /a name is empty/],
    ]
    const finished = await runLines(
      wrong.map(([line]) => line),
      { MEZITE_DATA_DIR: hub.dir },
    )
    for (const [at, [line, expected]] of wrong.entries()) {
      const { code, out, err } = finished[at]!
      t.equal(code, 2, line)
      t.equal(out, '', line)
      t.match(err, expected, line)
      t.match(err, /^error: .+ \(MEZ_USAGE_WRONG\)\n.+/, line)
    }
    t.same(hub.seen, [], 'no request reaches the hub')
  },
)

t.test('apps ls shows the state of each app', async (t) => {
  const app = (name: string, status: object, expires?: string) => ({
    metadata: { name, ...(expires && { expires }) },
    spec: { enabled: true },
    status,
  })
  const apps = [
    app('gone', { state: 'ready' }, '2020-01-01T00:00:00Z'),
    app('soon', { state: 'ready' }, '2999-01-01T00:00:00Z'),
    app('broken', { state: 'unreachable', reason: 'connection_refused' }),
    app('alone', { state: 'no_agent' }),
    app('off', { state: 'disabled' }),
  ]
  hub.answers.set('/apps', apps)
  const { out } = await mezctl('apps ls')
  for (const state of ['gone +expired', 'soon +ready', 'alone +no agent', 'off +disabled'])
    t.match(out, new RegExp(`^${state} `, 'm'))
  t.match(out, /^broken +unreachable \(connection_refused\) /m)
})

t.test('the next step of a refusal names the command that explains it', async (t) => {
  const refused = (code: string) => {
    const problem = JSON.stringify({ code, status: 409, detail: 'No.' })
    return problemError(409, problem, socketEndpoint('/s', 'test')).hint
  }
  t.match(refused('rotation_phase'), /without --phase/)
  t.match(refused('key_unknown'), /users list-mfa/)
  t.match(refused('agent_not_bound'), /apps get/)
  t.match(refused('view_stale'), /in a moment/, 'users of msh cannot read the log of the hub')
})

t.test('output that cannot be written causes one error, without a stack', async (t) => {
  const full = openSync('/dev/full', 'w')
  t.teardown(() => closeSync(full))
  const child = spawn(process.execPath, [MEZCTL, 'completion', 'bash'], {
    env: cleanEnv({ MEZITE_DATA_DIR: hub.dir }),
    stdio: ['ignore', full, 'pipe'],
    timeout: 180_000,
  })
  let err = ''
  child.stderr!.on('data', (text) => {
    err += text
  })
  const [code] = await once(child, 'close')
  t.equal(code, 1)
  t.match(err, /^error: .*ENOSPC.* \(MEZ_FILE_UNWRITABLE\)\n.+\n$/)
})

t.test('a date that does not exist is refused', async (t) => {
  t.equal(parseTime('2028-02-29', '--from'), '2028-02-29T00:00:00.000Z')
  t.equal(parseTime('2026-12-31T23:30:00-02:00', '--from'), '2027-01-01T01:30:00.000Z')
  t.throws(() => parseTime('2026-02-29', '--from'), { code: 'MEZ_USAGE_WRONG' })
})

t.test('explain describes a key from the schema that the hub enforces', async (t) => {
  const { AppSpec } = await import('../../core/gate/catalog/app-schema.ts')
  hub.answers.set('/schemas/app', AppSpec)
  const [key, spec, listed, wrong, kind] = await runLines(
    ['app.tls.ca', 'app.spec.timeouts --json', 'app', 'app.tsl', 'rol'].map((words) => `explain ${words}`),
    { MEZITE_DATA_DIR: hub.dir },
  )
  t.match(key, {
    code: 0,
    out: /^app\.tls\.ca \(string\)\n\n {2}Certificates \(PEM\)[\s\S]*tls:\n +ca: "-----BEGIN/,
  })
  t.match(JSON.parse(spec!.out), {
    key: 'app.timeouts',
    type: 'mapping',
    keys: [{ key: 'connect', type: 'string', required: false, default: '5s', description: /connect/ }],
  })
  t.match(listed!.out, /^uri +required[\s\S]*^enabled +boolean +true/m)
  t.match(wrong, { code: 2, err: /unknown key "app\.tsl"\. Did you mean "app\.tls"\? \(MEZ_USAGE_WRONG\)/ })
  t.match(kind, { code: 2, err: /Did you mean "role"\? \(MEZ_USAGE_WRONG\)/ })
})

t.test('status lists the things that need attention, and --check exits 3', async (t) => {
  const status = { cluster: 'test', version: '1', hubs: 1, agents: 1, apps: 1, sessions: 0 }
  const attention = [{ kind: 'agent', subject: 'node-1', message: 'last seen 5 minutes ago' }]
  const run = (answer: object) => {
    hub.answers.set('/status', answer)
    return runLines(['status', 'status --check', 'status --check --json'], { MEZITE_DATA_DIR: hub.dir })
  }
  const [plain, check, json] = await run({ ...status, attention })
  t.match(plain, { code: 0, out: /Needs attention\nKIND +SUBJECT +MESSAGE\nagent +node-1 +last seen/ })
  t.match(check, { code: 3, out: /node-1/, err: /^error: 1 thing needs attention \(MEZ_ATTENTION_NEEDED\)/ })
  t.equal(json!.code, 3)
  t.same(JSON.parse(json!.out).attention, attention)
  const [fine, checked] = await run({ ...status, attention: [] })
  t.match(fine!.out, 'Nothing needs attention.')
  t.equal(checked!.code, 0)
  const [, silent] = await run(status)
  t.match(
    silent,
    { code: 1, err: /MEZ_HUB_UNEXPECTED/ },
    'a hub that does not report it is not taken as healthy',
  )
})

t.test('without a terminal a destructive command needs --yes', async (t) => {
  hub.seen.length = 0
  const destructive = [
    ...['apps rm x', 'apps disable x', 'apps rm-agent x y', 'users rm x', 'users relink x', 'roles rm x'],
    ...['users reset-webauthn x', 'sso rm x', 'tokens rm x', 'agents rm x', 'api-tokens rm x', 'locks rm x'],
    ...['locks create --user x', 'sessions revoke x', 'auth rotate --type=hub-ca --phase finish'],
  ]
  for (const [at, { code, out, err }] of (
    await runLines(destructive, { MEZITE_DATA_DIR: hub.dir })
  ).entries()) {
    t.match({ code, out }, { code: 1, out: '' }, destructive[at]!)
    t.match(err, /\(MEZ_NOT_CONFIRMED\)\n.*--yes/)
  }
  t.same(hub.seen, [], 'nothing was sent')
})

t.test('access explain shows the outcome and every rule', async (t) => {
  hub.answers.set('/access/explain', {
    effect: 'require',
    reason: 'session_mfa_required',
    lock: null,
    connector: null,
    votes: [
      {
        plugin: 'rbac',
        role: 'platform',
        effect: 'allow',
        matcher: 'allow env=prod',
        label: 'env',
        value: 'prod',
      },
    ],
    grants: [{ id: 'grant-1', role: 'oncall', until: new Date(Date.now() + 7_190_000).toISOString() }],
    requirements: [{ name: 'session-mfa', met: false }],
  })
  const [text, wrong] = await runLines(
    ['access explain --user ann --app grafana --way msh', 'access explain --user ann --app x --way pigeon'],
    { MEZITE_DATA_DIR: hub.dir },
  )
  t.match(
    text!.out,
    /^ann may open, once .* grafana \(msh\): session_mfa_required\n\nGrants: oncall ends in 2h \(grant-1\)\n\nRequirements: session-mfa\n/,
  )
  t.match(text!.out, /^rbac +platform +allow +allow env=prod +prod$/m)
  t.match(hub.seen.at(-1)!.url, /\/access\/explain\?user=ann&app=grafana&way=msh$/)
  t.equal(wrong!.code, 2)
  const [request] = await runLines(
    ['access explain --user ann --app grafana --method DELETE --path /api/x?y=1'],
    { MEZITE_DATA_DIR: hub.dir },
  )
  t.match(request!.out, /^ann may open, once .* grafana \(browser, DELETE \/api\/x\?y=1\): /)
  t.match(hub.seen.at(-1)!.url, /way=browser&method=DELETE&path=%2Fapi%2Fx%3Fy%3D1$/)
})
