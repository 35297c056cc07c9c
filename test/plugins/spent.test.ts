// together: rooms
/** What may be used once, at two hubs whose clocks differ. */
import type { Migrations } from '@mezite/core'
import { testSecretBox } from '@mezite/core/testing'
import t from 'tap'
import { oidcMigrations } from '../../plugins/oidc/migrations.ts'
import { createSpent } from '../../plugins/oidc/spent-tokens.ts'
import { createCeremonies } from '../../plugins/webauthn/ceremonies.ts'
import { webauthnMigrations } from '../../plugins/webauthn/migrations.ts'
import { openTestDatabase } from '../state/database/stores.ts'

let passed = 0
const clockAhead = (ms: number) => ({
  now: () => Date.now() + passed + ms,
  monotonic: () => performance.now() + passed,
})

async function databaseOf(t: { teardown(end: () => unknown): void }, migrations: Migrations) {
  const database = await openTestDatabase([migrations])
  t.teardown(database.close)
  return database.db
}

t.test('a spent challenge stays spent, although a hub with a fast clock deletes old ones', async (t) => {
  const db = await databaseOf(t, webauthnMigrations)
  const secretBox = testSecretBox()
  const [exact, ahead] = [0, 20_000].map((ms) => createCeremonies(db, secretBox, clockAhead(ms)))
  const binding = { purpose: 'sign-in', session: 's', user: null } as const
  const { ceremony } = exact!.begin(binding)
  await exact!.spend(ceremony, binding)
  passed += 45_000
  await ahead!.spend(ahead!.begin(binding).ceremony, binding)
  await t.rejects(exact!.spend(ceremony, binding), { code: 'challenge_spent' })

  // D57: it counts for exactly what it was made for.
  const made = { purpose: 'session-mfa', session: 's', user: 'u', app: 'a', link: 'l' } as const
  for (const other of [
    { purpose: 'confirm' },
    { session: 'x' },
    { user: 'x' },
    { user: null },
    { app: 'x' },
    { app: null },
    { link: 'x' },
    { link: null },
  ] as const) {
    const asked = exact!.begin(made)
    const foreign = { code: 'challenge_foreign' }
    await t.rejects(exact!.spend(asked.ceremony, { ...made, ...other }), foreign, JSON.stringify(other))
    await t.rejects(exact!.spend(asked.ceremony, made), { code: 'challenge_spent' }, 'and is spent by it')
  }
})

t.test('a spent state of a sign-in and a spent id of a logout stay spent', async (t) => {
  const db = await databaseOf(t, oidcMigrations)
  const [exact, ahead] = [0, 20_000].map((ms) => createSpent(db, clockAhead(ms)))
  t.ok(await exact!.spend('state', 's', 60_000))
  t.ok(await exact!.spend('jti', 'j', 60_000))
  passed += 45_000
  t.ok(await ahead!.spend('state', 'other', 60_000))
  t.notOk(await exact!.spend('state', 's', 60_000))
  t.ok(await exact!.isSpent('jti', 'j'))
  t.ok(await ahead!.isSpent('jti', 'j'))
})
