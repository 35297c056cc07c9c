// together: quick
import type { User } from '@mezite/core'
import t from 'tap'
import { createPeople } from '../../../plugins/access-requests/people.ts'

const account = (name: string, more: Partial<User> = {}): User => ({
  name,
  key: name,
  ownRoles: [],
  mappedRoles: [],
  identity: null,
  holder: null,
  connector: null,
  created: 0,
  lastLogin: null,
  ...more,
})
const mail = (email: string | null) => ({ profile: { name: null, email } })

const ann = account('ann', { holder: 'h1', ...mail('Ann@example.com') })
const people = createPeople({
  users: { byName: () => ann, rolesOf: () => [] } as never,
  grants: { list: () => [] },
  locks: { lockFor: () => null },
  sessions: { byId: () => undefined },
})

t.test('T213 two accounts of one person count as one', (t) => {
  const request = { user_name: 'ann', user_key: 'ann', holder: 'h1' }
  t.ok(people.same(request, ann))
  t.ok(people.same(request, account('ann2', { holder: 'h1' })), 'one identity under two names')
  t.ok(people.same(request, account('ann3', { holder: 'h2', ...mail('ann@EXAMPLE.com') })), 'one address')
  t.notOk(people.same(request, account('bob', { holder: 'h2', ...mail('bob@example.com') })))
  t.notOk(
    people.same({ ...request, holder: null }, account('bob')),
    'accounts without an identity or address',
  )
  t.end()
})

t.test('T251 a request belongs to its identity, or to the first that takes the name', (t) => {
  t.ok(people.isOf({ user_key: 'ann', holder: 'h1' }, ann))
  t.ok(
    people.isOf({ user_key: 'ann', holder: null }, ann),
    'ann asked before her first sign-in at a provider',
  )
  t.notOk(people.isOf({ user_key: 'ann', holder: 'h0' }, ann), 'another identity had the name')
  t.notOk(people.isOf({ user_key: 'ann', holder: 'h1' }, account('ann')), 'the name was released')
  t.notOk(people.isOf({ user_key: 'bob', holder: null }, ann))
  t.equal(people.requester({ user_name: 'ann', user_key: 'ann', holder: null }), ann)
  t.equal(people.requester({ user_name: 'ann', user_key: 'ann', holder: 'h0' }), undefined)
  t.end()
})
