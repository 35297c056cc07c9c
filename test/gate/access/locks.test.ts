// together: rooms
/** Locks beside each other and over time: which of them count, and which of them are kept. */
import type { Subject } from '@mezite/core'
import t from 'tap'
import { anyTables } from '../../any-tables.ts'
import { actor, startRooms } from '../sessions/start-rooms.ts'
import type { WantedLock } from './lock-changes.ts'

const DAY_MS = 24 * 3_600_000
const rooms = await startRooms()
t.teardown(() => rooms.stop())
const { locks, db } = rooms
const lock = (more: Partial<WantedLock> = {}, by = actor) =>
  locks.create({ kind: 'user', target: 'ann', ...more }, by)
const ann: Subject = {
  user: 'Ann',
  roles: ['dev', 'admin'],
  kind: 'session',
  sessionId: 's-1',
  satisfied: [],
}
const messageFor = (subject: Subject) => locks.lockFor(subject, null)?.message

t.test('several locks of one target each count until they end', async (t) => {
  const brief = await lock({ message: 'brief', ttlMs: 1_000 })
  t.equal(brief.expires, brief.created + 1_000)
  const endless = await lock({ message: 'endless', target: 'ANN' })
  t.equal(messageFor(ann), 'brief')
  t.same(
    locks.list().map(({ id }) => id),
    [brief.id, endless.id],
  )
  rooms.advance(1_000)
  t.equal(messageFor(ann), 'endless')
  t.same(
    locks.list().map(({ id }) => id),
    [endless.id],
  )
  const second = await lock({ message: 'second' })
  await locks.remove(endless.id, actor)
  t.equal(messageFor(ann), 'second')
  await locks.remove(second.id, actor)
  t.equal(messageFor(ann), undefined)
  await t.rejects(locks.remove(second.id, actor), { status: 404, code: 'lock_not_found' })
})

t.test('a lock of one kind does not lock another kind with the same name', async (t) => {
  const made = await lock({ kind: 'session', target: 's-1' })
  t.ok(locks.lockFor(ann, null))
  t.notOk(locks.lockFor({ ...ann, sessionId: 's-2' }, null))
  t.notOk(locks.lockFor({ ...ann, sessionId: null, user: 's-1', roles: ['s-1'] }, null))
  t.notOk(locks.isAgentLocked('s-1'))
  t.ok(locks.isSessionLocked('s-1'))
  await locks.remove(made.id, actor)
  t.notOk(locks.isSessionLocked('s-1'))
})

t.test('a lock of an API token counts in every spelling of its name', async (t) => {
  const { id } = await lock({ target: 'TOKEN:ci' })
  t.ok(locks.lockFor({ ...ann, user: 'token:ci', roles: [], sessionId: null, kind: 'token' }, null))
  await locks.remove(id, actor)
})

t.test('E78 a person cannot lock out themselves, and the operator can lock anybody', async (t) => {
  const self = { ...actor, subject: ann }
  for (const own of [
    { kind: 'user', target: 'ANN' },
    { kind: 'role', target: 'dev' },
    { kind: 'role', target: 'admin' },
    { kind: 'session', target: 's-1' },
  ] as const)
    await t.rejects(lock(own, self), { status: 409, code: 'self_lockout' }, own.target)
  for (const other of [
    { kind: 'user', target: 'dev' },
    { kind: 'role', target: 'ann' },
    { kind: 'session', target: 's-2' },
    { kind: 'app', target: 'dev' },
  ] as const)
    await locks.remove((await lock(other, self)).id, self)
  await locks.remove((await lock({ kind: 'role', target: 'admin' })).id, actor)
})

t.test('locks that ended a day ago are deleted with the next change of locks', async (t) => {
  const [brief, endless] = [await lock({ ttlMs: 60_000 }), await lock()]
  const stored = async () =>
    (await anyTables(db).selectFrom('locks').select('id').execute()).map(({ id }) => id)
  rooms.advance(DAY_MS)
  const next = await lock({ ttlMs: 2 * DAY_MS })
  t.same((await stored()).toSorted(), [brief.id, endless.id, next.id].toSorted())
  rooms.advance(120_000)
  const last = await lock()
  t.same((await stored()).toSorted(), [endless.id, next.id, last.id].toSorted())
})
