// together: rooms
/** A session from its opening to its end: what is recorded of it, what hangs on it, and what ends what is open. */

import type { Session } from '@mezite/core'
import type { EndReason } from '@mezite/core/protocol'
import t from 'tap'
import type { OpenSession } from '../../../core/api/sessions.ts'
import { readApp } from '../../../core/gate/catalog/app-document.ts'
import { createCallerLookup } from '../../../core/web/server/caller.ts'
import { anyTables } from '../../any-tables.ts'
import { until } from '../../until.ts'
import { actor, appBody, operator, publicNames, startRooms } from './start-rooms.ts'

const HOUR_MS = 3_600_000
const nonceHash = 'n'.repeat(43)
const rooms = await startRooms()
t.teardown(() => rooms.stop())
const { sessions, users, catalog, clock } = rooms
const { app } = await catalog.put(readApp(appBody('one'), publicNames), 'create', actor)
await users.create('ann', ['dev'], actor)

async function open(more: Partial<OpenSession> = {}): Promise<Session> {
  const given = { kind: 'hub', user: 'ann', clientIp: '10.0.0.9', expires: clock.now() + HOUR_MS } as const
  return (await sessions.open({ ...given, ...more })).session
}
async function handOver(
  hubSession: Session,
  satisfied: Session['satisfied'] = [],
): Promise<Session | undefined> {
  const code = await sessions.tickets.issue({ hubSession, app, nonceHash, satisfied })
  return (await sessions.tickets.redeem({ code, app, nonceHash, clientIp: '10.0.0.9' }))?.session
}
const request = { method: 'GET', url: 'https://hub.example.com/', clientIp: '', header: () => [] }
/** Something that is open, and why it was cut. */
function stream(session: Session): EndReason[] {
  const cuts: EndReason[] = []
  const context = { protocol: 'http', clientIp: '10.0.0.9' } as const
  sessions.live.add({ session, app, agent: null, context, index: -1, cut: (why) => void cuts.push(why) })
  return cuts
}

t.test('an app session lasts as its login does, and its start and end are recorded once', async (t) => {
  const parent = await open({ idleMs: 60_000 })
  rooms.events.length = 0
  const session = (await handOver(parent))!
  const { expires, idleMs } = parent
  t.match(session, { kind: 'app', user: 'ann', parentId: parent.id, appId: app.id, expires, idleMs })
  const about = { user: 'ann', roles: ['dev'], sessionId: session.id, fields: { app: 'one', app_id: app.id } }
  t.match(rooms.events, [{ type: 'app.session.start', ...about }])
  rooms.events.length = 0
  rooms.advance(2_000)
  await sessions.end([parent.id], 'revoked', operator)
  const fields = { name: parent.id, session_user: 'ann', end_reason: 'revoked' }
  t.match(rooms.events, [
    { type: 'session.revoked', user: operator.user, fields },
    { type: 'app.session.end', ...about, fields: { end_reason: 'revoked' } },
  ])
  t.equal(rooms.events.length, 2)
  const [, end] = rooms.events
  t.ok(Number(end?.fields?.duration_ms) >= 2_000)
})

t.test('B17 only a live login is passed on, and an ended one has no dependent sessions', async (t) => {
  const parent = await open()
  const session = (await handOver(parent))!
  t.equal(await handOver(session), undefined, 'a session at an app')
  t.equal(await handOver(await open({ kind: 'cert' })), undefined, 'a command line')
  await sessions.end([parent.id], 'logout', null)
  const hanging = open({ kind: 'app', appId: app.id, parentId: parent.id })
  await t.rejects(hanging, { status: 401, code: 'login_required' })
})

t.test(
  'B31 a session is opened for the current person, as of the sign-in, and used with each request',
  async (t) => {
    await t.rejects(open({ user: 'nobody' }), { status: 401, code: 'login_required' })
    const since = clock.now() - 5_000
    t.equal((await open({ since })).created, since)
    const given = { kind: 'hub', user: 'ann', clientIp: '', expires: clock.now() + HOUR_MS } as const
    const { session, token } = await sessions.open({ ...given, idleMs: 60_000 })
    for (let minute = 0; minute < 3; minute++) {
      rooms.advance(40_000)
      t.ok(await createCallerLookup(rooms)({ kind: 'bearer', token }, request))
    }
    const { lastUsed } = session
    await rooms.revisions.write(async (_trx, change) => change.touch('session', session.id))
    t.equal(sessions.byId(session.id), session, 'the same object, while nothing about it changes')
    await sessions.remember(session, { name: 'session-mfa', level: 'webauthn', at: 1 })
    t.equal(sessions.byId(session.id)?.lastUsed, lastUsed, 'no use is forgotten')
  },
)

t.test('ended sessions are not among the sessions of a person', async (t) => {
  await users.create('cat', [], actor)
  const [ended, expired, living] = [
    await open({ user: 'cat' }),
    await open({ user: 'cat', expires: clock.now() + 1_000 }),
    await open({ user: 'cat' }),
  ]
  await sessions.end([ended.id], 'logout', null)
  rooms.advance(1_000)
  const found = await rooms.revisions.write((trx) => sessions.listIn(trx, { user: 'cat' }))
  t.same(
    found.map(({ id }) => id),
    [living.id],
    `not ${expired.id}`,
  )
})

t.test('a policy gets the way in which the person signed in', async (t) => {
  t.match(sessions.subjectOf(await open({ kind: 'cert' })), { kind: 'certificate', user: 'ann' })
  t.match(sessions.subjectOf(await open()), { kind: 'session', user: 'ann' })
})

