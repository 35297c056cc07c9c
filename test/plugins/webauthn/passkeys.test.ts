// together: rooms
/** Whose a key is, and what happens to it. */
import t from 'tap'
import { createLinks } from '../../../plugins/webauthn/enrolment-links.ts'
import type { KeyRow } from '../../../plugins/webauthn/migrations.ts'
import { createKeys } from '../../../plugins/webauthn/passkeys.ts'
import { actor } from '../../gate/sessions/start-rooms.ts'
import { openTables, userOf } from './open-tables.ts'

const { database, revisions, clock, audited } = await openTables(t)
const keys = createKeys(database, revisions, clock)
const links = createLinks(database, revisions, clock)
const who = { user: 'x', clientIp: '192.0.2.1' }
let count = 0

async function add(user: ReturnType<typeof userOf>, id = `key-${++count}`): Promise<KeyRow> {
  const key = {
    id,
    name: 'Key',
    public_key: new Uint8Array(1),
    counter: 0,
    transports: '[]',
    aaguid: '',
    backup_eligible: 0,
    attested_root: null,
  }
  await keys.add(user, key, who, 'account')
  return (await keys.byId(id)) as KeyRow
}
const idsOf = async (user: ReturnType<typeof userOf>) => (await keys.of(user)).map(({ id }) => id)

t.test('a passkey belongs to its person, and not to the next holder of the name', async (t) => {
  const [first, next] = [userOf('ann', 'h1'), userOf('ann', 'h2')]
  const old = await add(first)
  t.strictSame(await idsOf(first), [old.id])
  t.strictSame(await idsOf(next), [])
  t.notOk(await keys.rename(next, old.id, 'Mine'))
  t.notOk(await keys.rename(userOf('bob', 'h1'), old.id, 'Mine'))
  t.ok(await keys.rename(first, old.id, 'Mine'))
  await t.rejects(
    keys.remove(next, old.id, who, async () => {}),
    { status: 404, code: 'key_unknown' },
  )
  t.notOk(await keys.use({ ...old, holder: 'h2' }, 5), 'whoever it was read for')
  const { id } = await add(next)
  t.strictSame(await idsOf(next), [id])
  t.equal(await keys.byId(old.id), undefined, 'the first key of the next holder takes away what was left')
  await t.rejects(add(userOf('carl', null)), { status: 409, code: 'user_unknown' })
})

t.test('an authenticator gives one passkey, and a person has at most twenty', async (t) => {
  const [dora, eve] = [userOf('dora'), userOf('eve')]
  const { id } = await add(dora)
  for (const user of [dora, eve]) await t.rejects(add(user, id), { status: 409, code: 'key_known' })
  t.strictSame(await idsOf(eve), [])
  for (let more = 1; more < 20; more++) await add(dora)
  await t.rejects(add(dora), { status: 409, code: 'too_many_keys' })
})

t.test('D62 a counter must grow, unless the authenticator never counts', async (t) => {
  const finn = userOf('finn')
  const silent = await add(finn)
  for (let time = 0; time < 3; time++) t.ok(await keys.use(silent, 0))
  const counting = await add(finn)
  t.ok(await keys.use(counting, 1))
  for (const counter of [1, 0]) t.notOk(await keys.use(counting, counter))
  t.ok(await keys.use(counting, 2))
  t.ok((await keys.byId(counting.id))?.last_used)
  const used = await Promise.all([keys.use(counting, 3), keys.use(counting, 3)])
  t.equal(used.filter(Boolean).length, 1, 'of two with one counter')
})

t.test('an administrator removes one passkey or all, and the sessions end', async (t) => {
  const gina = userOf('gina')
  const [one, two] = [await add(gina), await add(gina)]
  const end = async () => 7
  t.strictSame(await keys.reset(gina, 'unknown', actor, end), { gone: 0, ended: 0 })
  t.strictSame(await keys.reset(gina, one.id, actor, end), { gone: 1, ended: 7 })
  t.strictSame(await idsOf(gina), [two.id])
  t.strictSame(await keys.reset(userOf('other'), two.id, actor, end), { gone: 0, ended: 0 })
  t.strictSame(await keys.reset(gina, null, actor, end), { gone: 1, ended: 7 })
  t.equal(audited.filter(({ type }) => type === 'mfa.removed').length, 2)
})

const byOperator = { maker_kind: 'operator', maker: 'operator', maker_key: null, maker_holder: null } as const
t.test('D66 a link is valid while it lasts, and only until it is used', async (t) => {
  const [hal, ida] = [userOf('hal'), userOf('ida')]
  const spend = (id: string) => revisions.write((trx) => links.spend(trx, id), actor)
  const used = await links.issue(hal, byOperator, actor)
  const late = await links.issue(hal, byOperator, actor)
  t.equal((await links.find(used.token))?.id, used.id)
  t.equal(await links.find('unknown'), undefined)
  await spend(used.id)
  await t.rejects(spend(used.id), { status: 400, code: 'link_refused' })
  t.equal(await links.find(used.token), undefined)
  t.strictSame(
    (await links.of(hal)).map(({ id }) => id),
    [late.id],
  )
  t.equal(await links.revoke(ida, null, actor), 0, 'those of somebody else stay')
  t.equal(await links.revoke(hal, used.id, actor), 0, 'a used one could not have been used')
  clock.advance(15 * 60_000)
  await t.rejects(spend(late.id), { status: 400, code: 'link_refused' })
  t.equal(await links.find(late.token), undefined)
  t.strictSame(await links.of(hal), [])
  const longer = await links.issue(hal, byOperator, actor, 3_600_000)
  clock.advance(3_599_999)
  t.strictSame(
    (await links.of(hal)).map(({ id }) => id),
    [longer.id],
    'an hour, for the first administrator',
  )
  clock.advance(1)
  t.strictSame(await links.of(hal), [])
  clock.advance(1)
  const [kept, revoked] = [
    await links.issue(hal, byOperator, actor),
    await links.issue(hal, byOperator, actor),
  ]
  t.equal(await links.revoke(hal, revoked.id, actor), 1)
  t.strictSame(
    (await links.of(hal)).map(({ id }) => id),
    [kept.id],
  )
  t.equal(await links.revoke(hal, null, actor), 1, 'what had ended was swept away')
})
