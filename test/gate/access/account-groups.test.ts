// together: hubs
/** What the gate would decide about many people at once, which must be what it decides about each. */
import {
  type App,
  type Catalog,
  catalog,
  credentials,
  defineHubPlugin,
  grants,
  type ServiceRef,
  type Users,
  users,
} from '@mezite/core'
import { type Explanations, explanations } from '@mezite/core/administration'
import type { Bots } from '@mezite/core/types'
import t from 'tap'
import { createTestHub } from '../../../core/testing/test-hub.ts'
import { operator } from '../../../core/web/server/admin-socket.ts'
import { largeData } from '../../large-data.ts'
import { large } from '../../large-rows.ts'

let known: Catalog
let explained: Explanations
let given: typeof grants extends ServiceRef<infer G> ? G : never
let asked = 0
const robots = new Map<string, NonNullable<ReturnType<Bots['find']>>>([
  ['bot:probe', { roles: ['access'], holder: 'first' }],
])
let everybody = undefined as unknown as Users
const watching = defineHubPlugin({
  name: 'watching',
  api: 1,
  summary: 'Denies by what it reads of the subject, and lends the services to the test',
  needs: { catalog, explanations, grants, users },
  provides: { credentials },
  setup({ tap, use, provide }) {
    known = use.catalog
    everybody = use.users
    explained = use.explanations
    given = use.grants
    provide.credentials({
      name: 'probe',
      from: 'header',
      at: 'app',
      headers: ['x-probe'],
      read: () => null,
      bots: {
        find: (name) => robots.get(name),
        names: () => robots.keys(),
        findIn: async (_trx, name) => robots.get(name),
      },
    })
    tap.access.decide(async ({ app, subject }, vote) => {
      asked += 1
      if (app.name === large.app(1) && subject.user.startsWith('anna')) vote.deny('by_name')
      if (app.name === large.app(2) && 'profile' in subject && subject.profile?.email?.includes('bauer'))
        vote.deny('by_address')
      if (app.name === large.app(3)) {
        const copy = { ...subject }
        await new Promise((resolve) => setImmediate(resolve))
        if (copy.user.startsWith('bruno')) vote.deny('by_copy')
      }
      if (app.name === large.app(4)) throw new Error('a bug')
    })
  },
})
const data = largeData({ people: 150, apps: 60, roles: 20, sets: 9, grants: 5, locks: 9, bots: 4 })
const hub = await createTestHub({
  plugins: [data.plugin, watching],
  config: { proxy: { apps_oidc_connector: 'sso' } },
})
t.teardown(() => hub.stop())
await data.filled
await hub.api('POST', '/users', { name: 'new@example.com', roles: ['access'] })
await hub.api('POST', '/locks', { target: { role: large.role(5) } })

/** Agents of people, each with a role that lets it into everything, and one whose person is somebody else now. */
const AGENTS = 40
for (const { name, holder } of everybody.list().slice(0, AGENTS))
  robots.set(`bot:of-${robots.size}`, {
    ...{ roles: ['access'], holder: 'first' },
    actsFor: { user: name, holder: holder ?? '' },
  })
robots.set('bot:orphan', {
  ...{ roles: ['access'], holder: 'first' },
  actsFor: { user: everybody.list()[0]?.name ?? '', holder: 'another' },
})
robots.set('bot:of-a-bot', {
  ...{ roles: ['access'], holder: 'first' },
  actsFor: { user: 'bot:probe', holder: 'first' },
})

const wantedApps = (): readonly App[] => known.list()

