// together: rooms
/** Challenges: for whom, for what, how long, and once. */

import { testSecretBox } from '@mezite/core/testing'
import t from 'tap'
import { type Binding, createCeremonies } from '../../../plugins/webauthn/ceremonies.ts'
import type { WebauthnTables } from '../../../plugins/webauthn/migrations.ts'
import { openTables } from './open-tables.ts'

const { database, clock } = await openTables(t)
const ceremonies = createCeremonies(database, testSecretBox(), clock)
const mfa: Binding = { purpose: 'session-mfa', session: 's1', user: 'ann', app: 'bank', link: null }
const rows = async () =>
  (await database.withTables<WebauthnTables>().selectFrom('webauthn_spent').selectAll().execute()).length

t.test('D57 a challenge is bound to one purpose, session, person, app and link', async (t) => {
  for (const other of [
    { purpose: 'confirm' },
    { session: 's2' },
    { user: 'bob' },
    { user: null },
    { app: 'other' },
    { app: null },
    { link: 'l1' },
  ] as Partial<Binding>[]) {
    const { ceremony } = ceremonies.begin(mfa)
    const foreign = ceremonies.spend(ceremony, { ...mfa, ...other })
    await t.rejects(foreign, { status: 400, code: 'challenge_foreign' }, JSON.stringify(other))
    await t.rejects(ceremonies.spend(ceremony, mfa), { code: 'challenge_spent' }, 'which has spent it')
  }
  const { ceremony, challenge } = ceremonies.begin(mfa)
  t.equal(await ceremonies.spend(ceremony, mfa), challenge)
})

t.test('D57 a challenge lasts a minute, and a confirmation allows the next step for two', async (t) => {
  for (const [purpose, seconds] of [
    ['session-mfa', 60],
    ['sign-in', 60],
    ['enrol', 60],
    ['confirm', 60],
    ['permit', 120],
  ] as const) {
    const binding = { ...mfa, purpose }
    const [good, late] = [ceremonies.begin(binding), ceremonies.begin(binding)]
    clock.advance(seconds * 1_000 - 1)
    t.equal(await ceremonies.spend(good.ceremony, binding), good.challenge)
    clock.advance(1)
    await t.rejects(ceremonies.spend(late.ceremony, binding), { code: 'challenge_expired' }, purpose)
  }
})

t.test('D57 a challenge is valid once, even if another hub’s clock is ten minutes slow', async (t) => {
  const { ceremony } = ceremonies.begin(mfa)
  const all = await Promise.allSettled(Array.from({ length: 5 }, () => ceremonies.spend(ceremony, mfa)))
  t.equal(all.filter(({ status }) => status === 'fulfilled').length, 1)
  clock.advance(10 * 60_000)
  await ceremonies.spend(ceremonies.begin(mfa).ceremony, mfa)
  clock.jump(clock.now() - 10 * 60_000)
  await t.rejects(ceremonies.spend(ceremony, mfa), { code: 'challenge_spent' })
})

t.test('spent challenges are deleted once they have expired everywhere', async (t) => {
  t.ok((await rows()) > 1)
  clock.advance(60 * 60_000)
  await ceremonies.spend(ceremonies.begin(mfa).ceremony, mfa)
  t.equal(await rows(), 1)
})

t.test('a challenge that this cluster has not sealed is refused', async (t) => {
  const stranger = createCeremonies(database, testSecretBox(), clock)
  const { ceremony } = ceremonies.begin(mfa)
  for (const forged of [
    '',
    'x',
    stranger.begin(mfa).ceremony,
    `${ceremony}=`,
    ` ${ceremony}`,
    'A'.repeat(4_097),
  ])
    await t.rejects(ceremonies.spend(forged, mfa), { code: 'challenge_unknown' }, forged.slice(0, 20))
  const long = { ...mfa, app: 'a'.repeat(4_000) }
  await t.rejects(ceremonies.spend(ceremonies.begin(long).ceremony, long), { code: 'challenge_unknown' })
})
