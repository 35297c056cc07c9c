// together: rooms
/** Users as they are stored: who is kept an administrator, and what is left when something is wrong. */
import type { Subject } from '@mezite/core'
import t from 'tap'
import { entityTags } from '../../../core/api/resource.ts'
import type { SignIn } from '../../../core/api/users.ts'
import { anyTables } from '../../any-tables.ts'
import { actor, operator, startRooms } from '../sessions/start-rooms.ts'

const rooms = await startRooms()
t.teardown(() => rooms.stop())
const { users, revisions } = rooms
const by = (user: string) => ({ ...actor, subject: { ...operator, kind: 'session', user } as Subject })
const identity = (name: string, mappedRoles: string[], connector = 'sso'): SignIn => {
  return { name, issuer: 'https://id', sub: name, connector, mappedRoles }
}
await users.create('root', ['admin'], actor)

t.test('E78 the last admin may change other roles, also their own', async (t) => {
  t.same((await users.update('root', ['admin', 'dev'], by('ROOT'))).ownRoles, ['admin', 'dev'])
  t.same((await users.relink('root', by('root'))).ownRoles, ['admin', 'dev'], 'given by hand, it stays')
})

t.test('E78 an admin by a mapped role cannot relink themselves or the last admin', async (t) => {
  await users.signIn(identity('mia', ['admin']))
  await t.rejects(users.relink('mia', by('Mia')), { code: 'self_lockout' })
  await users.update('root', [], actor)
  await t.rejects(users.relink('mia', actor), { code: 'last_admin' })
  await users.update('root', ['admin'], actor)
  t.match(await users.relink('mia', actor), { identity: null, connector: null, mappedRoles: [] })
})

t.test('roles that somebody else has changed meanwhile are not overwritten', async (t) => {
  const { ownRoles } = await users.create('fay', ['dev'], actor)
  const seen = { 'if-match': entityTags.of(JSON.stringify(ownRoles)) }
  await users.update('fay', ['dev', 'ops'], actor, seen)
  await t.rejects(users.update('fay', [], actor, seen), { status: 412, code: 'changed_meanwhile' })
  t.same(users.rolesOf('fay'), ['dev', 'ops'])
})

t.test('C54 removing a connector removes the roles that it mapped, and no others', async (t) => {
  await users.signIn(identity('ann', ['ops']))
  await users.signIn(identity('ben', ['ops'], 'other'))
  await users.update('ann', ['dev'], actor)
  await revisions.write((trx, change) => users.dropMappedRoles(trx, change, 'sso'))
  t.same(users.rolesOf('ann'), ['dev'])
  t.same(users.rolesOf('ben'), ['ops'])
})

t.test('E78 roles that were mapped at the last sign-in are dropped on request, and no others', async (t) => {
  await users.signIn(identity('ina', ['admin', 'ops']))
  await users.update('ina', ['dev'], actor)
  await t.rejects(users.dropMapped('ina', by('ina')), { code: 'self_lockout' })
  t.match(await users.dropMapped('ina', actor), { ownRoles: ['dev'], mappedRoles: [], connector: 'sso' })
  t.same(users.rolesOf('ina'), ['dev'])
  await users.signIn(identity('ina', ['ops']))
  t.same(users.rolesOf('ina'), ['dev', 'ops'], 'the next sign-in maps them again')
  await t.rejects(users.dropMapped('nobody', actor), { code: 'user_not_found' })
})

t.test('a profile stays with its identity, and no other gets it', async (t) => {
  const profile = { name: 'Pia P.', email: 'pia@example.com' }
  const before = revisions.revision
  t.same((await users.signIn({ ...identity('pia', []), profile })).profile, profile)
  t.ok(revisions.revision > before)
  const known = revisions.revision
  t.same((await users.signIn({ ...identity('pia', []), profile })).profile, profile)
  t.equal(revisions.revision, known, 'the same again ends no cached decision')
  t.same((await users.confirm(identity('pia', []))).profile, profile, 'a passkey says nothing about it')
  const renamed = { ...profile, name: null }
  t.same((await users.signIn({ ...identity('pia', []), profile: renamed })).profile, renamed)
  t.ok(revisions.revision > known, 'a change reaches every hub')
  t.equal((await users.relink('pia', actor)).profile, undefined)
  t.equal((await users.signIn({ ...identity('pia', []), sub: 'other' })).profile, undefined)
  // As a hub of an older version leaves it.
  const stored = JSON.stringify({ holder: 'of the identity before', ...profile })
  await revisions.write(async (trx, change) => {
    await anyTables(trx).updateTable('users').set({ profile: stored }).where('key', '=', 'pia').execute()
    change.touch('user', 'pia')
  })
  t.equal(users.byName('pia')?.profile, undefined)
})

t.test('a sign-in that is revoked before its change stores nothing', async (t) => {
  const gone = users.signIn(identity('eve', ['ops']), async () => {
    throw new Error('the connector is gone')
  })
  await t.rejects(gone, { message: 'the connector is gone' })
  t.equal(users.byName('eve'), undefined)
})

t.test('E70 an unreadable user has no access, and does not affect others', async (t) => {
  for (const own_roles of ['nonsense', '"admin"', '[1]', 'null']) {
    await users.create('odd', ['dev'], actor)
    await revisions.write(async (trx, change) => {
      await anyTables(trx).updateTable('users').set({ own_roles }).where('key', '=', 'odd').execute()
      change.touch('user', 'odd')
    })
    t.equal(users.byName('odd'), undefined, own_roles)
    t.same(users.rolesOf('odd'), [])
    t.same(users.rolesOf('ben'), ['ops'])
    await t.rejects(users.remove('root', actor), { code: 'last_admin' })
    t.match(await users.remove('odd', actor), { name: 'odd', ownRoles: [] })
  }
  await users.create('odd', [], actor)
  await revisions.write((trx) =>
    anyTables(trx).updateTable('users').set({ own_roles: '{' }).where('key', '=', 'odd').execute(),
  )
  t.same((await users.update('odd', ['dev'], actor)).ownRoles, ['dev'], 'new roles mend it')
})