t.test('the outlook of everybody is what the gate explains about each pair', async (t) => {
  const groups = await explained.groups()
  const accounts = groups.flatMap((group) => group.accounts.map((account) => ({ ...account, group })))
  const agents = accounts.filter(({ group }) => group.actsFor !== undefined)
  t.ok(agents.length > AGENTS / 2, `${agents.length} agents`)
  t.equal(accounts.length, 150 + 4 + 1 + 1 + agents.length)
  t.ok(groups.length < 30 + agents.length, `${groups.length} groups`)
  const effects = new Map<string, number>()
  for (const { name, group } of accounts)
    for (const app of wantedApps().slice(0, 12)) {
      const { effect, reason, roles, requirements } = await group.decide(name, app)
      const explanation = await explained.explain(name, app.name, 'browser')
      const isSame = effect === explanation.effect || (!app.enabled && explanation.reason === 'app_disabled')
      if (!isSame || (app.enabled && reason !== explanation.reason)) {
        t.strictSame(
          { effect, reason },
          { effect: explanation.effect, reason: explanation.reason },
          `${name} ${app.name}`,
        )
      }
      if (effect === 'require')
        t.strictSame(
          requirements,
          explanation.requirements.map((one) => one.name),
          `${name} ${app.name}`,
        )
      if (effect !== 'deny')
        t.ok(roles.length > 0 && roles.every((role) => group.rolesAt(app).includes(role)))
      effects.set(`${effect} ${reason}`, (effects.get(`${effect} ${reason}`) ?? 0) + 1)
    }
  for (const outcome of [
    'allow allowed',
    'deny locked',
    'deny label_mismatch',
    'deny by_name',
    'deny by_address',
    'deny by_copy',
    'deny policy_failed',
    'require connector_not_allowed',
  ])
    t.ok(effects.has(outcome), `${outcome}: ${effects.get(outcome)}`)
})

t.test(
  'an agent has the access that it and its person share, and nobody is an agent of a bot or of somebody who is gone',
  async (t) => {
    const groups = await explained.groups()
    let [both, denied] = [0, 0]
    for (const group of groups) {
      if (group.actsFor === undefined) continue
      const [agent, person] = [group.accounts[0]!.name, group.actsFor.accounts[0]!.name]
      for (const app of wantedApps().slice(0, 12)) {
        const { effect, roles } = await group.decide(agent, app)
        const theirs = await group.actsFor.decide(person, app)
        // What the person has to meet first, no agent meets.
        t.equal(
          effect === 'allow',
          theirs.effect === 'allow',
          `${agent} ${person} ${app.name} ${theirs.reason}`,
        )
        if (effect === 'allow') t.strictSame(roles, ['access'])
        both += effect === 'allow' ? 1 : 0
        denied += effect === 'deny' ? 1 : 0
      }
    }
    t.ok(both > 0 && denied > 0, `${both} allowed, ${denied} denied`)
    for (const nobody of ['bot:orphan', 'bot:of-a-bot']) {
      t.strictSame(await explained.groups(nobody), [])
      await t.rejects(explained.explain(nobody, wantedApps()[0]!.name, 'api'), /There is no user/)
    }
  },
)

t.test('policies decide once for each set of roles, unless they look at the person', async (t) => {
  const groups = await explained.groups()
  const countOf = async (app: App) => {
    const before = asked
    for (const group of groups) for (const { name } of group.accounts) await group.decide(name, app)
    return asked - before
  }
  const [shared, personal] = [known.byName(large.app(7))!, known.byName(large.app(1))!]
  const agents = groups.filter(({ actsFor }) => actsFor !== undefined)
  t.ok((await countOf(shared)) <= groups.length + agents.length, 'for an agent also about its person')
  const all = groups.reduce((sum, { accounts }) => sum + accounts.length, 0)
  t.ok((await countOf(personal)) > all / 2, 'each person by themselves')
})

t.test('one account is found with its grants, and an unknown one is in no group', async (t) => {
  const app = known.byName(large.app(8))!
  const other = known.byName(large.app(9))!
  await given.start(
    { user: 'new@example.com', role: 'for-a-time', apps: [app.id], until: Date.now() + 60_000 },
    { subject: operator, clientIp: '', id: 'test' },
  )
  const [group, ...more] = await explained.groups('new@example.com')
  t.strictSame(more, [])
  t.match(group, {
    accounts: [{ name: 'new@example.com', bot: false }],
    roles: ['access'],
    grants: [{ role: 'for-a-time' }],
  })
  t.strictSame(group?.rolesAt(app), ['access', 'for-a-time'])
  t.strictSame(group?.rolesAt(other), ['access'])
  t.match(await explained.groups('bot:probe'), [{ accounts: [{ name: 'bot:probe', bot: true }] }])
  t.strictSame(await explained.groups('nobody@example.com'), [])
})
