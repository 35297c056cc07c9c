// long
/** Sessions are opened beside the changes of all hubs: what a revocation still ends, and what stops nobody. */
import { sql } from 'kysely'
import t from 'tap'
import { readApp } from '../../../core/gate/catalog/app-document.ts'
import { createKnownLogins } from '../../../core/gate/users/known-logins.ts'
import type { OpenDatabase } from '../../../core/state/database/database.ts'
import { excludeOpenings } from '../../../core/state/revisions/opening-log.ts'
import { anyTables } from '../../any-tables.ts'
import { loseCommits } from '../../state/database/lose-commits.ts'
import { postgresStore } from '../../state/database/postgres-stores.ts'
import { open, PATIENT } from '../../state/database/stores.ts'
import { until } from '../../until.ts'
import { actor, appBody, publicNames, startRooms } from './start-rooms.ts'

const store = await postgresStore()
t.teardown(() => store.close())
const ROUNDS = 100
const nonceHash = 'n'.repeat(43)
const identity = {
  name: 'ann',
  issuer: 'https://id.example.com',
  sub: 'ann',
  connector: 'sso',
  mappedRoles: [],
}

type Rooms = Awaited<ReturnType<typeof startRooms>>

/** Two hubs on one new database, and a connection beside them. They are patient, unless a test is about their deadlines. */
async function twoHubs(
  t: { teardown(end: () => unknown): void },
  options: { way?: (url: string) => Promise<string>; limits?: typeof PATIENT } = {},
) {
  const { url } = (await store.config()) as { url: string }
  const { limits = PATIENT } = options
  const [one, other, beside] = [
    await open({ driver: 'postgres', url }, limits),
    await open({ driver: 'postgres', url: (await options.way?.(url)) ?? url }, limits),
    await open({ driver: 'postgres', url }, PATIENT),
  ]
  const a = await startRooms(one, { changeMs: PATIENT.lockMs })
  const b = await startRooms(other, { changeMs: PATIENT.lockMs })
  t.teardown(async () => {
    await Promise.all([a.stop(), b.stop()])
    await beside.close()
  })
  await a.users.claim(identity)
  const { app } = await a.catalog.put(readApp(appBody('one'), publicNames), 'create', actor)
  // The first opening adds the lanes.
  await a.revisions.append(async () => ({ value: null, noted: [['session', 'none']] }))
  await b.revisions.catchUp()
  return { a, b, app, beside, url }
}

const signIn = (rooms: Rooms, over: object = {}) =>
  rooms.sessions.open({
    kind: 'hub',
    user: 'ann',
    connector: 'sso',
    clientIp: '192.0.2.1',
    expires: Date.now() + 3_600_000,
    ...over,
  })

/** Holds every opening just before its commit, with all that it has read and written. Resolves with what lets them go on. */
async function holdOpenings({ db }: OpenDatabase): Promise<() => Promise<void>> {
  const release = Promise.withResolvers<void>()
  const held = Promise.withResolvers<void>()
  const holding = db.transaction().execute(async (trx) => {
    await sql`SELECT 1 FROM opening_sequence FOR UPDATE`.execute(trx)
    held.resolve()
    await release.promise
  })
  await held.promise
  return () => {
    release.resolve()
    return holding
  }
}

/** Lets a hub read nothing more until the returned function is called. */
function holdReads({ revisions }: Rooms): () => void {
  const go = Promise.withResolvers<void>()
  const load = async () => {
    await go.promise
    return () => {}
  }
  revisions.addView({ name: 'held', kinds: ['session'], loadAll: load, refresh: load })
  return go.resolve
}

/** Resolves when so many statements wait for a lock of this kind. */
const waitFor = ({ db }: OpenDatabase, kind: 'advisory' | 'transactionid' | 'tuple', count = 1) =>
  until(
    async () => {
      const { rows } = await sql<{ n: number }>`
      SELECT count(*)::int AS n FROM pg_locks WHERE NOT granted AND locktype = ${kind}
        AND (locktype <> 'advisory' OR database = (SELECT oid FROM pg_database WHERE datname = current_database()))`.execute(
        db,
      )
      return rows[0]!.n >= count
    },
    `${count} waiting for a lock (${kind})`,
    30_000,
  )

