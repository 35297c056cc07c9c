// together: hubs
/** What becomes of sessions in the database by and by: when they were used, that they ended, and that they go. */
import { mock } from 'node:test'
import type { Session } from '@mezite/core'
import { sql } from 'kysely'
import t from 'tap'
import { anyTables } from '../../any-tables.ts'
import { until } from '../../until.ts'
import { actor, operator, startRooms } from './start-rooms.ts'

const HOUR_MS = 3_600_000
const rooms = await startRooms()
t.teardown(() => rooms.stop())
const { sessions, users, clock, db } = rooms
await users.create('ann', [], actor)

async function open(idleMs = 0): Promise<Session> {
  const given = {
    kind: 'hub',
    user: 'ann',
    clientIp: '10.0.0.9',
    expires: clock.now() + 9 * HOUR_MS,
  } as const
  return (await sessions.open({ ...given, idleMs })).session
}
const rowOf = ({ id }: Session) =>
  anyTables(db).selectFrom('sessions').selectAll().where('id', '=', id).executeTakeFirst()
/** As another hub writes it. */
const usedElsewhere = ({ id }: Session, last_used: number) =>
  anyTables(db).updateTable('sessions').set({ last_used }).where('id', '=', id).execute()
/** Statements about last uses fail until `mend` is called. */
async function breakTable() {
  await sql`ALTER TABLE sessions RENAME COLUMN last_used TO moved`.execute(db)
  return () => sql`ALTER TABLE sessions RENAME COLUMN moved TO last_used`.execute(db)
}

t.test('a use is stored, and never replaces a later one of another hub', async (t) => {
  const session = await open()
  rooms.advance(5_000)
  sessions.touch(session)
  await sessions.upkeep()
  t.equal((await rowOf(session))?.last_used, session.lastUsed)
  const later = clock.now() + 50_000
  await usedElsewhere(session, later)
  rooms.advance(5_000)
  sessions.touch(session)
  await sessions.upkeep()
  t.equal((await rowOf(session))?.last_used, later)
})

t.test('a use that could not be stored is stored the next time', async (t) => {
  const session = await open()
  rooms.advance(5_000)
  sessions.touch(session)
  const mend = await breakTable()
  await t.rejects(sessions.upkeep())
  await mend()
  await sessions.upkeep()
  t.equal((await rowOf(session))?.last_used, session.lastUsed)
})

t.test(
  'B31 use at another hub keeps a session alive here, and an older use does not shorten it',
  async (t) => {
    const session = await open(60_000)
    const used = clock.now() + 50_000
    await usedElsewhere(session, used)
    await sessions.upkeep()
    t.equal(session.lastUsed, used)
    rooms.advance(80_000)
    t.ok(sessions.byId(session.id))
    sessions.touch(session)
    const own = session.lastUsed
    await sessions.upkeep()
    await usedElsewhere(session, own - 1_000)
    await sessions.upkeep()
    t.equal(session.lastUsed, own)
  },
)

t.test('B31 an idle session opens nothing, and ends when no hub can have seen a use', async (t) => {
  const session = await open(60_000)
  rooms.advance(60_000)
  t.equal(sessions.byId(session.id), undefined)
  // Something else is over, so that the database is looked through.
  const given = { kind: 'hub', user: 'ann', clientIp: '', expires: clock.now() } as const
  await sessions.open(given).catch(() => {})
  await sessions.upkeep()
  t.match(await rowOf(session), { ended: null })
  rooms.advance(20_000)
  await sessions.upkeep()
  t.match(await rowOf(session), { end_reason: 'idle' })
})

t.test('a use on another hub counts also if it could not be read for a while', async (t) => {
  const session = await open(HOUR_MS)
  await sessions.upkeep()
  rooms.advance(1_000)
  const used = clock.now()
  await usedElsewhere(session, used)
  const mend = await breakTable()
  rooms.advance(60_000)
  await t.rejects(sessions.upkeep())
  await mend()
  await sessions.upkeep()
  t.equal(session.lastUsed, used)
})

t.test('sessions that ended an hour ago are deleted', async (t) => {
  const [old, living] = [await open(), await open()]
  await sessions.end([old.id], 'logout', null)
  rooms.advance(HOUR_MS - 60_000)
  const recent = await open()
  await sessions.end([recent.id], 'revoked', operator)
  await sessions.purge()
  t.ok(await rowOf(old))
  rooms.advance(120_000)
  await sessions.purge()
  t.equal(await rowOf(old), undefined)
  t.ok(await rowOf(living))
  t.ok(await rowOf(recent))
})

t.test('a failed attempt is logged and repeated, and the last uses are stored at the end', async (t) => {
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => mock.timers.reset())
  sessions.start()
  const session = await open()
  rooms.advance(5_000)
  sessions.touch(session)
  const mend = await breakTable()
  mock.timers.tick(10_000)
  await until(() => rooms.warnings.length > 0, 'it is reported')
  await mend()
  mock.timers.tick(10_000)
  await until(async () => (await rowOf(session))?.last_used === session.lastUsed, 'it is written')
  rooms.advance(5_000)
  sessions.touch(session)
  await sessions.stop()
  t.equal((await rowOf(session))?.last_used, session.lastUsed)
})
