// together: plugin-hubs
/** The last administrator, whom no plugin takes away: not in a job, not in a hook, and whoever it says makes the change. */
import { type Actor, defineHubPlugin, jobs } from '@mezite/core'
import { type Administration, administration } from '@mezite/core/administration'
import { createTestHub } from '@mezite/core/testing'
import t, { type Test } from 'tap'

type Users = Administration['users']
type Act = (users: Users) => Promise<unknown>
/** What the plugin does when its job, or its hook, runs next. */
let inJob: Act = async () => {}
let inHook: Act = async () => {}
let runSoon = () => {}

const taker = defineHubPlugin({
  name: 'taker',
  api: 1,
  summary: 'Takes the role admin away',
  needs: { administration, jobs },
  setup({ use, tap }) {
    const { users } = use.administration
    const run = async () => void (await inJob(users))
    const job = use.jobs.add({ name: 'taker-run', everyMs: 3_600_000, run })
    runSoon = job.runSoon
    tap.audit.recorded(({ type }) => void (type === 'user.created' && inHook(users)))
  },
})
const hub = await createTestHub({ plugins: [taker] })
t.teardown(() => hub.stop())

const actorOf = (user: string, kind: Actor['subject']['kind']): Actor => ({
  subject: { user, roles: ['admin'], kind, sessionId: null, satisfied: [] },
  clientIp: '',
  id: 'plugin',
})
/** As whom a plugin may say that it makes a change; without `mayGive`, nobody limits it. */
const ACTORS = [
  actorOf('plugin:taker', 'bot'),
  actorOf('operator@socket', 'operator'),
  actorOf('root@example.com', 'session'),
]
const WAYS: Readonly<Record<string, (users: Users, by: Actor) => Promise<unknown>>> = {
  'changes the roles': (users, by) => users.update('root@example.com', ['access'], by),
  'removes the user': (users, by) => users.remove('ROOT@example.com', by),
}
await hub.api('POST', '/users', { name: 'root@example.com', roles: ['admin'] })

/** What each way was told, in a job or a hook of the plugin. */
async function outcomes(where: 'job' | 'hook', actors = ACTORS): Promise<Readonly<Record<string, string>>> {
  const { promise, resolve } = Promise.withResolvers<Record<string, string>>()
  const all: Act = async (users) => {
    const told: Record<string, string> = {}
    for (const by of actors)
      for (const [name, way] of Object.entries(WAYS))
        told[`${by.subject.user} ${name}`] = await way(users, by).then(
          () => 'done',
          ({ code }) => String(code),
        )
    resolve(told)
  }
  if (where === 'job') {
    inJob = all
    runSoon()
  } else {
    inHook = all
    await hub.api('POST', '/users', { name: `wakes-${Date.now()}`, roles: [] })
  }
  const told = await promise
  inJob = inHook = async () => {}
  return told
}
const rolesOf = async (name: string) =>
  (await hub.api<{ roles: readonly string[] }[]>('GET', `/users?name=${encodeURIComponent(name)}`))[0]?.roles

for (const where of ['job', 'hook'] as const)
  t.test(
    `a ${where} of a plugin cannot take the role from the last administrator, nor remove the account`,
    async (t: Test) => {
      const told = await outcomes(where)
      t.equal(Object.keys(told).length, 6)
      for (const [what, code] of Object.entries(told))
        t.ok(['last_admin', 'self_lockout'].includes(code), `${what}: ${code}`)
      t.same(await rolesOf('root@example.com'), ['admin'])
    },
  )

t.test('an administrator who is locked is none who is left', async (t) => {
  await hub.api('POST', '/users', { name: 'locked@example.com', roles: ['admin'] })
  const { id } = await hub.api<{ id: string }>('POST', '/locks', { target: { user: 'locked@example.com' } })
  const told = await outcomes('job', [actorOf('plugin:taker', 'bot')])
  t.same(new Set(Object.values(told)), new Set(['last_admin']))
  t.same(await rolesOf('root@example.com'), ['admin'])
  await hub.api('DELETE', `/locks/${id}`)
  await hub.api('DELETE', '/users/locked%40example.com')
})

t.test('with another administrator, the same plugin may: so it was the last one that was kept', async (t) => {
  await hub.api('POST', '/users', { name: 'other@example.com', roles: ['admin'] })
  const told = await outcomes('job')
  t.equal(told['plugin:taker changes the roles'], 'done')
  t.equal(told['plugin:taker removes the user'], 'done')
  t.equal(await rolesOf('root@example.com'), undefined)
  t.same(await rolesOf('other@example.com'), ['admin'])
})
