// together: rooms
import type { AccessQuery, App, Vote } from '@mezite/core'
import fc from 'fast-check'
import t from 'tap'
import { Ballot, countBallots } from '../../../core/gate/access/ballots.ts'
import { compileLabels } from '../../../plugins/rbac/label-matcher.ts'
import { roleRequirements } from '../../../plugins/rbac/requirements.ts'
import { type AppLabels, readRole } from '../../../plugins/rbac/role-resource.ts'
import { type CompiledRole, compileRole, limitsOf, voteByRoles } from '../../../plugins/rbac/role-set.ts'
import { startStopwatch } from '../../stopwatch.ts'

const kinds = new Map(roleRequirements.map((kind) => [kind.name, kind]))
const role = (name: string, spec: object) =>
  readRole({ kind: 'role', version: 'v1', metadata: { name }, spec })
const app = (labels: Record<string, string>) => Object.freeze({ id: 'a', labels }) as unknown as App

function ask(
  roles: ReadonlyMap<string, CompiledRole>,
  names: string[],
  labels: Record<string, string>,
  unreadable: ReadonlySet<string> = new Set(),
) {
  const query = { subject: { roles: names }, app: app(labels) } as unknown as AccessQuery
  const ballot = new Ballot(kinds, query)
  voteByRoles({ items: roles, unreadable }, query, ballot as Vote)
  const { denial, requirements } = countBallots({ cast: [ballot], failed: [] }, names, kinds, Date.now())
  return { denial: denial?.reason ?? null, requirements }
}

/** What the README says, as plainly as it can be written. */
function oracleMatches(labels: AppLabels | undefined, given: Record<string, string>): boolean {
  if (!labels || Object.keys(labels).length === 0) return false
  return Object.entries(labels).every(([key, value]) => {
    if (key === '*') return true
    if (!Object.keys(given).includes(key)) return false
    return [value]
      .flat()
      .some((one) => one === '*' || (one === '^p.*d$' ? /^p.*d$/.test(given[key]!) : one === given[key]))
  })
}

const key = fc.constantFrom('env', 'team', 'constructor', 'toString', 'Env')
const text = fc.constantFrom('prod', 'pd', 'dev', 'Prod', '', 'e\u0301', '\u00e9')
const value = fc.oneof(
  text,
  fc.constant('*'),
  fc.constant('^p.*d$'),
  fc.array(fc.oneof(text, fc.constant('*')), { maxLength: 3 }),
)
const labelsOfApp = fc.dictionary(key, text, { maxKeys: 3 })
const appLabels = fc.option(fc.oneof(fc.dictionary(key, value, { maxKeys: 3 }), fc.constant({ '*': '*' })), {
  nil: undefined,
})

t.test('E69 labels match exactly, or by *, list and anchored expression only', async (t) => {
  fc.assert(
    fc.property(appLabels, labelsOfApp, (labels, given) => {
      const { matches, faults } = compileLabels(labels as AppLabels)
      return faults.length === 0 && matches(given) === oracleMatches(labels as AppLabels, given)
    }),
    { numRuns: 2_000 },
  )
  const one = (labels: AppLabels, given: Record<string, string>) => compileLabels(labels).matches(given)
  t.equal(one({}, {}), false)
  t.equal(one({ env: [] }, { env: 'prod' }), false)
  t.equal(one({ '*': '*' }, {}), true)
  t.equal(one({ env: '*' }, {}), false)
  t.equal(one({ env: '^a|b$' }, { env: 'ax' }), false, 'an alternative is anchored too')
  t.equal(one({ constructor: '*' } as unknown as AppLabels, {}), false)
  t.equal(one({ env: 'p.*' }, { env: 'prod' }), false, 'no expression without anchors')
  t.equal(compileLabels({ env: '^(a)\\1$' }).faults.length, 1, 'no backreferences')
  for (const key of ['tie*', 'a b', '', '__proto__']) {
    const { faults } = compileLabels({ [key]: '*' })
    t.match(faults, [{ key, message: /is not a label key/ }], 'a deny that could stop nobody is refused')
  }
})

