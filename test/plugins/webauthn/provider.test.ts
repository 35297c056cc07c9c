// together: sign-in
/** People of an identity provider: what links and keys do for them, and what they never do. */
import { FakeAuthenticator, FakeIssuer, type Visitor } from '@mezite/core/testing'
import t from 'tap'
import { connect } from '../../e2e/resources.ts'
import { type Holder, startKeyHub } from './key-hub.ts'

const keys = await startKeyHub({ first_key: 'admin' })
const issuer = await FakeIssuer.start()
t.teardown(async () => {
  await keys.hub.stop()
  await issuer.close()
})
await connect(keys.hub.api, issuer, 'strict')

/** Signs in at the provider; the visitor has a hub session then. */
async function arrive(name: string, visitor: Visitor = keys.hub.visitor()): Promise<Holder> {
  issuer.person = { sub: name, email: `${name}@example.com`, email_verified: true, groups: ['platform-team'] }
  const page = await visitor.open(`${keys.origin}/web/login?connector=sso`)
  t.match(page.text, `${name}@example.com`)
  return { name: `${name}@example.com`, visitor, key: new FakeAuthenticator(keys.origin) }
}

t.test(
  'first_key: admin does not let anybody add the first passkey alone, and refuses links of others',
  async (t) => {
    const ann = await arrive('ann')
    t.match(await keys.post(ann.visitor, '/web/account/keys/begin', {}), {
      status: 403,
      code: 'first_key_by_admin',
    })
    const page = await ann.visitor.fetch((await keys.enter(ann.visitor, 'vault')).href)
    t.match(page.text, 'Ask an administrator for a link')
    const ben = await arrive('ben')
    const token = await keys.link(ann.name)
    t.match(await keys.enrol(ben, token), { status: 403, code: 'link_of_another' })
    t.match(await keys.enrol({ ...ann, visitor: keys.hub.visitor() }, token), {
      status: 401,
      code: 'login_required',
    })
    keys.clock.advance(11 * 60_000)
    // The provider's clock is ahead as well, by as much as an ID token may be old.
    issuer.misbehave = {
      idToken: (claims) => {
        claims.iat = Number(claims.iat) + 330
        claims.exp = Number(claims.exp) + 660
      },
    }
    await keys.hub.ready()
    t.match(await keys.enrol(ann, token), { status: 401, code: 'login_required' }, 'an old sign-in')
    await arrive('ann', ann.visitor)
    t.equal((await keys.enrol(ann, token)).status, 200)
    t.match((await keys.confirm(ann)).location, '/.mezite/session?code=')
  },
)

t.test('a passkey of a person with a provider confirms and never signs in', async (t) => {
  const carl = await arrive('carl')
  t.equal((await keys.enrol(carl, await keys.link(carl.name))).status, 200)
  await keys.hub.api('POST', '/users', { name: 'erin', roles: ['strict'] })
  await keys.link('erin', { sign_in: true })
  const elsewhere = { ...carl, visitor: keys.hub.visitor() }
  t.match(await keys.signIn(elsewhere), { status: 403, code: 'passkey_not_for_sign_in' })
  t.notMatch(elsewhere.visitor.cookies(new URL(keys.origin).host), /mezite_session/)
  const [failed] = await keys.audit('user.login.failed', carl.name, 1)
  t.match(failed, { success: false, reason: 'passkey_not_for_sign_in' })
  await t.rejects(keys.link(carl.name, { sign_in: true }), { code: 'user_has_provider' })
})

t.test('the next holder of a name inherits no passkeys after users relink', async (t) => {
  const dora = await arrive('dora')
  t.equal((await keys.enrol(dora, await keys.link(dora.name))).status, 200)
  await keys.hub.api('POST', `/users/${encodeURIComponent(dora.name)}/relink`)
  issuer.person = { sub: 'another', email: dora.name, email_verified: true, groups: ['platform-team'] }
  const visitor = keys.hub.visitor()
  await visitor.open(`${keys.origin}/web/login?connector=sso`)
  t.strictSame(await keys.hub.api('GET', `/users/${encodeURIComponent(dora.name)}/mfa`), [])
  const state = await keys.stateFor({ ...dora, visitor })
  t.match(await keys.begin({ ...dora, visitor }, state), { status: 409, code: 'key_missing' })
})

t.test('a locked person cannot get a session from an assertion', async (t) => {
  const finn = await arrive('finn')
  t.equal((await keys.enrol(finn, await keys.link(finn.name))).status, 200)
  const state = await keys.stateFor(finn)
  const asked = await keys.begin(finn, state)
  await keys.hub.api('POST', '/locks', { target: { user: finn.name } })
  t.match(await keys.finish(finn, state, asked, finn.key.get(asked.options)), { status: 403, code: 'locked' })
})