t.test(
  'B235 a session that ended before another hub saw it is never admitted there, in 100 rounds',
  async (t) => {
    const { a, b, beside } = await twoHubs(t)
    const cut = async () => {
      await sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name LIKE 'mezhub%' AND pid <> pg_backend_pid()
      ORDER BY random() LIMIT 1`.execute(beside.db)
    }
    let seen = 0
    for (let round = 0; round < ROUNDS; round++) {
      const [from, to] = round % 2 === 0 ? [a, b] : [b, a]
      const { session, token } = await signIn(from)
      // In some rounds the other hub reads at the same moment, so it may know the session first; in others it loses a connection.
      const reading = round % 3 === 0 ? to.revisions.catchUp().catch(() => {}) : null
      if (round % 10 === 9) await cut()
      await until(
        () =>
          from.sessions.end([session.id], 'revoked', null).then(
            () => true,
            () => false,
          ),
        'ended',
      )
      const known = to.sessions.byId(session.id) !== undefined
      if (known) seen += 1
      else {
        // From here on it must never appear: not in what is being read now, not in what is read later.
        t.equal(await to.sessions.find('hub', token), undefined, `round ${round}: not found`)
        t.equal(to.sessions.byId(session.id), undefined)
      }
      await reading
      await until(
        () =>
          to.revisions.catchUp().then(
            () => true,
            () => false,
          ),
        'read',
      )
      if (to.sessions.byId(session.id) !== undefined) t.fail(`round ${round}: admitted after its end`)
      if (to.sessions.list().length > 0) t.fail(`round ${round}: listed after its end`)
    }
    t.ok(seen < ROUNDS, `${ROUNDS - seen} of ${ROUNDS} had ended first`)
  },
)

t.test('B235 many hubs open and end sessions at once, and agree in the end', async (t) => {
  const { a, b } = await twoHubs(t)
  const living = new Set<string>()
  const one = async (n: number) => {
    const [from, to] = n % 2 === 0 ? [a, b] : [b, a]
    const { session, token } = await signIn(from)
    if (n % 3 !== 0) return void living.add(session.id)
    await Promise.all([from.sessions.end([session.id], 'revoked', null), to.sessions.find('hub', token)])
    await to.revisions.catchUp()
    t.equal(to.sessions.byId(session.id), undefined)
  }
  await Promise.all(Array.from({ length: 300 }, (_, n) => one(n)))
  for (const { sessions, revisions } of [a, b]) {
    await revisions.catchUp()
    t.strictSame(
      sessions
        .list()
        .map(({ id }) => id)
        .sort(),
      [...living].sort(),
    )
  }
})

t.test('B236 a user who is deleted while a session is being opened has no session afterwards', async (t) => {
  const { a, b, beside } = await twoHubs(t)
  const letGo = await holdOpenings(beside)
  // Rejected when the session ends before this hub has read it.
  const opening = signIn(b).catch(() => ({ token: 'x'.repeat(43) }))
  await waitFor(beside, 'transactionid')
  let removed = false
  const removing = a.users.remove('ann', actor).finally(() => {
    removed = true
  })
  await waitFor(beside, 'advisory')
  t.notOk(removed, 'the deletion waits for the session')
  await letGo()
  const opened = await opening
  t.match(await removing, { endedSessions: 1 }, 'and ends it too')
  await t.rejects(signIn(b), { code: 'login_required' }, 'later ones see the deletion')
  await a.users.claim(identity)
  await b.revisions.catchUp()
  for (const { sessions } of [a, b])
    t.equal(await sessions.find('hub', opened.token), undefined, 'nor does it come back with the user')
})

t.test('B236 all sessions of a connector end, with the one that is being opened', async (t) => {
  const { a, b, beside } = await twoHubs(t)
  const letGo = await holdOpenings(beside)
  // Rejected when the session ends before this hub has read it.
  const opening = signIn(b).catch(() => ({ token: 'x'.repeat(43) }))
  await waitFor(beside, 'transactionid')
  const ending = a.revisions.write(async (trx, change) => {
    const all = await a.sessions.listIn(trx, { connector: 'sso' })
    return a.sessions.end(
      all.map(({ id }) => id),
      'connector_deleted',
      null,
      { trx, change },
    )
  })
  await waitFor(beside, 'advisory')
  // It waits for the change, so that it sees what the change did.
  const later = signIn(b, { connector: 'other' })
  await letGo()
  t.equal(await ending, 1)
  const { token } = await opening
  for (const { sessions, revisions } of [a, b]) {
    await revisions.catchUp()
    t.equal(await sessions.find('hub', token), undefined)
  }
  t.ok(b.sessions.byId((await later).session.id))
})

t.test(
  'B236 a confirmation that is revoked is not carried into a session that is being opened',
  async (t) => {
    const { a, b, app, beside } = await twoHubs(t)
    const met = { name: 'session-mfa', level: 'webauthn', at: Date.now(), by: 'key-1' }
    const { session } = await signIn(b)
    await b.sessions.remember(session, met)
    const satisfied = [{ ...met, appId: app.id }]
    const code = await b.sessions.tickets.issue({ hubSession: session, app, nonceHash, satisfied })
    const letGo = await holdOpenings(beside)
    const redeeming = b.sessions.tickets.redeem({ code, app, nonceHash, clientIp: '192.0.2.1' })
    await waitFor(beside, 'transactionid')
    const forgetting = a.sessions.forget('ann', 'key-1')
    await waitFor(beside, 'advisory')
    await letGo()
    const opened = (await redeeming)!
    await forgetting
    await b.revisions.catchUp()
    t.same(b.sessions.byId(opened.session.id)?.satisfied, [])
    const again = await b.sessions.tickets.issue({ hubSession: session, app, nonceHash, satisfied })
    const later = await b.sessions.tickets.redeem({ code: again, app, nonceHash, clientIp: '192.0.2.1' })
    t.same(later?.session.satisfied, [], 'nor into a later one')
  },
)

t.test(
  'a code that is redeemed on two hubs at once opens one session, which the second use ends',
  async (t) => {
    const { a, b, app } = await twoHubs(t)
    for (let round = 0; round < 20; round++) {
      const { session } = await signIn(a)
      await b.revisions.catchUp()
      const code = await a.sessions.tickets.issue({ hubSession: session, app, nonceHash, satisfied: [] })
      const use = (rooms: Rooms) =>
        rooms.sessions.tickets.redeem({ code, app, nonceHash, clientIp: '192.0.2.1' })
      const made = (await Promise.all([use(a), use(b)])).filter((one) => one !== null)
      t.ok(made.length <= 1)
      const rows = await anyTables(a.db)
        .selectFrom('sessions')
        .select('end_reason')
        .where('parent_id', '=', session.id)
        .execute()
      t.strictSame(rows, [{ end_reason: 'code_replayed' }])
    }
  },
)

t.test('a slow change does not delay sign-ins, and sessions share a transaction', async (t) => {
  const { a, b, beside } = await twoHubs(t)
  const finish = Promise.withResolvers<void>()
  const inside = Promise.withResolvers<void>()
  const slow = a.revisions.write(async () => {
    inside.resolve()
    await finish.promise
  })
  await inside.promise
  const opened = await Promise.all(Array.from({ length: 400 }, (_, n) => signIn(n % 2 === 0 ? a : b)))
  t.equal(new Set(opened.map(({ session }) => session.id)).size, 400)
  finish.resolve()
  await slow
  const { rows } = await sql<{ n: number; most: number }>`SELECT count(*)::int AS n,
    max(json_array_length(touched::json)) AS most FROM opening_log WHERE n > 0`.execute(beside.db)
  t.ok(rows[0]!.n < 60, `${rows[0]!.n} transactions for 400 sessions`)
  for (const { sessions, revisions } of [a, b]) {
    await revisions.catchUp()
    t.equal(sessions.list().length, 400)
  }
})

t.test('a sign-in that changes only the last login does not wait for changes', async (t) => {
  const { a, b, beside } = await twoHubs(t)
  const before = b.users.byName('ann')?.lastLogin
  const finish = Promise.withResolvers<void>()
  const inside = Promise.withResolvers<void>()
  const slow = a.revisions.write(async () => {
    inside.resolve()
    await finish.promise
  })
  await inside.promise
  const numberOf = async () =>
    (await anyTables(beside.db).selectFrom('change_sequence').select('n').executeTakeFirstOrThrow()).n
  const n = await numberOf()
  const logins = [await a.users.signIn(identity), await b.users.signIn(identity)]
  t.ok(logins.every(({ name }) => name === 'ann'))
  t.equal(await numberOf(), n, 'it is no change')
  await a.revisions.catchUp()
  const login = a.users.byName('ann')?.lastLogin
  t.ok(login && login !== before, 'and other hubs see it')
  t.equal(login, b.users.byName('ann')?.lastLogin)
  const refused = b.users.signIn(identity, () => Promise.reject(new Error('the connector is gone')))
  await t.rejects(refused, { message: 'the connector is gone' })
  let mapped = false
  const mapping = b.users.signIn({ ...identity, mappedRoles: ['dev'] }).then(() => {
    mapped = true
  })
  await waitFor(beside, 'transactionid')
  t.notOk(mapped, 'one whose roles change is a change')
  finish.resolve()
  await Promise.all([slow, mapping])
  t.same(b.users.rolesOf('ann'), ['dev'])
  await t.rejects(b.users.signIn({ ...identity, sub: 'eve' }), { code: 'MEZ_USER_NAME_TAKEN' })
})

t.test('two sign-ins of one person at the same moment do not become a change', async (t) => {
  const { a, b, beside } = await twoHubs(t)
  const numberOf = async () =>
    (await anyTables(beside.db).selectFrom('change_sequence').select('n').executeTakeFirstOrThrow()).n
  const n = await numberOf()
  const letGo = await holdOpenings(beside)
  // It has locked the row of the user, and waits for a lane.
  const first = a.users.signIn(identity)
  await waitFor(beside, 'transactionid')
  const { issuer, sub, connector } = identity
  const login = { key: 'ann', issuer, sub, connector, mappedRoles: '[]', profile: null, at: Date.now() }
  let waits = 0
  const second = createKnownLogins(b.revisions, async () => {
    waits += 1
    await letGo()
    await first
  })
  t.equal(await second(login), true)
  t.equal(waits, 1)
  t.equal(await numberOf(), n)

  const finish = Promise.withResolvers<void>()
  const locked = Promise.withResolvers<void>()
  const changing = beside.db.transaction().execute(async (trx) => {
    await sql`SELECT FROM users WHERE key = 'ann' FOR UPDATE`.execute(trx)
    locked.resolve()
    await finish.promise
  })
  await locked.promise
  const third = createKnownLogins(b.revisions, async () => {
    waits += 1
  })
  t.equal(await third(login), false, 'a change that does not end decides')
  t.equal(waits, 4)
  finish.resolve()
  await changing
})

t.test('B236 a login does not wait for changes of its user, and does not undo them', async (t) => {
  const { a, b, beside } = await twoHubs(t)
  const locked = Promise.withResolvers<void>()
  const finish = Promise.withResolvers<void>()
  const relinking = a.revisions.write(async (trx, change) => {
    await sql`UPDATE users SET issuer = NULL, sub = NULL WHERE key = 'ann'`.execute(trx)
    locked.resolve()
    await finish.promise
    await excludeOpenings(trx)
    change.touch('user', 'ann')
  })
  await locked.promise
  const login = b.users.confirm(identity).catch((error: { code?: string }) => error.code)
  await waitFor(beside, 'transactionid')
  finish.resolve()
  await relinking
  t.equal(await login, 'login_required')
  t.equal(a.users.byName('ann')?.identity, null)
})

t.test(
  'B235 a code opens no session when its sign-in has ended on a hub that this one lags behind',
  async (t) => {
    const { a, b, app, beside } = await twoHubs(t)
    const { session } = await signIn(a)
    await b.revisions.catchUp()
    const code = await b.sessions.tickets.issue({ hubSession: session, app, nonceHash, satisfied: [] })
    const letGo = holdReads(b)
    await a.sessions.end([session.id], 'logout', null)
    const redeeming = b.sessions.tickets.redeem({ code, app, nonceHash, clientIp: '192.0.2.1' })
    const spent = () => anyTables(beside.db).selectFrom('session_handovers').select('used_at').execute()
    await until(async () => (await spent())[0]?.used_at !== null, 'the code is spent')
    t.ok(b.sessions.byId(session.id), 'this hub believes that it is live')
    letGo()
    t.equal(await redeeming, null)
    const rows = await anyTables(beside.db)
      .selectFrom('sessions')
      .select('id')
      .where('parent_id', '=', session.id)
      .execute()
    t.same(rows, [])
  },
)

t.test('N239 5,000 people sign in and visit an app at once, and none is asked to return later', async (t) => {
  const { a, b, app } = await twoHubs(t)
  const people = Array.from({ length: 5_000 }, (_, n) => `person-${n}`)
  await a.revisions.write(async (trx, change) => {
    await sql`INSERT INTO users (key, name, own_roles, mapped_roles, created)
      SELECT name, name, '[]', '[]', 0 FROM unnest(${people}::text[]) AS name`.execute(trx)
    for (const name of people) change.touch('user', name)
  })
  await b.revisions.catchUp()
  const started = performance.now()
  const visits = await Promise.all(
    people.map(async (user, n) => {
      const rooms = n % 2 === 0 ? a : b
      const { session } = await signIn(rooms, { user })
      const code = await rooms.sessions.tickets.issue({ hubSession: session, app, nonceHash, satisfied: [] })
      return rooms.sessions.tickets.redeem({ code, app, nonceHash, clientIp: '192.0.2.1' })
    }),
  )
  t.comment(`${Math.round(10_000 / ((performance.now() - started) / 1_000))} sessions a second`)
  t.notOk(visits.includes(null))
})

t.test(
  'B235 a hub that freezes while it opens a session stops no other hub, and a revocation does not skip it',
  async (t) => {
    const { a, b, beside } = await twoHubs(t, { limits: { ...PATIENT, lockMs: 2_000 } })
    // What a frozen hub leaves at the server: a transaction that holds a lane, with a session that was written.
    const frozen = Promise.withResolvers<void>()
    const stuck = Promise.withResolvers<void>()
    const thawed = beside.db
      .transaction()
      .execute(async (trx) => {
        const { joinOpenings, logOpening } = await import('../../../core/state/revisions/opening-log.ts')
        await joinOpenings(trx)
        await logOpening(trx, [['session', 'frozen']])
        stuck.resolve()
        await frozen.promise
        await sql`SELECT 1`.execute(trx)
      })
      .catch(() => 'rolled back')
    await stuck.promise
    const { session } = await signIn(b)
    t.ok(session, 'other hubs open sessions')
    await a.sessions.end([session.id], 'revoked', null)
    await b.revisions.catchUp()
    t.equal(b.sessions.byId(session.id), undefined, 'and end them')
    const listed = a.revisions.write((trx) => a.sessions.listIn(trx, { user: 'ann' }))
    await t.rejects(
      listed,
      { code: '55P03' },
      'a change that must miss no session fails rather than miss one',
    )
    frozen.resolve()
    await thawed
    t.same(await a.revisions.write((trx) => a.sessions.listIn(trx, { user: 'ann' })), [])
  },
)

t.test('when the response to a commit is lost, it is certain whether the session was opened', async (t) => {
  let way!: Awaited<ReturnType<typeof loseCommits>>
  const { b, beside } = await twoHubs(t, {
    way: async (url) => {
      way = await loseCommits(url)
      t.teardown(() => way.close())
      return way.url
    },
  })
  way.arm('insert into opening_log')
  const { session } = await signIn(b)
  t.ok(b.sessions.byId(session.id), 'it was committed')
  way.arm('insert into opening_log', { arrives: false })
  await t.rejects(signIn(b), { code: 'MEZ_DATABASE_UNAVAILABLE' })
  const rows = await anyTables(beside.db).selectFrom('sessions').select('id').execute()
  t.same(rows, [{ id: session.id }], 'it was not')
})

t.test('B237 sessions that the server lost at a failover end on every hub that knew them', async (t) => {
  const { a, b, beside } = await twoHubs(t)
  const kept = await signIn(a)
  const before = await anyTables(beside.db).selectFrom('opening_sequence').selectAll().execute()
  const lost = await signIn(a)
  await b.revisions.catchUp()
  t.ok(b.sessions.byId(lost.session.id))
  // As on a standby that had not yet received the last transaction.
  await beside.db.transaction().execute(async (trx) => {
    await sql`DELETE FROM sessions WHERE id = ${lost.session.id}`.execute(trx)
    for (const { lane, n, tag } of before) {
      await sql`UPDATE opening_sequence SET n = ${n}, tag = ${tag} WHERE lane = ${lane}`.execute(trx)
      await sql`DELETE FROM opening_log WHERE lane = ${lane} AND n > ${n}`.execute(trx)
    }
  })
  for (const { sessions, revisions } of [a, b]) {
    await revisions.catchUp()
    t.equal(sessions.byId(lost.session.id), undefined)
    t.ok(sessions.byId(kept.session.id))
  }
  // And when others were opened in its place, with the same numbers.
  const { session } = await signIn(a)
  await b.revisions.catchUp()
  await beside.db.transaction().execute(async (trx) => {
    await sql`DELETE FROM sessions WHERE id = ${session.id}`.execute(trx)
    for (const { lane, n } of before) {
      await sql`UPDATE opening_log SET tag = gen_random_uuid(), touched = '[]' WHERE lane = ${lane} AND n > ${n}`.execute(
        trx,
      )
      await sql`UPDATE opening_sequence AS last SET tag = log.tag FROM opening_log AS log
        WHERE log.lane = last.lane AND log.n = last.n AND last.lane = ${lane}`.execute(trx)
    }
  })
  for (const { sessions, revisions } of [a, b]) {
    await revisions.catchUp()
    t.equal(sessions.byId(session.id), undefined)
  }
})

t.test(
  'a hub reads everything again when openings that it has not seen are no longer in the log',
  async (t) => {
    const { a, b, beside } = await twoHubs(t)
    await signIn(a)
    await b.revisions.catchUp()
    await b.revisions.stop()
    const { session } = await signIn(a)
    await signIn(a)
    await sql`DELETE FROM opening_log WHERE n > 0`.execute(beside.db)
    await b.revisions.catchUp()
    t.ok(b.sessions.byId(session.id))
    t.equal(b.sessions.list().length, 3)
  },
)

t.test('sessions are opened by changes beside a hub of an older version, which reads them', async (t) => {
  const { url } = (await store.config()) as { url: string }
  const rooms = await startRooms(await open({ driver: 'postgres', url }), { olderHubs: true })
  t.teardown(() => rooms.stop())
  await rooms.users.claim(identity)
  const { session } = await signIn(rooms)
  const { rows } = await sql<{
    touched: string
  }>`SELECT touched FROM change_log ORDER BY n DESC LIMIT 1`.execute(rooms.db)
  t.equal(rows[0]!.touched, JSON.stringify([['session', session.id, 1]]))
  const held = rooms.revisions.write(async (trx) => excludeOpenings(trx))
  await held
  t.ok(rooms.sessions.byId(session.id))
})

t.test('a sign-out does not fail because a hub is storing when the same sessions were used', async (t) => {
  const { a, b, app, beside } = await twoHubs(t)
  const { session: parent } = await signIn(a)
  // So many that their rows are found one by one, in the order of the uses.
  await sql`INSERT INTO sessions SELECT 'old-' || n, 'old-' || n, kind, user_name, connector, app_id, NULL, client_ip, satisfied,
    created, expires, idle_ms, last_used, created FROM sessions, generate_series(1, 20000) AS n`.execute(
    beside.db,
  )
  await sql`ANALYZE sessions`.execute(beside.db)
  const child = { kind: 'app', appId: app.id, parentId: parent.id } as const
  const [, second] = [await signIn(a, child), await signIn(a, child)].map(({ session }) => session)
  await b.revisions.catchUp()
  const { session: other } = await signIn(b)
  b.advance(5_000)
  const known = (id: string) => b.sessions.byId(id)!
  known(parent.id).lastUsed = b.clock.now()
  for (const { id } of [second!, other]) b.sessions.touch(known(id))
  b.advance(5_000)
  b.sessions.touch(known(parent.id))
  const [begun, letGo] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const holding = beside.db.transaction().execute(async (trx) => {
    await sql`SELECT 1 FROM sessions WHERE id = ${other.id} FOR UPDATE`.execute(trx)
    begun.resolve()
    await letGo.promise
  })
  await begun.promise
  // If it waits for the other session, it has that of the app, but not yet the one of the sign-in.
  const storing = b.sessions.upkeep()
  await Promise.race([storing, waitFor(beside, 'transactionid')])
  const ending = a.sessions.end([parent.id], 'logout', null)
  await Promise.race([ending, waitFor(beside, 'transactionid', 2)])
  letGo.resolve()
  await holding
  t.equal(await ending, 3)
  await storing
  await b.sessions.upkeep()
  const { rows } = await sql<{
    at: number
  }>`SELECT last_used AS at FROM sessions WHERE id = ${other.id}`.execute(beside.db)
  t.equal(rows[0]?.at, known(other.id).lastUsed, 'the use of a session that was busy is stored later')
})
