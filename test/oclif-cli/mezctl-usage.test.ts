import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import t from 'tap'
import { parseMoment } from '../../oclif-cli/shared/duration.ts'
import { socketConnection } from '../../oclif-cli/shared/hub-connection.ts'
import { problemError } from '../../oclif-cli/shared/hub-errors.ts'
import { startFakeHub } from './fake-hub.ts'
import { cleanEnv, MEZCTL, runMezctl } from './run-program.ts'

const hub = await startFakeHub()
t.teardown(() => hub.stop())
const mezctl = (line: string) => runMezctl(line.split(' '), { MEZITE_DATA_DIR: hub.dir })

t.test('a value that no hub takes is wrong usage, and the flag and the value are named', async (t) => {
  const wrong: [string, RegExp][] = [
    ['tokens create --roles=foo', /--roles=foo .*app/],
    ['tokens create --roles=app --ttl 31d', /--ttl "31d" is not allowed: give 1s to 30d/],
    ['audit verify --checkpoint foo', /--checkpoint "foo" is no checkpoint .*\n.*NUMBER:HASH/],
    ['audit verify --checkpoint 0:abc', /--checkpoint "0:abc" is no checkpoint/],
    ['api-tokens create --name x --roles admin --ttl 1s', /--ttl "1s" is not allowed: give 1m to 366d/],
    ['api-tokens create --name x --roles admin --ttl 367d', /--ttl "367d" is not allowed: give 1m to 366d/],
    ['api-tokens create --name x --roles admin,Bad!', /--roles: "Bad!" cannot be the name of a role/],
    ['users create bob --roles Bad!', /--roles: "Bad!" cannot be the name of a role/],
    ['users update bob --roles a,-b', /--roles: "-b" cannot be the name of a role/],
    ['audit ls --from 2026-02-30', /--from "2026-02-30" is no time/],
    ['audit ls --to 2026-04-31T08:00:00Z', /--to "2026-04-31T08:00:00Z" is no time/],
    ['apps register --name x', /give --name and --uri.*\n.*: mezctl apps register --help/],
    ['apps register --name a --name b --uri http://x', /--name can only be specified once/],
    ['apps ls --format', /--format expects one of these values: text, json, yaml/],
    ['--json apps ls', /--json stands in front; flags come behind the command/],
    [
      'apps add-agent',
      /Missing 2 required args: name \(the app\), hostname \(host name of the agent\) \(MEZ_USAGE/,
    ],
    // An unset variable of the shell; without a name the path is that of the list.
    ['apps get ', /a name is empty .*\n.*variable of the shell/],
    ['users rm --yes ', /a name is empty/],
    ['apps ls --data-dir ', /--data-dir is empty/],
    ['apps add-agent grafana ', /a name is empty/],
  ]
  for (const [line, said] of wrong) {
    const { code, out, err } = await mezctl(line)
    t.equal(code, 2, line)
    t.equal(out, '', line)
    t.match(err, said, line)
    t.match(err, /^error: .+ \(MEZ_USAGE\)\n.+/, line)
  }
  t.same(hub.seen, [], 'no hub is asked')
})

t.test('apps ls says what a visitor would meet', async (t) => {
  const app = (name: string, expires: string | null) => ({
    metadata: { name, ...(expires && { expires }) },
    spec: { enabled: true },
    status: { agents: [{ hostname: 'node-1', connected: true }] },
  })
  const apps = [app('gone', '2020-01-01T00:00:00Z'), app('soon', '2999-01-01T00:00:00Z'), app('kept', null)]
  hub.answers.set('/apps', apps)
  t.match((await mezctl('apps ls')).out, /gone +expired[\s\S]*soon +ready[\s\S]*kept +ready/)
})

t.test('the next step of a refusal leads to what tells more', async (t) => {
  const refused = (code: string) => {
    const problem = JSON.stringify({ code, status: 409, detail: 'No.' })
    return problemError(409, problem, socketConnection('/s', 'test')).hint
  }
  t.match(refused('rotation_phase'), /Leave --phase out/)
  t.match(refused('key_unknown'), /users list-mfa/)
  t.match(refused('agent_not_bound'), /apps get/)
  t.match(refused('view_stale'), /in a moment/, 'people with msh have no log of the hub')
})

t.test('output that nobody takes is one error, not a stack', async (t) => {
  const full = openSync('/dev/full', 'w')
  t.teardown(() => closeSync(full))
  const child = spawn(process.execPath, [MEZCTL, 'completion', 'bash'], {
    env: cleanEnv({ MEZITE_DATA_DIR: hub.dir }),
    stdio: ['ignore', full, 'pipe'],
    timeout: 60_000,
  })
  let err = ''
  child.stderr!.on('data', (text) => {
    err += text
  })
  const [code] = await once(child, 'close')
  t.equal(code, 1)
  t.match(err, /^error: the output cannot be written: ENOSPC.* \(MEZ_FILE_UNWRITABLE\)\nLook at .*\n$/)
})

t.test('days that there are stay what they are', async (t) => {
  t.equal(parseMoment('2028-02-29', '--from'), '2028-02-29T00:00:00.000Z')
  t.equal(parseMoment('2026-12-31T23:30:00-02:00', '--from'), '2027-01-01T01:30:00.000Z')
  t.throws(() => parseMoment('2026-02-29', '--from'), { code: 'MEZ_USAGE' })
})
