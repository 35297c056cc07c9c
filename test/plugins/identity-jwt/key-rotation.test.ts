// together: rooms
/** Two hubs on one PostgreSQL database keep one set of keys, over weeks by the clock. */
import { randomBytes } from 'node:crypto'
import { createSigningKeys } from '@mezite/core/identity'

import { fakeClock, testActor, testSecretBox } from '@mezite/core/testing'
import t from 'tap'
import type { SigningKeyRow } from '../../../core/api/signing-keys.ts'
import { verifyAssertion } from '../../../examples/verify-assertion/node/verify-assertion.ts'
import { createAssertion } from '../../../plugins/identity-jwt/assertion.ts'
import { assertionKeys, identityJwtMigrations } from '../../../plugins/identity-jwt/migrations.ts'
import { postgresStore } from '../../state/database/postgres-stores.ts'
import { changesOf, open } from '../../state/database/stores.ts'
import { fakeApp } from '../sign-in/sign-in-host.ts'

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
const store = await postgresStore()
t.teardown(() => store.close())
const config = await store.config()
const clock = fakeClock()
const secret = randomBytes(32)
const publicNames = { hubOrigin: 'https://hub.example.com' }
const app = fakeApp('one')
const subject = { user: 'alice', roles: [], kind: 'session', sessionId: 's', satisfied: [] } as const

async function startHub() {
  const database = await open(config)
  await database.migrate([identityJwtMigrations])
  const revisions = changesOf(database)
  const keys = createSigningKeys({ revisions, secretBox: testSecretBox(secret), clock, ...assertionKeys })
  revisions.addView(keys.view)
  await revisions.start()
  t.teardown(async () => {
    await revisions.stop()
    await database.close()
  })
  const { sign } = createAssertion({ keys, clock, publicNames })
  return {
    keys,
    revisions,
    sign: (sessionId = 's') => sign({ ...subject, sessionId }, app),
    kids: () => keys.published().map(({ kid }) => kid),
  }
}
const hubs = [await startHub(), await startHub()] as const
const [a, b] = hubs

/** A hub reads what another one wrote with its next poll; an empty change of its own reads at once. */
const sync = () => Promise.all(hubs.map(({ revisions }) => revisions.write(async () => {})))
const tendAll = async () => {
  await Promise.all(hubs.map(({ keys }) => keys.tend()))
  await sync()
}
const kidOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).kid as string
const accepts = (hub: typeof a, token: string) =>
  verifyAssertion(token, {
    keys: hub.keys.published() as never,
    issuer: publicNames.hubOrigin,
    audience: app.uri,
    app: app.name,
    now: clock.now(),
  }).sub === 'alice'

t.test('hubs that start together create one key in all', async (t) => {
  await Promise.all(hubs.map(({ keys }) => keys.ensure()))
  await sync()
  t.equal(a.kids().length, 1)
  t.strictSame(a.kids(), b.kids())
  t.ok(accepts(b, a.sign()), 'what one signs verifies with the keys of the other')
})

t.test('a new key is published six minutes before it signs, and the old one stays for a week', async (t) => {
  const [old] = a.kids()
  clock.advance(30 * DAY - MINUTE)
  await tendAll()
  t.strictSame(a.kids(), [old], 'not yet due')

  clock.advance(2 * MINUTE)
  await tendAll()
  t.equal(a.kids().length, 2, 'one new key, though both hubs saw that it was due')
  t.strictSame(a.kids(), b.kids())
  const [, fresh] = a.kids()
  const last = a.sign()
  t.equal(kidOf(last), old, 'published, not used')

  clock.advance(6 * MINUTE)
  t.equal(kidOf(a.sign()), fresh)
  t.equal(kidOf(b.sign()), fresh)
  t.ok(accepts(a, b.sign()))
  t.equal(kidOf(last), old)
  t.ok(a.kids().includes(old), 'what was signed before still verifies')

  clock.advance(7 * DAY - MINUTE)
  await tendAll()
  t.strictSame(a.kids(), [old, fresh], 'six days and 23 hours later')
  clock.advance(2 * MINUTE)
  t.strictSame(a.kids(), [fresh], 'not published any more, whether or not it was removed')
  await tendAll()
  t.strictSame(b.kids(), [fresh])
  t.ok(accepts(b, a.sign()))
})

t.test('fault 16 a verifier with a key set of five minutes gets no unknown key', async (t) => {
  // Each fetches from one of the hubs, at a time of its own, and never for an unknown key.
  const verifiers = hubs.flatMap((hub) =>
    Array.from({ length: 60 }, (_, at) => ({ hub, age: at * 5_000, keys: hub.keys.published() })),
  )
  /** As late as a hub may be behind before it decides nothing, it serves what was true five seconds ago. */
  const served = new Map(hubs.map((hub) => [hub, hub.keys.published()]))
  const signed: { token: string; at: number }[] = []
  const before = a.kids().length
  let failures = 0
  let checks = 0
  for (let second = 0; second < 20 * 60; second += 5) {
    if (second === 60) await a.keys.rotate(testActor)
    if (second === 60) await sync()
    clock.advance(5_000)
    for (const hub of hubs) signed.push({ token: hub.sign(`s${second}`), at: clock.now() })
    while (signed[0] && signed[0].at < clock.now() - 110_000) signed.shift()
    for (const verifier of verifiers) {
      verifier.age += 5_000
      if (verifier.age >= 5 * MINUTE) Object.assign(verifier, { age: 0, keys: served.get(verifier.hub) })
      for (const { token } of [signed[0]!, ...signed.slice(-2)]) {
        checks += 1
        if (!verifier.keys.some(({ kid }) => kid === kidOf(token))) failures += 1
        else if (second % 100 === 0 && !accepts(verifier.hub, token)) failures += 1
      }
    }
    for (const hub of hubs) served.set(hub, hub.keys.published())
  }
  t.equal(failures, 0, `of ${checks}`)
  t.equal(a.kids().length, before + 1)
  t.same(
    a.keys.list().map(({ state }) => state),
    ['overlap', 'active'],
  )
})

t.test('a second rotation while a key is coming creates no third key', async (t) => {
  await a.keys.rotate(testActor)
  await Promise.all(hubs.map(({ keys }) => keys.rotate(testActor)))
  await sync()
  t.same(
    b.keys.list().map(({ state }) => state),
    ['overlap', 'active', 'coming'],
  )
  clock.advance(6 * MINUTE)
  t.equal(b.keys.list().at(-1)?.state, 'active')
})

t.test('O179 the key set has public members only', async (t) => {
  const allowed = new Set(['kty', 'crv', 'x', 'y', 'kid', 'alg', 'use'])
  for (const jwk of a.keys.published()) for (const name of Object.keys(jwk)) t.ok(allowed.has(name), name)
  const database = await open(config)
  t.teardown(() => database.close())
  const rows = await database.db
    .withTables<{ identity_jwt_keys: SigningKeyRow }>()
    .selectFrom('identity_jwt_keys')
    .selectAll()
    .execute()
  t.ok(rows.length > 1)
  const p256 = Buffer.from('2a8648ce3d0301', 'hex')
  for (const row of rows)
    t.notOk(Buffer.from(row.private_key).includes(p256), 'O178 what is stored is sealed')
})

t.test('a hub that was down over a rotation has the same keys when it is back', async (t) => {
  await a.keys.rotate(testActor)
  const late = await startHub()
  t.strictSame(late.kids(), a.kids())
  t.equal(kidOf(late.sign()), kidOf(a.sign()))
})
