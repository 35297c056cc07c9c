// together: rooms
/** What the plugin keeps in the database: what may be used once, and where a session came from. */
import type { Session } from '@mezite/core'
import { fakeClock, testSecretBox } from '@mezite/core/testing'
import t from 'tap'
import type { Connector } from '../../../plugins/oidc/connectors.ts'
import { createLogins } from '../../../plugins/oidc/logins.ts'
import { type OidcTables, oidcMigrations } from '../../../plugins/oidc/migrations.ts'
import { nextCheckOf } from '../../../plugins/oidc/recheck.ts'
import { createSpent } from '../../../plugins/oidc/spent-tokens.ts'
import { openTestDatabase } from '../../state/database/stores.ts'

const { db: database, close } = await openTestDatabase([oidcMigrations])
t.teardown(close)
const db = database.withTables<OidcTables>()
const clock = fakeClock()
const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
const session = (id: string, more: Partial<Session> = {}) =>
  ({ id, kind: 'hub', expires: clock.now() + 12 * 60 * MINUTE, ...more }) as Session

t.test('C41 a one-time value is accepted from one caller, each kind separately', async (t) => {
  const spent = createSpent(database, clock)
  const all = await Promise.all(Array.from({ length: 5 }, () => spent.spend('state', 'a', MINUTE)))
  t.equal(all.filter(Boolean).length, 1)
  t.ok(await spent.isSpent('state', 'a'))
  t.notOk(await spent.isSpent('jti', 'a'))
  t.ok(await spent.spend('jti', 'a', MINUTE))
})

t.test('a spent value is remembered ten minutes beyond its lifetime, for hubs that lag behind', async (t) => {
  const spent = createSpent(database, clock)
  t.ok(await spent.spend('state', 'b', MINUTE))
  clock.advance(11 * MINUTE)
  t.notOk(await spent.spend('state', 'b', MINUTE))
  clock.advance(1)
  t.ok(await spent.spend('state', 'other', MINUTE))
  t.equal((await db.selectFrom('oidc_spent').selectAll().execute()).length, 1)
})

t.test('a session and its child sessions end together', async (t) => {
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

t.test(
  'T222 a program is linked with the person for as long as it lasts, and not with a sign-in',
  async (t) => {
    const logins = createLogins(database, testSecretBox(), clock)
    const login = { connector: 'sso', sub: 'pam', sid: 'of-pam', idToken: 'token-of-pam' }
    await logins.keep(session('p1'), login)
    await logins.adopt(session('p1'), session('p2', { kind: 'token', expires: clock.now() + 30 * DAY }))
    t.strictSame(await logins.sessionIds('sso', { sid: 'of-pam' }), ['p1'])
    t.strictSame((await logins.sessionsOf('p1')).toSorted(), ['p1', 'p2'])
    clock.advance(29 * DAY)
    await logins.keep(session('p3'), login)
    t.strictSame((await logins.sessionIds('sso', { sub: 'pam' })).toSorted(), ['p2', 'p3'])
    clock.advance(2 * DAY)
    await logins.keep(session('p4'), login)
    t.strictSame((await logins.sessionIds('sso', { sub: 'pam' })).toSorted(), ['p3', 'p4'], 'both are over')
  },
)

t.test('T222 a refresh token is stored sealed, and forgotten with the last check', async (t) => {
  const logins = createLogins(database, testSecretBox(), clock)
  const login = { connector: 'sso', sub: 'ron', sid: null, idToken: 'token', refreshToken: 'refresh-of-ron' }
  await logins.keep(session('r1'), { ...login, nextCheck: clock.now() })
  const stored = async () => {
    const rows = db.selectFrom('oidc_logins').select('refresh_token').where('session_id', '=', 'r1')
    return (await rows.executeTakeFirst())?.refresh_token ?? null
  }
  const refreshTokens = async () =>
    (await logins.due(clock.now(), 10)).map(({ refreshToken }) => refreshToken)
  t.strictSame(await refreshTokens(), ['refresh-of-ron'])
  t.notOk(Buffer.from((await stored()) ?? []).includes('refresh-of-ron'), 'sealed')
  await logins.checked('r1', { at: clock.now(), refreshToken: 'the-next-one', failingSince: null })
  t.strictSame(await refreshTokens(), ['the-next-one'])
  t.notOk(Buffer.from((await stored()) ?? []).includes('the-next-one'), 'sealed')
  await logins.checked('r1', { at: null, failingSince: null })
  t.equal(await stored(), null)
})

t.test('checks of a connector are spread around its interval', (t) => {
  const connector = (recheck?: string) => ({ document: { spec: { recheck } } }) as unknown as Connector
  t.equal(nextCheckOf(connector(), 0), null, 'a connector without recheck does not ask')
  const times = Array.from({ length: 200 }, () => nextCheckOf(connector('10m'), 0)!)
  t.ok(times.every((ms) => ms >= 9 * MINUTE && ms <= 11 * MINUTE))
  t.ok(Math.max(...times) - Math.min(...times) > MINUTE, 'not all at the same time')
  t.end()
})

t.test('a login is stored as long as a session can last', async (t) => {
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
