// together: plugin-hubs
/** Jobs of plugins act as the hub and have no rights: they give and take no roles without a caller, who is in the record. */
import { type Actor, defineHubPlugin, grants, jobs } from '@mezite/core'
import { type Administration, administration } from '@mezite/core/administration'
import { createTestHub } from '@mezite/core/testing'
import t from 'tap'

type Grants = NonNullable<(typeof grants)['T']>
type Act = (services: { users: Administration['users']; grants: Grants }) => Promise<unknown>
let act: Act = async () => {}
let runSoon = () => {}
const worker = defineHubPlugin({
  name: 'worker',
  api: 1,
  summary: 'Works in the background',
  needs: { administration, grants, jobs },
  setup({ use }) {
    const run = async () => void (await act({ users: use.administration.users, grants: use.grants }))
    const job = use.jobs.add({ name: 'worker-run', everyMs: 3_600_000, run })
    runSoon = job.runSoon
  },
})
const hub = await createTestHub({ plugins: [worker] })
t.teardown(() => hub.stop())
await hub.api('POST', '/users', { name: 'root', roles: ['admin'] })
await hub.api('POST', '/users', { name: 'ann', roles: ['access'] })

/** Does something in the job; resolves to `done`, or why it failed. */
async function inJob(work: Act): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  act = (services) =>
    work(services).then(
      () => resolve('done'),
      (error: unknown) => resolve(String(error)),
    )
  runSoon()
  const outcome = await promise
  act = async () => {}
  return outcome
}
const state = async () =>
  JSON.stringify(
    (await hub.api<{ name: string; roles: readonly string[] }[]>('GET', '/users')).map(({ name, roles }) => ({
      name,
      roles,
    })),
  )
const until = () => Date.now() + 60_000

for (const [nobody, by] of [
  ['null', null],
  ['undefined', undefined],
  ['an empty object', {}],
] as const) {
  const none = by as never as Actor
  for (const [name, work] of [
    ['creates a user', ({ users }) => users.create('mallory', ['admin'], none)],
    ['changes roles', ({ users }) => users.update('ann', ['admin'], none)],
    ['takes mapped roles', ({ users }) => users.dropMapped('ann', none)],
    ['gives a name away', ({ users }) => users.relink('ann', none)],
    ['removes a user', ({ users }) => users.remove('ann', none)],
    [
      'gives a role for a time',
      ({ grants }) => grants.start({ user: 'ann', role: 'admin', until: until() }, none),
    ],
  ] as const satisfies readonly (readonly [string, Act])[])
    t.test(`a job that ${name} as ${nobody} is refused`, async (t) => {
      const before = await state()
      t.not(await inJob(work), 'done')
      t.equal(await state(), before)
    })
}

t.test('a change that a job makes has its caller in the record', async (t) => {
  const by: Actor = {
    subject: { user: 'plugin:worker', roles: [], kind: 'bot', sessionId: null, satisfied: [] },
    clientIp: '',
    id: 'worker-run',
  }
  t.equal(await inJob(({ users }) => users.update('ann', ['access', 'team'], by)), 'done')
  t.equal(
    await inJob(({ grants }) => grants.start({ user: 'ann', role: 'team', until: until() }, by)),
    'done',
  )
  for (const type of ['user.updated', 'grant.started'])
    t.match(await hub.api('GET', `/audit?type=${type}`), [{ user: 'plugin:worker' }], type)
})
