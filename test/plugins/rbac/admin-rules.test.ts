// together: quick
/** Rights of administration: what rules mean, and a search for somebody who gets more than the one who gives. */
import type { AdminRule } from '@mezite/core'
import type { AdminRules } from '@mezite/core/types'
import fc from 'fast-check'
import t from 'tap'
import { createAdminRights } from '../../../core/gate/access/admin-rights.ts'
import { changedRights, namesRoles, rightsIn } from '../../../plugins/rbac/admin-rules.ts'
import { readRole } from '../../../plugins/rbac/role-resource.ts'

const rightsOf = (roles: ReadonlyMap<string, AdminRules | null>) =>
  createAdminRights({
    kernel: {
      service: () =>
        ({
          rulesOf: (role: string) => roles.get(role),
          all: () => [...roles.values()].filter((one) => one !== null),
        }) as never,
    },
  })
const rules = (allow: AdminRule[], deny: AdminRule[] = [], leadsTo: string[] = []): AdminRules => ({
  allow,
  deny,
  leadsTo,
})

t.test(
  'a role says what one may administer; one that is missing says nothing, an unreadable one denies all',
  (t) => {
    const rights = rightsOf(
      new Map([
        ['reader', rules([{ kinds: ['*'], verbs: ['list', 'read'] }])],
        [
          'owner',
          rules([
            {
              kinds: ['app'],
              verbs: ['update'],
              labels: { owner: ['{{user.name}}', '{{user.roles}}'], env: 'test' },
            },
          ]),
        ],
        ['no-test', rules([], [{ kinds: ['app'], verbs: ['*'], labels: { env: 'test' } }])],
        ['broken', null],
      ]),
    )
    const ann = (...roles: string[]) => ({ user: 'ann', roles })
    t.equal(rights.reach(ann('reader'), 'lock.read'), 'all')
    t.equal(rights.reach(ann('reader'), 'lock.delete'), 'none')
    t.equal(rights.reach(ann('reader', 'broken'), 'lock.read'), 'none')
    t.equal(
      rights.reach(ann('admin', 'broken'), 'lock.read'),
      'all',
      'nothing takes a right from the role admin',
    )
    t.equal(rights.reach(ann('constructor', '__proto__', 'access'), 'lock.read'), 'none')
    t.equal(rights.reach(ann('owner'), 'app.update'), 'some')
    t.notOk(rights.may(ann('owner'), 'app.update'))
    for (const [labels, may] of [
      [{ owner: 'ann', env: 'test' }, true],
      [{ owner: 'owner', env: 'test' }, true],
      [{ owner: 'ann', env: 'prod' }, false],
      [{ owner: 'Ann', env: 'test' }, false],
      [{ owner: '{{user.name}}', env: 'test' }, false],
      [{ env: 'test' }, false],
      [{}, false],
    ] as const)
      t.equal(rights.may(ann('owner'), 'app.update', labels), may, JSON.stringify(labels))
    t.equal(rights.reach(ann('reader', 'no-test'), 'app.read'), 'some')
    t.ok(rights.may(ann('reader', 'no-test'), 'app.read', { env: 'prod' }))
    t.notOk(rights.may(ann('reader', 'no-test'), 'app.read', { env: 'test' }))
    t.end()
  },
)

t.test('a document with a verb, a template or a member that does not exist is refused', (t) => {
  const read = (admin: unknown) =>
    readRole({ kind: 'role', version: 'v1', metadata: { name: 'r' }, spec: { allow: { admin } } })
  t.same(
    rightsIn(read([{ kinds: ['app'], verbs: ['list'], where: { labels: { a: 'b' } } }]).spec, []).allow,
    [{ kinds: ['app'], verbs: ['list'], labels: { a: 'b' } }],
  )
  for (const admin of [
    ...[[], {}, [{}], [{ kinds: [], verbs: ['list'] }], [{ kinds: ['app'], verbs: [] }]],
    [{ kinds: ['app'], verbs: ['destroy'] }],
    [{ kinds: ['App'], verbs: ['list'] }],
    [{ kinds: ['app'], verbs: ['list'], when: 'always' }],
    [{ kinds: ['app'], verbs: ['list'], where: {} }],
    [{ kinds: ['app'], verbs: ['list'], where: { labels: {} } }],
    [{ kinds: ['app'], verbs: ['list'], where: { labels: { owner: [] } } }],
    [{ kinds: ['app'], verbs: ['list'], where: { labels: { owner: '{{user.email}}' } } }],
    [{ kinds: ['app'], verbs: ['list'], where: { labels: { owner: 'team-{{user.name}}' } } }],
  ])
    t.throws(() => read(admin), { code: 'resource_invalid' }, JSON.stringify(admin))
  t.end()
})

