// together: hubs
/** Roles about kinds and verbs that nothing on the hub has: a rule with a typo is refused, so that it is never silently without effect. */
import t from 'tap'
import { createTestHub } from '../../../core/testing/test-hub.ts'
import { rightsIn } from '../../../plugins/rbac/admin-rules.ts'
import { requireKnownRights } from '../../../plugins/rbac/known-rights.ts'
import { type RoleSpec, readRole } from '../../../plugins/rbac/role-resource.ts'
import { STANDARD_ROLES } from '../../../plugins/rbac/standard-roles.ts'

const hub = await createTestHub()
t.teardown(() => hub.stop())

const put = (admin: object[], side = 'deny') =>
  hub.api('PUT', '/roles/limits', {
    ...{ kind: 'role', version: 'v1', metadata: { name: 'limits' }, spec: { [side]: { admin } } },
  })

t.test('a kind or verb that nothing has is refused with the probable spelling, on both sides', async (t) => {
  for (const side of ['deny', 'allow'])
    for (const [kinds, verbs, why] of [
      [['aps'], ['*'], /spec\.(deny|allow)\.admin.*did you mean app\?/s],
      [['lock', 'lokc'], ['delete'], /did you mean lock\?/],
      [['zebra'], ['list'], /nothing on this hub is of the kind zebra; kinds are access, agent, /],
      [['*', 'sesion'], ['end'], /did you mean session\?/],
      [['lock'], ['update'], /lock has none of the verbs; it has list, create, delete/],
      [['app', 'lock'], ['update'], /lock has none of the verbs/],
      [['app', 'lock'], ['list', 'end'], /none of the kinds has the verb end/],
    ] as const)
      await t.rejects(put([{ kinds, verbs }], side), { code: 'resource_invalid', message: why }, `${kinds}`)
  await put([{ kinds: ['app', 'lock', 'change', 'request'], verbs: ['list', 'delete'] }])
  await put([{ kinds: ['*'], verbs: ['review'] }])
  await put([{ kinds: ['lock'], verbs: ['*'] }])
})

t.test('the roles that a new cluster has can be saved as they are', async (t) => {
  for (const role of STANDARD_ROLES)
    t.match(await hub.api('PUT', `/roles/${role.metadata.name}`, role), { created: false })
})

t.test('a role keeps its rules about a plugin that is absent now, and gets no other such kind', (t) => {
  const spec = (...kinds: string[]): RoleSpec => ({ deny: { admin: [{ kinds, verbs: ['update'] }] } })
  const declared = new Set(['app.update'] as const)
  requireKnownRights(spec('app', 'fleet'), spec('fleet'), declared)
  requireKnownRights(spec('fleet'), spec('app', 'fleet'), declared)
  const stored = { kind: 'role', version: 'v1', metadata: { name: 'old' }, spec: spec('fleet', 'app') }
  t.same(rightsIn(readRole(stored).spec, []).deny, [{ kinds: ['fleet', 'app'], verbs: ['update'] }])
  t.throws(() => requireKnownRights(spec('fleet', 'flete'), spec('fleet'), declared), /flete/)
  t.throws(() => requireKnownRights(spec('fleet'), {}, declared), /the kind fleet/)
  t.end()
})
