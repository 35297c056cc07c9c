// together: mezctl
/** What operators do every day is one command each, and its help shows how. */
import t from 'tap'
import { COMMANDS } from '../../oclif-cli/mezctl/command-classes.ts'
import { TASK_ID, TASKS } from '../operator-tasks.ts'
import { startFakeHub } from './fake-hub.ts'
import { runLines } from './run-program.ts'
import { wideRows } from './wide-rows.ts'

const hub = await startFakeHub()
t.teardown(() => hub.stop())
for (const [path, rows] of Object.entries(wideRows())) hub.answers.set(path, rows)
const alice = { name: 'alice@example.com', own_roles: ['oncall'], etag: '"a"' }
hub.answers.set('/users/alice@example.com', alice)
hub.answers.set(`/locks/${TASK_ID}`, { id: TASK_ID, target: { user: 'alice@example.com' } })
hub.answers.set('/access/who', [])
hub.answers.set('/access/what', [])
hub.answers.set('/access/explain', { effect: 'deny', reason: 'label_mismatch' })
hub.answers.set('/status', { cluster: 'c', version: '1', attention: [] })

t.test('25 daily tasks are one command each', async (t) => {
  t.equal(TASKS.length, 25)
  const lines = TASKS.map(({ line }) => line)
  for (const [at, { code, err }] of (await runLines(lines, { MEZITE_DATA_DIR: hub.dir })).entries()) {
    // The hub of this test answers an approval and a reset with nothing.
    const { task, line } = TASKS[at]!
    t.notMatch(err, /MEZ_USAGE_WRONG|MEZ_NOT_CONFIRMED|MEZ_NAME_UNKNOWN/, `${task}: ${line}`)
    if (!/^(users (reset-webauthn|create)|requests approve)/.test(line))
      t.equal(code, 0, `${task}: ${line}: ${err}`)
  }
})

t.test('the help of each of these commands has an example with the same flags', (t) => {
  const flagsOf = (line: string) => [...line.matchAll(/(?<= )--([a-z-]+)/g)].map(([, flag]) => flag!)
  for (const { task, line } of TASKS) {
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
