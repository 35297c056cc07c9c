// together: quick
/** Names and roles from what a provider says about a person. */
import t from 'tap'
import { profileOf, rolesOf, SignInRefused, userNameOf } from '../../../plugins/oidc/claim-mapping.ts'
import type { ConnectorSpec } from '../../../plugins/oidc/connector-resource.ts'

const spec = (more: Partial<ConnectorSpec>) =>
  ({ username_claim: 'email', require_verified_email: true, claims_to_roles: [], ...more }) as ConnectorSpec
function map(value: string, claims: object, claim = 'groups') {
  const { unverified: _, ...mapped } = rolesOf(rule(claim, value), claims as never)
  return mapped
}
const rule = (claim: string, value: string, more: Partial<ConnectorSpec> = {}) =>
  spec({ ...more, claims_to_roles: [{ claim, value, roles: ['r'] }] })
const gives = (value: string, groups: unknown) => map(value, { groups }).roles.length === 1
/** The name, or why there is none. */
function nameOf(more: Partial<ConnectorSpec>, claims: object): string {
  try {
    return userNameOf(spec(more), claims as never)
  } catch (error) {
    if (error instanceof SignInRefused) return error.reason
    throw error
  }
}

t.test('a name must be a text of the claims themselves, and not an inherited member', (t) => {
  t.equal(nameOf({ username_claim: 'upn' }, { upn: 'ann' }), 'ann')
  for (const [claim, claims] of [
    ['upn', {}],
    ['upn', { upn: '' }],
    ['upn', { upn: 7 }],
    ['toString', {}],
    ['upn', Object.create({ upn: 'ann' })],
  ] as const)
    t.equal(nameOf({ username_claim: claim }, claims), 'username_missing', claim)
  t.end()
})

t.test('C46 an address is a name if the provider vouches for it', (t) => {
  const email = 'ann@example.com'
  for (const email_verified of [true, 'true']) t.equal(nameOf({}, { email, email_verified }), email)
  for (const email_verified of [false, 'false', 'yes', 1, null, undefined])
    t.equal(nameOf({}, { email, email_verified }), 'email_unverified', String(email_verified))
  t.end()
})

t.test('C46 an address without that gives no role, whatever claim is the name', (t) => {
  const email = 'ann@example.com'
  for (const username_claim of ['email', 'preferred_username']) {
    for (const value of [email, '*', '^.*@example[.]com$']) {
      const map = (claims: object, require_verified_email = true) =>
        rolesOf(rule('email', value, { username_claim, require_verified_email }), claims as never)
      t.match(map({ email, email_verified: true }), { roles: ['r'], unverified: false })
      for (const email_verified of [false, 'false', 'yes', 1, null, undefined])
        t.match(map({ email, email_verified }), { roles: [], unverified: true }, String(email_verified))
      t.match(map({ email, email_verified: false }, false), { roles: ['r'], unverified: false })
    }
  }
  t.end()
})

t.test('C48 a rule matches the whole of a value, with a pattern too', (t) => {
  t.ok(gives('admins', ['x', 'admins']))
  t.ok(gives('admins', 'admins'))
  for (const groups of ['admins,x', ['Admins'], ['admins '], [['admins']], 7, { admins: true }, null])
    t.notOk(gives('admins', groups), JSON.stringify(groups))
  t.ok(gives('^eu-.*$', ['eu-west']))
  t.notOk(gives('^eu-.*$', ['neu-west']))
  for (const group of ['root', 'adm']) t.ok(gives('^adm|root$', [group]))
  for (const group of ['administrator', 'uproot', 'adm\nroot']) t.notOk(gives('^adm|root$', [group]), group)
  for (const literal of ['^', '^a', 'a$', 'a.*']) {
    t.ok(gives(literal, [literal]), 'taken literally')
    t.notOk(gives(literal, ['abc']), literal)
  }
  t.end()
})

t.test('C48 values in a list that are not text match no rule, star or pattern', (t) => {
  for (const wanted of ['*', '^.*$', '7']) t.notOk(gives(wanted, [7, null, {}, ['a']]), wanted)
  t.ok(gives('^a$', [7, 'a']))
  t.notOk(gives('*', []))
  t.notOk(gives('*', undefined))
  t.notOk(gives('^.*$', ['x'.repeat(4_097)]), 'nor what is too long for a pattern')
  t.ok(gives('^.*$', ['x'.repeat(4_096)]))
  t.end()
})

t.test('C48 an unreadable claim is reported, and a missing one is not', (t) => {
  const list = (length: number) => Array<string>(length).fill('a')
  t.strictSame(map('a', { groups: list(20_000) }), { roles: ['r'], unreadable: [] })
  t.strictSame(map('a', { groups: list(20_001) }), { roles: [], unreadable: ['groups'] })
  t.strictSame(map('a', { groups: 7 }), { roles: [], unreadable: ['groups'] })
  t.strictSame(map('a', { _claim_names: { groups: 'src1' } }), { roles: [], unreadable: ['groups'] })
  for (const claims of [
    {},
    { _claim_names: { other: 'src1' } },
    { _claim_names: null },
    { _claim_names: 'x' },
  ])
    t.strictSame(map('a', claims), { roles: [], unreadable: [] })
  t.strictSame(map('*', {}, 'constructor'), { roles: [], unreadable: [] }, 'nor what every object has')
  t.end()
})

t.test(
  'C46 headers of applications contain a name, and an address only if the provider vouches for it',
  (t) => {
    const of = (claims: object, more: object = {}) => profileOf(spec(more), claims as never)
    const email = 'ann@example.com'
    t.same(of({ email, email_verified: true, name: 'Ann' }), { name: 'Ann', email })
    t.same(of({ email, name: 'Ann' }), { name: 'Ann', email: null })
    t.same(of({ email }, { require_verified_email: false }), { name: null, email })
    for (const name of ['', 7, ['Ann'], 'x'.repeat(321), Object.create({ name: 'Ann' })])
      t.same(of({ name, email: name, email_verified: true }), { name: null, email: null })
    t.end()
  },
)