t.test('N172 an expression matches in linear time', async (t) => {
  const { matches } = compileLabels({ env: '^(a+)+$' })
  const watch = startStopwatch()
  t.equal(matches({ env: `${'a'.repeat(5_000)}b` }), false)
  t.ok(watch.took() < 5_000)
})

t.test('E68 deny overrides allow in any mix of roles, and unknown roles grant nothing', async () => {
  const spec = fc.record({ allow: appLabels, deny: appLabels })
  fc.assert(
    fc.property(
      fc.array(spec, { minLength: 1, maxLength: 4 }),
      fc.subarray(['admin', 'access', 'unknown', 'constructor', '__proto__']),
      labelsOfApp,
      (specs, others, given) => {
        const roles = new Map<string, CompiledRole>()
        for (const [at, { allow, deny }] of specs.entries()) {
          const side = (labels: unknown) => (labels ? { app_labels: labels } : {})
          roles.set(`r${at}`, compileRole(role(`r${at}`, { allow: side(allow), deny: side(deny) })))
        }
        const { denial } = ask(roles, [...roles.keys(), ...others], given)
        const isDenied = specs.some(({ deny }) => oracleMatches(deny as AppLabels, given))
        const isAllowed =
          others.includes('access') || specs.some(({ allow }) => oracleMatches(allow as AppLabels, given))
        return denial === (isDenied ? 'label_denied' : isAllowed ? null : 'label_mismatch')
      },
    ),
    { numRuns: 1_000 },
  )
})

t.test('E70 no, unknown and unreadable roles and the role admin alone grant no access', async (t) => {
  const roles = new Map<string, CompiledRole>()
  t.equal(ask(roles, [], {}).denial, 'role_missing')
  t.equal(ask(roles, ['nobody'], {}).denial, 'label_mismatch')
  t.equal(ask(roles, ['admin'], {}).denial, 'label_mismatch')
  t.equal(ask(roles, ['broken', 'access'], {}, new Set(['broken'])).denial, 'role_unreadable')
  t.equal(ask(roles, ['access'], {}).denial, null)
})

t.test('D65 a demand of any granting role applies, in any mix of roles', async () => {
  const spec = fc.record({
    allow: appLabels,
    mfa: fc.constantFrom(false, 'off', true, 'webauthn', 'hardware_key'),
    minutes: fc.constantFrom(0, 5, 60),
    device: fc.boolean(),
  })
  fc.assert(
    fc.property(
      fc.array(spec, { minLength: 1, maxLength: 5 }),
      fc.subarray(['admin', 'access', 'unknown']),
      labelsOfApp,
      (specs, others, given) => {
        const roles = new Map<string, CompiledRole>()
        for (const [at, { allow, mfa, minutes, device }] of specs.entries()) {
          const options = {
            require_session_mfa: mfa,
            mfa_freshness: minutes === 0 ? 0 : `${minutes}m`,
            require_device_trust: device,
          }
          const allowed = allow ? { app_labels: allow } : {}
          roles.set(`r${at}`, compileRole(role(`r${at}`, { options, allow: allowed })))
        }
        const { requirements } = ask(roles, [...others, ...roles.keys()], given)
        const letIn = specs.filter(({ allow }) => oracleMatches(allow as AppLabels, given))
        const keys = letIn.filter(({ mfa }) => mfa !== false && mfa !== 'off')
        const found = requirements.find(({ name }) => name === 'session-mfa')
        const level = keys.some(({ mfa }) => mfa === 'hardware_key') ? 'hardware_key' : 'webauthn'
        const freshnessMs = Math.min(...keys.map(({ minutes }) => minutes)) * 60_000
        const wanted = keys.length === 0 ? undefined : { name: 'session-mfa', level, freshnessMs }
        return (
          JSON.stringify(found) === JSON.stringify(wanted) &&
          requirements.some(({ name }) => name === 'trusted-device') === letIn.some(({ device }) => device)
        )
      },
    ),
    { numRuns: 1_000 },
  )
})