t.test('D63 a login keeps the newest of each met requirement, and other sessions none', async (t) => {
  const parent = await open()
  const mark = (by: string, at: number) => ({ name: 'session-mfa', level: 'webauthn', at, by })
  const met = [mark('key-1', 1), mark('key-1', 2), mark('key-2', 3)]
  // Whatever else is said of it.
  for (const one of met) await sessions.remember(parent, { ...one, appId: app.id } as typeof one)
  t.strictSame(
    sessions.byId(parent.id)?.satisfied,
    [mark('key-1', 2), mark('key-2', 3)].map((one) => ({ ...one, appId: null })),
  )
  await users.create('ben', [], actor)
  await sessions.forget('ben', 'key-1')
  t.equal(sessions.byId(parent.id)?.satisfied.length, 2, 'what somebody else forgets stays')
  const device = { name: 'trusted-device', level: 'bound', appId: app.id, at: 5 }
  t.strictSame((await handOver(parent, [device]))?.satisfied, [device], 'what nothing in particular has met')
  const satisfiedOf = async ({ id }: Session) =>
    (
      await anyTables(rooms.db)
        .selectFrom('sessions')
        .select('satisfied')
        .where('id', '=', id)
        .executeTakeFirstOrThrow()
    ).satisfied
  const session = (await handOver(parent))!
  await sessions.remember(session, mark('key-1', 4))
  t.equal(await satisfiedOf(session), '[]', 'a session at an app')
  const ended = await open()
  await sessions.end([ended.id], 'logout', null)
  await sessions.remember(ended, mark('key-1', 4))
  t.equal(await satisfiedOf(ended), '[]', 'one that has ended')
})

t.test('B31 roles with shorter limits end live sessions and streams, but lengthen none', async (t) => {
  await users.create('eve', ['dev'], actor)
  const change = (ttlMs: number, idleMs: number) => {
    rooms.setLimits({ ttlMs: () => ttlMs, idleMs: () => idleMs })
    return rooms.revisions.write(async (_trx, one) => one.touch('role', 'dev'))
  }
  const parent = await open({ user: 'eve', expires: clock.now() + 2 * HOUR_MS })
  const { expires } = parent
  const session = (await handOver(parent))!
  const cuts = stream(session)
  await change(HOUR_MS, 0)
  t.equal(sessions.byId(parent.id)?.expires, parent.created + HOUR_MS)
  await change(4 * HOUR_MS, 0)
  t.equal(sessions.byId(parent.id)?.expires, expires, 'no longer than when it was opened')
  await change(4 * HOUR_MS, 60_000)
  t.equal(sessions.byId(session.id)?.idleMs, 60_000)
  await sessions.live.recheck()
  t.strictSame(cuts, [])
  rooms.advance(60_000)
  t.equal(sessions.byId(parent.id), undefined)
  await sessions.live.recheck()
  t.strictSame(cuts, ['idle'])
  await change(4 * HOUR_MS, 0)
  t.ok(sessions.byId(parent.id), 'it has not ended for good')

  const again = stream(session)
  await change(30_000, 0)
  await until(() => again.length > 0, 'the open stream is cut')
  t.strictSame(again, ['expired'])
  t.equal(sessions.byId(session.id), undefined)
  await sessions.upkeep()
  const rowOf = (id: string) =>
    anyTables(rooms.db)
      .selectFrom('sessions')
      .select(['ended', 'end_reason'])
      .where('id', '=', id)
      .executeTakeFirstOrThrow()
  for (const { id } of [parent, session]) t.match(await rowOf(id), { end_reason: 'expired' })

  const living = await open({ user: 'eve' })
  const open2 = stream(living)
  await change(Number.NaN, 0)
  t.equal(sessions.byId(living.id), undefined, 'limits that nobody knows let nobody in')
  await sessions.live.recheck()
  t.strictSame(open2, ['denied'])
  await sessions.upkeep()
  rooms.setLimits(undefined)
  await rooms.revisions.write(async (_trx, one) => one.touch('role', 'dev'))
  t.ok(sessions.byId(living.id), 'and end nothing for good')
})

t.test('E71 open streams are cut by the change that forbids them, before the next check', async (t) => {
  const cuts = stream(await open())
  rooms.setPolicy(({ subject }, vote) => {
    if (subject.roles.includes('dev')) vote.allow('dev')
  })
  await users.update('ann', [], actor)
  await until(() => cuts.length > 0, 'it is cut')
  t.strictSame(cuts, ['denied'])
  await users.update('ann', ['dev'], actor)
})

t.test('E71 open streams are cut when the view has become stale', async (t) => {
  const cuts = stream(await open())
  const { ageMs } = rooms.revisions
  Object.assign(rooms.revisions, { ageMs: () => 30_000 })
  await sessions.live.recheck()
  t.strictSame(cuts, [])
  Object.assign(rooms.revisions, { ageMs: () => 30_001 })
  await sessions.live.recheck()
  t.strictSame(cuts, ['stale_view'])
  Object.assign(rooms.revisions, { ageMs })
})

t.test(
  'B31 open streams are cut when their login was idle for too long, and nothing else happens',
  async (t) => {
    const parent = await open({ idleMs: 60_000 })
    const cuts = stream((await handOver(parent))!)
    sessions.start()
    rooms.advance(60_000)
    // Before it ends in the database, twenty seconds later.
    await until(() => cuts.length > 0, 'it is cut', 15_000)
    t.strictSame(cuts, ['idle'])
  },
)
