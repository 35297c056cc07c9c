import t from 'tap'
import { type LockKind, missingTarget } from '../../oclif-cli/mezctl/missing-target.ts'
import { unknownRoles } from '../../oclif-cli/mezctl/unknown-roles.ts'
import { CliError } from '../../oclif-cli/shared/cli-error.ts'

const hubWith = (answer: () => unknown) => ({ call: async () => answer() }) as never
const hub = hubWith(() => [{ metadata: { name: 'platform' } }])

t.test('roles that nothing describes are named, and what is hostile in them is escaped', async (t) => {
  t.equal(await unknownRoles(hub, ['platform', 'admin', 'access']), null)
  t.equal(await unknownRoles(hub, []), null)
  t.match(
    await unknownRoles(hub, ['platform', 'plattform', 'x']),
    /there are no roles plattform, x, so they grant nothing.*mezctl roles ls/,
  )
  t.notMatch(await unknownRoles(hub, ['\u001b[2J']), /\u001b/)
})

t.test('a hub that cannot tell stops nobody', async (t) => {
  const silent = hubWith(() => {
    throw new Error('404')
  })
  t.equal(await unknownRoles(silent, ['x']), null)
})

t.test('a lock on what is not there is noted, and one that the hub cannot tell of is not', async (t) => {
  const answers: Record<string, unknown> = {
    '/roles': [{ metadata: { name: 'platform' } }],
    '/sessions': [{ id: 's1' }],
    '/apps/grafana': {},
    '/users/alice': {},
    '/agents/node-1': {},
  }
  const client = (status: number) =>
    ({
      call: async (_method: string, path: string) => {
        if (path in answers) return answers[path]
        throw new CliError('not_found', 'nothing', { status })
      },
    }) as never
  const there = ['user alice', 'role platform', 'role admin', 'session s1', 'app grafana', 'agent node-1']
  for (const [kind, name] of there.map((each) => each.split(' ') as [LockKind, string])) {
    t.equal(await missingTarget(client(404), kind, name), null, `${kind} ${name}`)
    const note = `note: there is no ${kind} ${name}x now; the lock holds if one appears.`
    t.equal(await missingTarget(client(404), kind, `${name}x`), note)
  }
  t.equal(await missingTarget(client(503), 'app', 'x'), null)
})