const NAMES = ['r1', 'r2', 'r3'] as const
const PEOPLE = ['ann', 'bob', 'eve'] as const
const ROWS = [{}, { owner: 'ann' }, { owner: 'eve' }, { owner: 'r1' }, { owner: 'r2' }] as const
/** An app whose labels change; null: there is none. */
const THING = { thing: true } as const
const CELLS = ['app', 'lock'].flatMap((kind) =>
  (['list', 'update'] as const).flatMap((verb) =>
    [...ROWS, ...(kind === 'app' ? [THING] : [])].map((row) => ({ kind, verb, row })),
  ),
)
interface State {
  readonly roles: ReadonlyMap<string, AdminRules>
  readonly users: ReadonlyMap<string, readonly string[]>
  readonly thing: { readonly owner?: string } | null
}

/** The things that a person may administer, as plainly as it can be written; `potential`: also by what they can ask for. */
function cellsOf({ roles, users, thing }: State, user: string, potential = false): ReadonlySet<number> {
  const held = users.get(user) ?? []
  const reached = new Set(held)
  if (potential)
    for (const role of reached) for (const next of roles.get(role)?.leadsTo ?? []) reached.add(next)
  if (reached.has('admin')) return new Set(CELLS.keys())
  const fits = (rule: AdminRule, { kind, verb, row }: (typeof CELLS)[number]) => {
    if (!rule.kinds.includes(kind) && !rule.kinds.includes('*')) return false
    if (!rule.verbs.includes(verb) && !rule.verbs.includes('*')) return false
    const labels = row === THING ? thing : row
    if (labels === null) return false
    const wanted = rule.labels?.owner
    if (wanted === undefined) return true
    const owner = (labels as { owner?: string }).owner ?? ''
    return wanted === '{{user.name}}'
      ? owner === user
      : wanted === '{{user.roles}}'
        ? reached.has(owner)
        : owner === wanted
  }
  const open = [...CELLS.entries()].filter(
    ([, cell]) =>
      [...reached].some((role) => roles.get(role)?.allow.some((rule) => fits(rule, cell))) &&
      !held.some((role) => roles.get(role)?.deny.some((rule) => fits(rule, cell))),
  )
  return new Set(open.map(([at]) => at))
}

const rule = fc.record<AdminRule>(
  {
    kinds: fc.subarray(['app', 'lock', '*'], { minLength: 1 }),
    verbs: fc.subarray(['list', 'update', '*'] as const, { minLength: 1 }),
    labels: fc.record({ owner: fc.constantFrom('{{user.name}}', '{{user.roles}}', 'ann', 'r1') }),
  },
  { requiredKeys: ['kinds', 'verbs'] },
)
const roleRules = fc.record({
  allow: fc.array(rule, { maxLength: 2 }),
  deny: fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.array(rule, { maxLength: 1 }) },
  ),
  leadsTo: fc.subarray([...NAMES, 'admin'], { maxLength: 1 }),
})
const held = fc.subarray([...NAMES, 'admin'], { maxLength: 3 })
const labelled = fc.constantFrom({}, ...['ann', 'eve', 'r1', 'r2', 'x'].map((owner) => ({ owner })))
const state = fc
  .tuple(fc.tuple(roleRules, roleRules, roleRules), fc.tuple(held, held, held), fc.option(labelled))
  .map(
    ([made, given, thing]): State => ({
      thing,
      roles: new Map(NAMES.map((name, at) => [name, made[at]!])),
      users: new Map(PEOPLE.map((name, at) => [name, given[at]!])),
    }),
  )
