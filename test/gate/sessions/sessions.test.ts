// together: rooms
// long
import { generateKeyPairSync, randomUUID } from 'node:crypto'
import type { App, Session } from '@mezite/core'
import type { EndReason } from '@mezite/core/protocol'
import t from 'tap'
import { readApp } from '../../../core/gate/catalog/app-document.ts'
import { createCallerLookup } from '../../../core/web/server/caller.ts'
import { createAssertion } from '../../../plugins/identity-jwt/assertion.ts'
import { anyTables } from '../../any-tables.ts'
import { startStopwatch } from '../../stopwatch.ts'
import { until } from '../../until.ts'
import { actor, appBody, operator, publicNames, startRooms } from './start-rooms.ts'

const request = { method: 'GET', url: 'https://hub.example.com/', clientIp: '', header: () => [] }

t.test('sessions are opened, found, listed and ended', async (t) => {
  const rooms = await startRooms()
  t.teardown(() => rooms.stop())
  const { sessions, catalog, users, locks } = rooms
  const { app } = await catalog.put(readApp(appBody('one'), publicNames), 'create', actor)
  const { app: other } = await catalog.put(readApp(appBody('two'), publicNames), 'create', actor)
  await users.create('ann', ['dev'], actor)

  const hub = (over: object = {}) =>
    sessions.open({
      kind: 'hub',
      user: 'ann',
      clientIp: '10.0.0.9',
      expires: rooms.clock.now() + 3_600_000,
      ...over,
    })
  const nonceHash = 'n'.repeat(43)
  const handOver = async (hubSession: Session, to: App = app) => {
    const code = await sessions.tickets.issue({ hubSession, app: to, nonceHash, satisfied: [] })
    const redeem = (over: object = {}) =>
      sessions.tickets.redeem({ code, app: to, nonceHash, clientIp: '10.0.0.9', ...over })
    return { code, redeem }
  }
  const stream = (session: Session, to: App = app) => {
    const cuts: EndReason[] = []
    const context = { protocol: 'http', clientIp: '10.0.0.9' } as const
    const cut = (why: EndReason) => void cuts.push(why)
    const added = { session, app: to, agent: 'node-1', context, index: -1, cut }
    sessions.live.add(added)
    return { cuts, remove: () => sessions.live.remove(added) }
  }

  await t.test('B30 the database holds a hash and nothing that opens a session', async (t) => {
    const { session, token } = await hub()
    t.match(token, /^[A-Za-z0-9_-]{43}$/)
    const rows = await anyTables(rooms.db)
      .selectFrom('sessions')
      .selectAll()
      .where('id', '=', session.id)
      .execute()
    t.notOk(JSON.stringify(rows).includes(token))
    t.equal(await sessions.find('hub', rows[0]!.hash), undefined, 'the hash opens nothing')
    t.equal(sessions.find('hub', token), session, 'synchronous')
    t.equal(await sessions.find('app', token), undefined, 'B18 a token of another kind is none')
  })

  await t.test(
    'B17 an app session is bound to its app, and B32 logout ends all dependent sessions',
    async (t) => {
      const { session: parent, token: hubToken } = await hub()
      const made = (await (await handOver(parent)).redeem())!
      t.equal(made.session.appId, app.id)
      t.equal(made.session.parentId, parent.id)
      const identify = createCallerLookup({ callers: rooms.callers, sessions, locks })
      const { token } = made
      const cookie = { kind: 'cookie', token, who: { kind: 'hub', token } } as const
      for (const one of [cookie, { kind: 'bearer', token } as const])
        t.equal(await identify(one, request), null, 'B18')
      t.match(await identify({ kind: 'bearer', token: hubToken }, request), { user: 'ann', roles: ['dev'] })
      const { cuts } = stream(made.session)
      rooms.events.length = 0
      t.equal(await sessions.end([parent.id], 'logout', null), 2)
      t.equal(await sessions.find('app', made.token), undefined)
      t.same(cuts, ['logout'])
      t.same(rooms.types(), ['user.logout', 'app.session.end'])
      t.ok(rooms.ended.some(({ session, reason }) => session.id === made.session.id && reason === 'logout'))
    },
  )

  await t.test('sessions end as part of a change that is under way, or not at all', async (t) => {
    await users.create('ben', [], actor)
    const { session } = await hub({ user: 'ben', connector: 'corp' })
    const { session: terminal } = await hub({ user: 'ben', kind: 'cert', connector: 'corp' })
    await hub({ user: 'ben', connector: 'other' })
    const endThose = (undo: boolean) =>
      rooms.revisions.write(async (trx, change) => {
        t.equal((await sessions.listIn(trx, { user: 'ben' })).length, 3)
        const found = (await sessions.listIn(trx, { connector: 'corp' })).map(({ id }) => id)
        t.same(found.toSorted(), [session.id, terminal.id].toSorted())
        t.equal(await sessions.end(found, 'connector_deleted', operator, { trx, change }), 2)
        await sessions.forget('ben', 'lost', { trx, change })
        if (undo) throw new Error('undone')
      })
    await t.rejects(endThose(true), { message: 'undone' })
    t.ok(sessions.byId(session.id))
    await endThose(false)
    t.equal(sessions.byId(session.id), undefined)
    t.equal(sessions.byId(terminal.id), undefined)
  })

  await t.test('B28 a code is spent once; a second use ends the session that it made', async (t) => {
    const { session: parent } = await hub()
    const { redeem } = await handOver(parent)
    const answers = await Promise.all(Array.from({ length: 10 }, () => redeem()))
    const made = answers.filter((answer) => answer !== null)
    t.ok(made.length <= 1)
    t.equal(sessions.list().filter(({ parentId }) => parentId === parent.id).length, 0, 'the replay ended it')
    const again = await handOver(parent)
    const first = (await again.redeem())!
    t.ok(await sessions.find('app', first.token))
    t.equal(await again.redeem({ nonceHash: 'x' }), null)
    t.equal(await sessions.find('app', first.token), undefined)
  })

  await t.test(
    'B28 a code of another app or browser, or older than 30 s, opens nothing and is spent',
    async (t) => {
      const { session: parent } = await hub()
      for (const wrong of [{ app: other }, { nonceHash: 'm'.repeat(43) }]) {
        const { redeem } = await handOver(parent)
        t.equal(await redeem(wrong), null)
        t.equal(await redeem(), null)
      }
      const late = await handOver(parent)
      rooms.advance(30_001)
      t.equal(await late.redeem(), null)
      t.equal(await late.redeem({ code: 'x'.repeat(43) }), null)
      t.equal(await late.redeem({ code: "' OR 1=1" }), null)
      const orphan = await handOver(parent)
      await sessions.end([parent.id], 'revoked', operator)
      t.equal(await orphan.redeem(), null, 'the hub session is gone')
    },
  )

  await t.test('B31 idle and absolute limits hold, and use of an app counts for its login', async (t) => {
    const { session: parent, token } = await hub({ idleMs: 60_000 })
    const made = (await (await handOver(parent)).redeem())!
    rooms.advance(50_000)
    sessions.touch(made.session)
    rooms.advance(50_000)
    t.ok(await sessions.find('hub', token))
    rooms.advance(11_000)
    t.equal(await sessions.find('hub', token), undefined)
    t.equal(await sessions.find('app', made.token), undefined)
    const brief = await hub({ expires: rooms.clock.now() + 1_000 })
    rooms.advance(1_001)
    t.equal(await sessions.find('hub', brief.token), undefined)
    rooms.advance(30_000)
    rooms.events.length = 0
    await sessions.upkeep()
    const rows = await anyTables(rooms.db)
      .selectFrom('sessions')
      .select('end_reason')
      .where('id', 'in', [brief.session.id, made.session.id])
      .execute()
    t.same(rows.map((row) => row.end_reason).sort(), ['expired', 'idle'])
    t.ok(rooms.types().includes('app.session.end'))
  })

  await t.test('N172 one session too many ends the oldest of its kind', async (t) => {
    const { session: parent } = await hub()
    const beside = (await (await handOver(parent, other)).redeem())!
    const opened: Session[] = []
    rooms.events.length = 0
    for (let n = 0; n < 22; n++) opened.push((await (await handOver(parent)).redeem())!.session)
    const alive = (all: readonly Session[]) => all.map(({ id }) => sessions.byId(id) !== undefined)
    t.same(alive(opened), [false, false, ...Array(20).fill(true)])
    t.same(alive([parent, beside.session]), [true, true])
    const ends = rooms.events.filter(({ type }) => type !== 'app.session.start')
    t.match(ends, [
      { type: 'app.session.end', sessionId: opened[0]!.id, fields: { end_reason: 'superseded' } },
      { type: 'app.session.end', sessionId: opened[1]!.id },
    ])
    t.equal(ends.length, 2)

    await users.create('busy', [], actor)
    const first = (await hub({ user: 'busy' })).session
    const child = (await (await handOver(first)).redeem())!.session
    const row = await anyTables(rooms.db)
      .selectFrom('sessions')
      .selectAll()
      .where('id', '=', first.id)
      .executeTakeFirstOrThrow()
    // Ids grow with time: these are later than that of the first.
    const more = Array.from({ length: 998 }, () => `ffffffff${randomUUID().slice(8)}`).map((id) => ({
      ...row,
      id,
      hash: id,
    }))
    await anyTables(rooms.db).insertInto('sessions').values(more).execute()
    await hub({ user: 'busy' })
    t.same(alive([first, child]), [true, true])
    const last = await hub({ user: 'busy', kind: 'cert' })
    t.same(alive([first, child, last.session]), [false, false, true])
    t.match(rooms.ended.at(-1), { reason: 'superseded' })
    const [atApps, oldest] = [5_001, 'eeeeeeee-0000-4000-8000-000000000000']
    const apps = Array.from({ length: atApps }, (_, at) => {
      const id = at === 0 ? oldest : `ffffffff${randomUUID().slice(8)}`
      return { ...row, id, hash: id, kind: 'app' as const, app_id: `app-${at}`, parent_id: last.session.id }
    })
    for (let at = 0; at < atApps; at += 1_000)
      await anyTables(rooms.db)
        .insertInto('sessions')
        .values(apps.slice(at, at + 1_000))
        .execute()
    const lastChild = await (await handOver(last.session)).redeem()
    t.equal(lastChild, null, 'a session of msh opens no app')
    const hubSession = (await hub({ user: 'busy' })).session
    t.ok(await (await handOver(hubSession)).redeem())
    const { end_reason } = await anyTables(rooms.db)
      .selectFrom('sessions')
      .select('end_reason')
      .where('id', '=', oldest)
      .executeTakeFirstOrThrow()
    t.equal(end_reason, 'superseded', 'N169 the oldest of 5,000 at apps ends')
    await users.remove('busy', actor)
    await sessions.end(
      more.map(({ id }) => id),
      'revoked',
      operator,
    )
  })

  await t.test('B34 unknown tokens cause few reads and no rows', async (t) => {
    const before = rooms.db ? await anyTables(rooms.db).selectFrom('sessions').selectAll().execute() : []
    const watch = startStopwatch()
    const tokens = Array.from({ length: 5_000 }, (_, at) => String(at).padStart(43, 'A'))
    const found = await Promise.all(tokens.map((token) => sessions.find('app', token)))
    t.ok(found.every((one) => one === undefined))
    t.ok(watch.took() < 30_000)
    t.equal(sessions.find('app', 'short'), undefined, 'no token at all: no read')
    t.equal((await anyTables(rooms.db).selectFrom('sessions').selectAll().execute()).length, before.length)
  })

  await t.test('A272 an assertion is signed again when anything in it changes, and only then', async (t) => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    let kid = 'first'
    const { sign } = createAssertion({
      keys: { current: () => ({ kid, privateKey, publicJwk: {}, activeFrom: 0 }) },
      clock: { now: () => 1_800_000_000_000, monotonic: () => 0 },
      publicNames,
    })
    rooms.setPolicy(({ subject }, vote) => {
      if (subject.roles.includes('dev')) vote.allow('dev')
    })
    const dora = {
      ...{ name: 'dora', issuer: 'https://id.example.com', sub: 'dora', connector: 'sso' },
      mappedRoles: ['dev'],
      profile: { name: 'Dora', email: 'dora@example.com' },
    }
    await users.signIn(dora)
    const { session } = await hub({ user: 'dora', connector: 'sso' })
    const { token } = (await (await handOver(session)).redeem())!
    let profile: unknown
    /** Of a request; or why it was refused. */
    const ask = async () => {
      const outcome = await rooms.access.admit({
        who: { kind: 'app', token },
        app: catalog.byId(app.id),
        protocol: 'http',
        clientIp: '10.0.0.9',
        requestId: 'r1',
      })
      if (outcome.outcome !== 'admitted') return { refused: outcome.outcome }
      outcome.close()
      profile = outcome.subject?.profile
      return { text: sign(outcome.subject!, outcome.app) }
    }
    const read = ({ text }: { text?: string }, part: number) =>
      JSON.parse(Buffer.from(text?.split('.')[part] ?? '', 'base64url').toString())
    let last = await ask()
    t.match(read(last, 1), { sub: 'dora', roles: ['dev'], aud: app.uri })

    const unrelated: [what: string, change: () => Promise<unknown>][] = [
      ['another user', () => users.create('eve', ['dev'], actor)],
      ['roles of another user', () => users.update('eve', [], actor)],
      ['a lock of another user', () => locks.create({ kind: 'user', target: 'eve' }, actor)],
      ['another app', () => catalog.change('two', (old) => ({ ...old, uri: 'http://10.0.0.9:1' }), actor)],
      [
        'the timeouts of the app',
        () => catalog.change('one', (old) => ({ ...old, rewriteHost: 'app' }), actor),
      ],
      ['another sign-in of the same person', () => users.signIn(dora)],
      ['another removed user', () => users.remove('eve', actor)],
    ]
    for (const [what, change] of unrelated) {
      await change()
      t.strictSame(await ask(), last, what)
    }

    const related: [what: string, change: () => Promise<unknown>, claims: object][] = [
      [
        'a role more',
        () => users.signIn({ ...dora, mappedRoles: ['dev', 'ops'] }),
        { roles: ['dev', 'ops'] },
      ],
      ['a role less', () => users.signIn(dora), { roles: ['dev'] }],
      ['an assigned role', () => users.update('dora', ['night'], actor), { roles: ['dev', 'night'] }],
      [
        'a trait',
        () => users.signIn({ ...dora, profile: { name: 'Dora', email: 'dora@example.org' } }),
        { sub: 'dora' },
      ],
      [
        'the target of the app',
        () => catalog.change('one', (old) => ({ ...old, uri: 'http://10.0.0.2:3000' }), actor),
        { aud: 'http://10.0.0.2:3000' },
      ],
      [
        'a new key',
        async () => {
          kid = 'second'
        },
        { sub: 'dora' },
      ],
    ]
    for (const [what, change, claims] of related) {
      await change()
      const next = await ask()
      t.not(next.text, last.text, what)
      t.match(read(next, 1), claims, what)
      t.strictSame(await ask(), next, `${what}: and then it stays`)
      last = next
    }
    t.match(profile, { email: 'dora@example.org' })
    t.equal(read(last, 0).kid, 'second')

    const lock = await locks.create({ kind: 'user', target: 'dora' }, actor)
    t.strictSame(await ask(), { refused: 'denied' }, 'a lock')
    await locks.remove(lock.id, actor)
    t.ok((await ask()).text)
    await users.update('dora', [], actor)
    await users.signIn({ ...dora, mappedRoles: [] })
    t.strictSame(await ask(), { refused: 'denied' }, 'no role that gives access')
    await users.signIn(dora)
    t.match(read(await ask(), 1), { roles: ['dev'] })
    await sessions.end([session.id], 'revoked', operator)
    t.strictSame(await ask(), { refused: 'unauthenticated' }, 'a revoked session')
    rooms.setPolicy((_, vote) => vote.allow('access'))
  })

  await t.test('E71 locks, roles, users and apps cut live streams', async (t) => {
    const { session, token } = await hub()
    rooms.setPolicy(({ subject }, vote) => {
      if (subject.roles.includes('dev')) vote.allow('dev')
    })
    const { session: below, token: belowToken } = (await (await handOver(session, other)).redeem())!
    const identify = createCallerLookup({ callers: rooms.callers, sessions, locks })
    const settled = () => sessions.live.recheck()

    const a = stream(session)
    const lock = await locks.create({ kind: 'user', target: 'ann' }, actor)
    await settled()
    t.same(a.cuts, ['locked'])
    const known = await identify({ kind: 'bearer', token }, request)
    t.strictSame([known?.user, known?.roles], ['ann', []], 'known, and no more')
    await locks.remove(lock.id, actor)
    t.match(await identify({ kind: 'bearer', token }, request), { user: 'ann', roles: ['dev'] })

    const b = stream(session)
    const kept = stream(session, other)
    await catalog.change('one', (old) => ({ ...old, enabled: false }), actor)
    await settled()
    t.same(b.cuts, ['app_disabled'])
    t.same(kept.cuts, [])
    await catalog.change('one', (old) => ({ ...old, enabled: true }), actor)

    const sessionLock = await locks.create({ kind: 'session', target: session.id }, actor)
    await settled()
    t.same(kept.cuts, ['locked'])
    t.equal(await sessions.find('hub', token), undefined)
    t.equal(sessions.byId(below.id), undefined, 'and what hangs on it')
    t.equal(await sessions.find('app', belowToken), undefined)
    await locks.remove(sessionLock.id, actor)
    t.equal(sessions.byId(below.id), below)

    const c = stream(session)
    await users.update('ann', [], actor)
    await settled()
    t.same(c.cuts, ['denied'])
    await users.update('ann', ['dev'], actor)

    const d = stream(session)
    await catalog.remove('one', actor)
    await settled()
    t.same(d.cuts, ['app_deleted'])

    const e = stream(session, other)
    await users.remove('ann', actor)
    await settled()
    t.same(e.cuts, ['user_deleted'])
    t.equal(sessions.subjectOf(session), undefined)
    t.equal(sessions.live.size, 0)
    rooms.setPolicy((_, vote) => vote.allow('dev'))
    await users.create('ann', ['dev'], actor)
  })

  await t.test('D64 a new requirement cuts an open stream', async (t) => {
    const { session } = await hub()
    const { cuts } = stream(session, other)
    await sessions.live.recheck()
    t.same(cuts, [])
    rooms.setPolicy((_, vote) => {
      vote.allow('dev')
      vote.require({ name: 'session-mfa', level: 'webauthn', freshnessMs: 0 })
    })
    await users.update('ann', ['dev', 'strict'], actor)
    await sessions.live.recheck()
    t.same(cuts, ['denied'])
  })

  await t.test(
    'D66 a removed passkey no longer counts for streams, sessions and codes under way',
    async (t) => {
      rooms.setPolicy((_, vote) => {
        vote.allow('dev')
        vote.require({ name: 'session-mfa', level: 'webauthn', freshnessMs: 0 })
      })
      const { session: parent } = await hub()
      const mark = (by: string) => ({ name: 'session-mfa', level: 'webauthn', at: rooms.clock.now(), by })
      await sessions.remember(parent, mark('lost'))
      await sessions.remember(parent, mark('kept'))
      const codeOf = (by: string) =>
        sessions.tickets.issue({
          hubSession: parent,
          app: other,
          nonceHash,
          satisfied: [{ ...mark(by), appId: other.id }],
        })
      const redeem = (code: string) =>
        sessions.tickets.redeem({ code, app: other, nonceHash, clientIp: '10.0.0.9' })
      const lost = (await redeem(await codeOf('lost')))!
      const kept = (await redeem(await codeOf('kept')))!
      const [cut, goesOn] = [stream(lost.session, other), stream(kept.session, other)]
      const [late, good] = [await codeOf('lost'), await codeOf('kept')]
      t.equal(await sessions.live.recheck(), 0)

      await sessions.forget('ann', 'lost')
      await sessions.live.recheck()
      t.same(cut.cuts, ['denied'])
      t.same(goesOn.cuts, [])
      t.same((await sessions.find('app', lost.token))?.satisfied, [], 'the session lives, and is asked again')
      t.same(
        sessions.byId(parent.id)?.satisfied.map(({ by }) => by),
        ['kept'],
      )
      t.same((await redeem(late))?.session.satisfied, [], 'a code on its way brings nothing back')
      t.match((await redeem(good))?.session.satisfied, [{ by: 'kept', appId: other.id }])
      goesOn.remove()
      rooms.setPolicy((_, vote) => vote.allow('dev'))
    },
  )

  await t.test('fault 37 open streams end exactly when their session does', async (t) => {
    sessions.start()
    const { session } = await hub({ expires: rooms.clock.now() + 1_300 })
    const long = await hub()
    const { cuts } = stream(session, other)
    const { cuts: others, remove } = stream(long.session, other)
    await until(() => cuts.length > 0, 'it ends')
    const lateMs = rooms.clock.now() - session.expires
    t.same(cuts, ['expired'])
    t.ok(lateMs >= 0 && lateMs < 10_000, `${lateMs} ms after its end`)
    t.same(others, [])
    remove()
  })

  await t.test(
    'C47 a session is invalid for the next holder of the name, whatever else went wrong',
    async (t) => {
      const identity = (sub: string) => ({
        name: 'kim',
        issuer: 'https://idp',
        sub,
        connector: 'sso',
        mappedRoles: [],
      })
      const first = await users.signIn(identity('1'))
      const { session, token } = await hub({ user: 'kim', holder: first.holder })
      const { session: unnamed } = await hub({ user: 'kim' })
      t.equal(unnamed.holder, first.holder, 'whoever holds the name')
      const { cuts } = stream(session, other)
      t.ok(sessions.subjectOf(session))
      const identify = createCallerLookup({ callers: rooms.callers, sessions, locks })
      const bearer = () => identify({ kind: 'bearer', token }, request)
      t.match(await bearer(), { user: 'kim' })

      await users.create('kit', [], actor)
      const { session: early } = await hub({ user: 'kit', holder: null })
      t.match(sessions.subjectOf(early), { user: 'kit' })
      await users.signIn({ ...identity('3'), name: 'kit' })
      t.equal(sessions.subjectOf(early), undefined, 'opened while nobody held the name')
      await t.rejects(hub({ user: 'kit', holder: null }), { status: 401, code: 'login_required' })

      // As if the hub had ended between the removal and the end of the sessions.
      await users.remove('kim', actor)
      await t.rejects(hub({ user: 'kim', holder: first.holder }), { status: 401, code: 'login_required' })
      const second = await users.signIn(identity('2'))
      t.not(second.holder, first.holder)
      for (const old of [session, unnamed]) t.equal(sessions.subjectOf(old), undefined)
      t.equal(await bearer(), null)
      await sessions.live.recheck()
      t.same(cuts, ['user_deleted'])
      await t.rejects(hub({ user: 'kim', holder: first.holder }), { status: 401, code: 'login_required' })
      const late = await handOver(session)
      t.equal(await late.redeem(), null, 'nor does its hand-over')

      const { session: fresh } = await hub({ user: 'kim', holder: second.holder })
      t.match(sessions.subjectOf(fresh), { user: 'kim' })
      await users.relink('kim', actor)
      t.equal(sessions.subjectOf(fresh), undefined, 'a name that nobody holds')
    },
  )

  await t.test(
    'E71 streams that are opened between two checks of a session are checked as well',
    async (t) => {
      const { session } = await hub()
      const open = (clientIp: string, protocol: 'http' | 'tcp') => {
        const cuts: EndReason[] = []
        const context = { protocol, clientIp } as const
        const cut = (why: EndReason) => void cuts.push(why)
        const added = { session, app: other, agent: null, context, index: -1, cut }
        sessions.live.add(added)
        return { cuts, remove: () => sessions.live.remove(added) }
      }
      const first = open('10.0.0.1', 'http')
      t.equal(await sessions.live.recheck(), 0)
      const later = [open('10.0.0.2', 'http'), open('10.0.0.1', 'tcp')]
      t.equal(await sessions.live.recheck(), 0)
      const last = open('10.0.0.3', 'http')
      rooms.setPolicy(({ context }, vote) => {
        if (context.clientIp !== '10.0.0.1' || context.protocol === 'tcp') vote.deny('moved')
        else vote.allow('dev')
      })
      await users.update('ann', ['dev', 'moved'], actor)
      await sessions.live.recheck()
      for (const { cuts } of [...later, last]) t.same(cuts, ['denied'])
      t.same(first.cuts, [], 'another way goes on')
      first.remove()
      rooms.setPolicy((_, vote) => vote.allow('dev'))
      await users.update('ann', ['dev'], actor)
    },
  )

  await t.test('10,000 streams are checked without holding up the others', async (t) => {
    const opened = await Promise.all(Array.from({ length: 20 }, () => hub()))
    const removals = Array.from({ length: 10_000 }, (_, at) => {
      const { session } = opened[at % opened.length]!
      const context = { protocol: 'http', clientIp: `10.0.${at >> 8}.${at & 255}` } as const
      const added = { session, app: other, agent: null, context, index: -1, cut() {} }
      sessions.live.add(added)
      return () => sessions.live.remove(added)
    })
    let turns = 0
    let done = false
    const watch = (): void => {
      turns += 1
      if (!done) setImmediate(watch)
    }
    setImmediate(watch)
    t.equal(await sessions.live.recheck(), 0)
    done = true
    t.ok(turns >= 2, `others had ${turns} turns`)
    t.equal(sessions.live.countBy({ appId: other.id }), 10_000)
    for (const remove of removals) remove()
    t.equal(sessions.live.size, 0)
  })

  await t.test('a stream whose end throws stops no other cut', async (t) => {
    const { session } = await hub()
    const context = { protocol: 'http', clientIp: '' } as const
    sessions.live.add({
      session,
      app: other,
      agent: null,
      context,
      index: -1,
      cut() {
        throw new Error('boom')
      },
    })
    const { cuts } = stream(session, other)
    await sessions.end([session.id], 'revoked', operator)
    t.same(cuts, ['revoked'])
  })
})
