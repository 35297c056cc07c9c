// together: mezctl
/** What operators do every day is one command each, and its help shows how. */
import t from 'tap'
import { COMMANDS } from '../../oclif-cli/mezctl/command-classes.ts'
import { startFakeHub } from './fake-hub.ts'
import { runLines } from './run-program.ts'
import { wideRows } from './wide-rows.ts'

const ID = '01a2177e-3930-733d-b419-54bdf06c4dcb'
const TASKS: readonly (readonly [task: string, line: string])[] = [
  ['who may open grafana', 'access who grafana'],
  ['what alice may open', 'access what alice@example.com'],
  ['why alice cannot open grafana', 'access explain --user alice@example.com --app grafana'],
  ['who opened grafana since yesterday', 'audit ls --app grafana --from yesterday'],
  ['what alice did yesterday', 'audit ls --by alice@example.com --from yesterday --to today'],
  ['what was changed this week, and by whom', 'audit ls --changes --from 7d'],
  ['keep alice out now', 'locks create --user alice@example.com --message Ask --yes'],
  ['let alice in again', `locks rm ${ID} --yes`],
  ['sign alice out everywhere', 'sessions revoke --user alice@example.com --yes'],
  ['sign everybody out', 'sessions revoke --all --yes'],
  ['give alice a role', 'users add-role alice@example.com oncall'],
  ['take a role from alice', 'users remove-role alice@example.com oncall'],
  ['let somebody in who has no account at the provider', 'users create erin --roles access --passkey'],
  ['replace a lost passkey', 'users reset-webauthn alice@example.com --yes'],
  ['remove a colleague who left', 'users rm alice@example.com --yes'],
  [
    'publish an application',
    'apps register --name grafana --uri http://10.0.3.12:3000 --agent-hostname node-1',
  ],
  ['take an application off the net', 'apps disable grafana --yes'],
  ['open the applications of a team', 'roles create --name developers --allow team=dev'],
  ['which applications are unreachable', 'apps ls --state unreachable'],
  ['let a machine join', 'tokens create --roles=app --agent-hostname node-1'],
  ['which agents are down', 'agents ls --state down'],
  ['who waits for an approval', 'requests ls --state pending'],
  ['approve a request for an hour', `requests approve ${ID} --for 1h`],
  ['which certificate expires next', 'certs ls --sort expires'],
  ['what needs attention', 'status --check'],
]

const hub = await startFakeHub()
t.teardown(() => hub.stop())
for (const [path, rows] of Object.entries(wideRows())) hub.answers.set(path, rows)
const alice = { name: 'alice@example.com', own_roles: ['oncall'], etag: '"a"' }
hub.answers.set('/users/alice@example.com', alice)
hub.answers.set(`/locks/${ID}`, { id: ID, target: { user: 'alice@example.com' } })
hub.answers.set('/access/who', [])
hub.answers.set('/access/what', [])
hub.answers.set('/access/explain', { effect: 'deny', reason: 'label_mismatch' })
hub.answers.set('/status', { cluster: 'c', version: '1', attention: [] })

t.test('25 daily tasks are one command each', async (t) => {
  t.equal(TASKS.length, 25)
  const lines = TASKS.map(([, line]) => line)
  for (const [at, { code, err }] of (await runLines(lines, { MEZITE_DATA_DIR: hub.dir })).entries()) {
    // The hub of this test answers an approval and a reset with nothing.
    const [task, line] = TASKS[at]!
    t.notMatch(err, /MEZ_USAGE_WRONG|MEZ_NOT_CONFIRMED|MEZ_NAME_UNKNOWN/, `${task}: ${line}`)
    if (!/^(users (reset-webauthn|create)|requests approve)/.test(line))
      t.equal(code, 0, `${task}: ${line}: ${err}`)
  }
})

t.test('the help of each of these commands has an example with the same flags', (t) => {
  const flagsOf = (line: string) => [...line.matchAll(/(?<= )--([a-z-]+)/g)].map(([, flag]) => flag!)
  for (const [task, line] of TASKS) {
    const id = line
      .split(' -')[0]!
      .split(' ')
      .slice(0, line.startsWith('status') ? 1 : 2)
      .join(':')
    const examples = (COMMANDS[id]?.examples ?? []).map((example) => flagsOf(String(example)))
    const wanted = flagsOf(line).filter((flag) => flag !== 'yes')
    t.ok(
      examples.some((flags) => wanted.every((flag) => flags.includes(flag))),
      `${task}: mezctl ${id.replace(':', ' ')} --help shows ${wanted.join(', ')}`,
    )
  }
  t.end()
})
