// together: plugin-hubs
/** API tokens in memory and in the database: what they may do, and what is kept of them. */
import type { Subject } from '@mezite/core'
import { sql } from 'kysely'
import t from 'tap'
import { adminsOnly } from '../../../core/gate/access/admin-rights.ts'
import { createApiTokens } from '../../../plugins/api-tokens/api-tokens.ts'
import { anyTables } from '../../any-tables.ts'
import { operator, quiet, startRooms } from '../../gate/sessions/start-rooms.ts'
import { until } from '../../until.ts'

const MINUTE = 60_000
const MONTH = 30 * 24 * 60 * MINUTE
const rooms = await startRooms()
t.teardown(() => rooms.stop())
const { db, revisions, users, locks, events } = rooms
const tokens = createApiTokens({ ...rooms, adminRights: adminsOnly, log: quiet })
rooms.releases.push(({ trx, change, key, by }) => tokens.revokeOf(trx, change, key, by))
const by = (subject: Subject) => ({ subject, clientIp: '', id: 'request-1' })
await users.create('Root', ['admin', 'platform'], by(operator))
await users.create('ann', ['dev'], by(operator))
const root: Subject = {
  user: 'Root',
  roles: ['admin', 'platform'],
  kind: 'session',
  sessionId: 's',
  satisfied: [],
}
const make = async (name: string, more: { roles?: string[]; ttlMs?: number; subject?: Subject } = {}) => {
  const { roles = ['admin'], ttlMs = MINUTE, subject = root } = more
  const input = { name, roles, ttl_seconds: ttlMs / 1_000 }
  const { row, more: shown } = await tokens.collection.create(input, by(subject))
  return { token: tokens.collection.known(row.id), secret: (shown as { token: string }).token }
}
const named = async (name: string) => (await tokens.list()).find((token) => token.name === name)
/** As if somebody had changed the database by hand. */
const alter = (id: string, set: object) =>
  revisions.write(async (trx, change) => {
    await anyTables(trx).updateTable('api_tokens').set(set).where('id', '=', id).execute()
    change.touch('api-token', id)
  })

t.test('K144 a lock of a role of the creator stops the token, even if it lacks that role', async (t) => {
  const { secret } = await make('locked', { roles: ['admin'] })
  t.match(tokens.identify(secret), {
    user: 'token:locked',
    roles: ['admin'],
    kind: 'token',
    sessionId: null,
  })
  const lock = { kind: 'role', target: 'platform' } as const
  const { id } = await locks.create(lock, by(operator))
  t.strictSame(tokens.identify(secret)?.roles, [])
  await locks.remove(id, by(operator))
  t.strictSame(tokens.identify(secret)?.roles, ['admin'])
})

t.test('E70 unreadable roles grant nothing, and tokens of the operator have admin alone', async (t) => {
  const { secret, token } = await make('odd', { roles: ['platform', 'admin', 'platform'] })
  t.strictSame(token.roles, ['admin', 'platform'], 'each once, in order')
  t.strictSame((await named('odd'))?.roles, ['admin', 'platform'])
  for (const roles of ['nonsense', 'null', '"admin"', '{"0":"admin","length":1}', '[1,{}]']) {
    await alter(token.id, { roles })
    t.strictSame(tokens.identify(secret)?.roles, [], roles)
  }
  const { secret: operators, token: own } = await make('operators', { subject: operator })
  await alter(own.id, { roles: '["admin","platform"]' })
  t.strictSame(tokens.identify(operators)?.roles, ['admin'])
})

t.test('the last use is stored once a minute, and a failure to store it has no effect', async (t) => {
  const { secret } = await make('used', { ttlMs: MONTH })
  const used = async () => (await named('used'))?.usedAt ?? 0
  t.ok(tokens.identify(secret))
  await until(async () => (await used()) > 0, 'the first use is noted')
  const first = await used()
  t.ok(Math.abs(rooms.clock.now() - first) < 10_000)
  rooms.advance(MINUTE - 10_000)
  t.ok(tokens.identify(secret), 'noted here, it would not be noted again after 10 s')
  rooms.advance(10_000)
  t.ok(tokens.identify(secret))
  await until(async () => (await used()) >= first + MINUTE, 'the use after a minute is noted')
  rooms.advance(MINUTE)
  await sql`ALTER TABLE api_tokens RENAME COLUMN used_at TO moved`.execute(db)
  t.ok(tokens.identify(secret))
  await sql`ALTER TABLE api_tokens RENAME COLUMN moved TO used_at`.execute(db)
})

t.test('a name is in use while its token lives; an expired one is listed for a month', async (t) => {
  const { secret, token } = await make('name')
  await t.rejects(make('name'), { status: 409, code: 'token_exists' })
  t.ok(tokens.identify(secret), 'the first one stays')
  rooms.advance(MINUTE)
  t.equal(tokens.identify(secret), null)
  t.not((await make('name')).token.id, token.id)

  await make('old')
  rooms.advance(MONTH)
  await make('one')
  t.ok(await named('old'))
  rooms.advance(2 * MINUTE)
  await make('two')
  t.notOk(await named('old'))
  t.ok(await named('one'), 'though it has expired')
})

t.test('K144 a token is removed at once, by itself or with its creator, and this is recorded', async (t) => {
  const { secret, token } = await make('hand')
  const [mine, hers] = [
    await make('mine'),
    await make('hers', { roles: [], subject: { ...root, user: 'ann' } }),
  ]
  events.length = 0
  await tokens.collection.remove(token.id, by(root))
  t.equal(tokens.identify(secret), null)
  await t.rejects(tokens.collection.remove(token.id, by(root)), { status: 404, code: 'token_not_found' })
  await users.create('other', ['admin'], by(operator))
  await users.remove('ROOT', by(operator))
  t.equal(tokens.identify(mine.secret), null)
  t.notOk(await named('mine'))
  t.match(tokens.identify(hers.secret), { user: 'token:hers' }, 'that of somebody else stays')
  const deleted = events.filter(({ type }) => type === 'token.deleted').map(({ fields }) => fields?.name)
  t.strictSame(deleted.slice(0, 1), ['hand'])
  t.ok(deleted.includes('mine'))
  t.notOk(deleted.includes('hers'))
})