t.test('any matching role may demand more, and the strongest demand counts', async (t) => {
  const roles = new Map<string, CompiledRole>()
  const add = (name: string, options: object, env: string) =>
    roles.set(name, compileRole(role(name, { options, allow: { app_labels: { env } } })))
  add('plain', {}, 'prod')
  add('mfa', { require_session_mfa: true, mfa_freshness: '5m' }, 'prod')
  add('key', { require_session_mfa: 'hardware_key', mfa_freshness: 0 }, 'prod')
  add('device', { require_device_trust: true }, 'prod')
  add('other', { require_session_mfa: true }, 'dev')
  const demanded = (names: string[]) => ask(roles, names, { env: 'prod' }).requirements
  t.same(demanded(['plain', 'other']), [])
  t.same(demanded(['plain', 'mfa']), [{ name: 'session-mfa', level: 'webauthn', freshnessMs: 300_000 }])
  t.same(demanded(['mfa', 'key']), [{ name: 'session-mfa', level: 'hardware_key', freshnessMs: 0 }])
  t.same(demanded(['plain', 'device']), [{ name: 'trusted-device' }])
  add('always', { require_session_mfa: true }, 'prod')
  t.same(
    demanded(['always']),
    [{ name: 'session-mfa', level: 'webauthn', freshnessMs: 0 }],
    'for each session, where no time is given',
  )
})

t.test('the shortest limit of all roles applies', async (t) => {
  const roles = new Map<string, CompiledRole>()
  roles.set('a', compileRole(role('a', { options: { max_session_ttl: '8h', idle_timeout: 0 } })))
  roles.set('b', compileRole(role('b', { options: { max_session_ttl: '30d', idle_timeout: '15m' } })))
  const limits = limitsOf({ items: roles, unreadable: new Set() }, { confirmMs: 5, idleMs: 4 })
  t.equal(limits.ttlMs(['a', 'b', 'nobody']), 8 * 3_600_000)
  t.equal(limits.ttlMs(['b']), 30 * 24 * 3_600_000)
  t.equal(limits.ttlMs(['nobody']), 12 * 3_600_000, 'where no role says anything')
  t.equal(limits.idleMs(['a']), 0)
  t.equal(limits.idleMs(['a', 'b']), 900_000)
  roles.set('c', compileRole(role('c', { options: { idle_timeout: '5m' } })))
  t.equal(limits.idleMs(['a', 'b', 'c']), 300_000)
  const strict = { confirm_changes: '10m', admin_idle_timeout: '3m' }
  roles.set('d', compileRole(role('d', { options: strict })))
  t.equal(limits.idleMs(['c', 'd'], 'app'), 300_000)
  t.equal(limits.idleMs(['c', 'd'], 'hub'), 180_000, 'sessions that reach the API end sooner')
  t.equal(limits.idleMs(['d', 'admin'], 'hub'), 4, 'the configuration has the option of the role admin')
  t.equal(limits.confirmMs?.(['a', 'b']), 0)
  t.equal(limits.confirmMs?.(['a', 'd']), 600_000)
  t.equal(limits.confirmMs?.(['d', 'admin']), 5)
  const broken = limitsOf({ items: roles, unreadable: new Set(['x']) }, { confirmMs: 0, idleMs: 0 })
  t.equal(broken.confirmMs?.(['a', 'x']), 1, 'nobody knows what an unreadable role demands')
})

t.test('a wrong role document is refused with every fault and its place', async (t) => {
  const refused = (name: string, spec: object, wanted: RegExp) =>
    t.throws(() => role(name, spec), { status: 400, message: wanted })
  refused('x', { option: {} }, /spec.option: unknown key; did you mean 'options'/)
  refused(
    'x',
    { options: { idle_timeout: 'soon', require_session_mfa: 'yes' } },
    /idle_timeout.*require_session_mfa/,
  )
  refused('x', { options: { max_session_ttl: '0s' } }, /max_session_ttl: must be above 0/)
  refused('x', { allow: { app_labels: { env: '^(a$' } } }, /app_labels.env: is not a regular/)
  refused('x', { allow: { app_labels: { '*': 'x' } } }, /takes only/)
  refused('x', { allow: { app_labels: { env: 3 } } }, /app_labels.env/)
  refused('X', {}, /metadata.name/)
  t.throws(() => role('admin', {}), { code: 'role_reserved' })
  t.throws(() => role('access', {}), { code: 'role_reserved' })
})
