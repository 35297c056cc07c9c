/** What the plugin keeps in the database: what may be used once, and where a session came from. */
import type { Session } from '@mezite/core'
import { fakeClock, testSecretBox } from '@mezite/core/testing'
import t from 'tap'
import { createLogins } from '../../../plugins/oidc/logins.ts'
import { type OidcTables, oidcMigrations } from '../../../plugins/oidc/migrations.ts'
import { createSpent } from '../../../plugins/oidc/spent-tokens.ts'
import { openTestDatabase } from '../../hub/database/stores.ts'

const { db: database, close } = await openTestDatabase([oidcMigrations])
t.teardown(close)
const db = database.withTables<OidcTables>()
const clock = fakeClock()
const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
const session = (id: string) => ({ id }) as Session

t.test('C41 what may be used once is for one caller, and each kind for itself', async (t) => {
  const spent = createSpent(database, clock)
  const all = await Promise.all(Array.from({ length: 5 }, () => spent.spend('state', 'a', MINUTE)))
  t.equal(all.filter(Boolean).length, 1)
  t.ok(await spent.isSpent('state', 'a'))
  t.notOk(await spent.isSpent('jti', 'a'))
  t.ok(await spent.spend('jti', 'a', MINUTE))
})

t.test(
  'it is remembered ten minutes beyond its time, for hubs that are behind, and then forgotten',
  async (t) => {
    const spent = createSpent(database, clock)
    t.ok(await spent.spend('state', 'b', MINUTE))
    clock.advance(11 * MINUTE)
    t.notOk(await spent.spend('state', 'b', MINUTE))
    clock.advance(1)
    t.ok(await spent.spend('state', 'other', MINUTE))
    t.equal((await db.selectFrom('oidc_spent').selectAll().execute()).length, 1)
  },
)

t.test('a session and those made from it share their fate', async (t) => {
  const logins = createLogins(database, testSecretBox(), clock)
  const login = { connector: 'sso', sub: 'ann', sid: 'one', idToken: 'token-of-ann' }
  await logins.keep(session('s1'), login)
  await logins.keep(session('s2'), { ...login, sid: 'two' })
  await logins.keep(session('s3'), { ...login, connector: 'other' })
  await logins.adopt(session('s1'), session('s4'))
  await logins.adopt(session('unknown'), session('s5'))
  t.strictSame((await logins.sessionIds('sso', { sid: 'one' })).sort(), ['s1', 's4'])
  t.strictSame((await logins.sessionIds('sso', { sub: 'ann' })).sort(), ['s1', 's2', 's4'])
  t.strictSame(await logins.sessionIds('sso', { sub: 'bob', sid: 'one' }), [])
  for (const id of ['s1', 's4']) t.equal(await logins.idTokenOf(session(id)), 'token-of-ann')
  t.equal(await logins.idTokenOf(session('s5')), null)
  const [row] = await db.selectFrom('oidc_logins').selectAll().where('session_id', '=', 's1').execute()
  t.notOk(Buffer.from(row?.id_token ?? []).includes('token-of-ann'), 'sealed')
})

t.test('it is kept for as long as a session could last', async (t) => {
  const logins = createLogins(database, testSecretBox(), clock)
  const login = { connector: 'sso', sub: 'kim', sid: null, idToken: 'token' }
  await logins.keep(session('k1'), login)
  clock.advance(8 * DAY)
  await logins.keep(session('k2'), login)
  t.strictSame((await logins.sessionIds('sso', { sub: 'kim' })).sort(), ['k1', 'k2'])
  clock.advance(1)
  await logins.keep(session('k3'), login)
  t.strictSame((await logins.sessionIds('sso', { sub: 'kim' })).sort(), ['k2', 'k3'])
})
