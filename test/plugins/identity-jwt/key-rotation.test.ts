/** Two hubs on one PostgreSQL database keep one set of keys, over weeks by the clock. */
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { createVault } from '../../../core/hub/keys/create-vault.ts'
import { fakeClock } from '../../../core/testing/fake-clock.ts'
import { verifyAssertion } from '../../../examples/verify-assertion/node/verify-assertion.ts'
import { createAssertion } from '../../../plugins/identity-jwt/create-assertion.ts'
import { createSigningKeys } from '../../../plugins/identity-jwt/create-signing-keys.ts'
import { identityJwtMigrations } from '../../../plugins/identity-jwt/migrations.ts'
import { changesOf, open, postgresStore } from '../../hub/database/stores.ts'
import { fakeApp } from '../../hub/web/sign-in/sign-in-host.ts'

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
  const changes = changesOf(database)
  const keys = createSigningKeys({ changes, vault: createVault(secret), clock })
  changes.addView(keys.view)
  await changes.start()
  t.teardown(async () => {
    await changes.stop()
    await database.close()
  })
  const { sign } = createAssertion({ keys, changes, clock, publicNames })
  return { keys, changes, sign: () => sign(subject, app), kids: () => keys.published().map(({ kid }) => kid) }
}
const hubs = [await startHub(), await startHub()] as const
const [a, b] = hubs

/** A hub reads what another one wrote with its next poll; an empty change of its own reads at once. */
const sync = () => Promise.all(hubs.map(({ changes }) => changes.write(async () => {})))
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

t.test('hubs that start together make one key between them', async (t) => {
  await Promise.all(hubs.map(({ keys }) => keys.ensure()))
  await sync()
  t.equal(a.kids().length, 1)
  t.strictSame(a.kids(), b.kids())
  t.ok(accepts(b, a.sign()), 'what one signs verifies with the keys of the other')
})

t.test('a new key is published five minutes before it signs; the old one stays for a week', async (t) => {
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

  clock.advance(5 * MINUTE)
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

t.test('a hub that was down over a rotation has the same keys when it is back', async (t) => {
  await a.keys.rotate()
  const late = await startHub()
  t.strictSame(late.kids(), a.kids())
  t.equal(kidOf(late.sign()), kidOf(a.sign()))
})