const step = fc.oneof(
  fc.record({ at: fc.constantFrom(...PEOPLE), roles: held }),
  fc.record({ at: fc.constantFrom(...NAMES), rules: fc.option(roleRules, { nil: null }) }),
  fc.record({ thing: labelled }),
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

/** Makes a change as the plugins do, or leaves everything as it was. */
function change(now: State, actor: string, next: Step, guarded = true): State {
  const rights = rightsOf(now.roles)
  const holder = { user: actor, roles: now.users.get(actor) ?? [] }
  try {
    if ('roles' in next) {
      const before = now.users.get(next.at) ?? []
      const changed = [
        ...before.filter((role) => !next.roles.includes(role)),
        ...next.roles.filter((role) => !before.includes(role)),
      ]
      if (guarded) rights.requireCover(holder, { roles: changed, beside: before })
      return { ...now, users: new Map(now.users).set(next.at, next.roles) }
    }
    if ('thing' in next) {
      const before = now.thing
      if (guarded) {
        if (!rights.may(holder, 'app.update', before ?? next.thing)) return now
        if (!rights.may(holder, 'app.update', next.thing)) return now
        rights.requireCover(holder, {
          roles: [],
          labels: { kind: 'app', ...(before && { before }), after: next.thing },
        })
      }
      return { ...now, thing: next.thing }
    }
    const after = next.rules ?? rules([])
    const given = changedRights(now.roles.get(next.at) ?? rules([]), after)
    const widened = [...now.roles.values()].flatMap(({ allow, deny }) =>
      [...allow, ...deny].filter(namesRoles),
    )
    if (guarded)
      rights.requireCover(holder, {
        roles: given.roles,
        rules: given.roles.length > 0 ? [...given.rules, ...widened] : given.rules,
      })
    const roles = new Map(now.roles)
    if (next.rules === null) roles.delete(next.at)
    else roles.set(next.at, next.rules)
    return { ...now, roles }
  } catch (error) {
    if ((error as { code?: string }).code === 'roles_exceed_own') return now
    throw error
  }
}

/** Somebody who has, or can ask for, more after the changes, which the actor lacked: their names. */
function gainers(from: State, actor: string, steps: readonly Step[], guarded = true): readonly string[] {
  let own = cellsOf({ ...from, thing: from.thing ?? {} }, actor)
  let now = from
  for (const next of steps) {
    const then = change(now, actor, next, guarded)
    // Who makes a thing gives the rights that its first labels give the maker.
    if (now.thing === null && then.thing !== null) own = cellsOf({ ...from, thing: then.thing }, actor)
    now = then
  }
  return PEOPLE.filter((user) => {
    // Over a new thing, nobody gains the rights that they have over all things.
    const before = cellsOf({ ...from, thing: from.thing ?? {} }, user, true)
    return [...cellsOf(now, user, true)].some((cell) => !before.has(cell) && !own.has(cell))
  })
}

t.test('nobody gets a right by up to three changes of somebody who lacks it: 12,000 random changes', (t) => {
  let made = 0
  fc.assert(
    fc.property(
      state,
      fc.constantFrom(...PEOPLE),
      fc.array(step, { minLength: 3, maxLength: 3 }),
      (from, actor, steps) => {
        let now = from
        for (const next of steps) {
          const then = change(now, actor, next)
          if (then !== now) made += 1
          now = then
        }
        return gainers(from, actor, steps).length === 0
      },
    ),
    { numRuns: 4_000 },
  )
  t.ok(made > 500, `${made} of the changes were made`)
  t.throws(
    () =>
      fc.assert(
        fc.property(
          state,
          fc.constantFrom(...PEOPLE),
          fc.array(step, { minLength: 1, maxLength: 3 }),
          (from, actor, steps) => {
            return gainers(from, actor, steps, false).length === 0
          },
        ),
      ),
    'the search finds somebody at once if nothing is checked',
  )
  t.end()
})
