// together: rooms
import { createHash } from 'node:crypto'
import t from 'tap'
import { useHere } from '../../../core/gate/sessions/activity.ts'
import { createSessions } from '../../../core/gate/sessions/sessions.ts'
import { createDesk } from '../../../core/web/desk/sign-in-desk.ts'
import { createSignInRate } from '../../../core/web/desk/sign-in-rate.ts'
import { createCommandLogins } from '../../../plugins/cli-login/command-logins.ts'
import { codeMigrations, createLoginCodes } from '../../../plugins/cli-login/login-codes.ts'
import { actor, quiet, startRooms } from '../../gate/sessions/start-rooms.ts'
import { partly } from '../../hub/partly.ts'
import { changesOf } from '../../state/database/stores.ts'

t.test('B32 a session that another hub has just ended admits no command line', async (t) => {
  const rooms = await startRooms()
  const { db, clock, users, accounts, grants, locks, catalog, access, sessions } = rooms
  await rooms.migrate([codeMigrations])
  const log = quiet
  const revisions = changesOf({
    db,
    reserved: db,
    dialect: 'embedded',
    listen: () => () => {},
    notify: async () => {},
  })
  const audit = { accepting: true, record() {} }
  const ended = Object.assign(() => {}, { empty: true, pure: true })
  const elsewhere = createSessions(
    partly({
      db,
      revisions,
      accounts,
      grants,
      locks,
      catalog,
      audit,
      access,
      clock,
      log,
      activity: { of: async () => useHere(rooms.sessions.live) },
      kernel: { calls: { session: { ended } }, service: () => undefined },
    }),
  )
  await revisions.start()
  t.teardown(async () => {
    await elsewhere.stop()
    await revisions.stop()
    await rooms.stop()
  })
  await users.create('ann', [], actor)
  const open = { kind: 'hub', user: 'ann', clientIp: '', expires: clock.now() + 60_000 } as const
  const verifier = 'v'.repeat(43)
  const challenge = createHash('sha256').update(verifier).digest('base64url')
  const codes = createLoginCodes(db, clock)
  const deps = {
    sessions,
    users,
    locks,
    audit,
    methods: () => [],
    sessionLimits: () => undefined,
    rate: createSignInRate(clock),
    clock,
    log,
  }
  const redeem = (allowing: string, before: () => Promise<unknown>) =>
    createCommandLogins({
      // It is still alive when the code is spent.
      codes: { spend: (code, given) => codes.spend(code, given).finally(before) },
      desk: createDesk(deps as never),
      sessions,
      log,
    }).redeem({ code: allowing, verifier, kind: 'cert', method: 'msh', clientIp: '', requestId: 'r' })

  const { session: first } = await sessions.open(open)
  const made = await redeem(await codes.issue(challenge, first.id), async () => {})
  t.equal(sessions.byId(made.session.id)?.user, 'ann')

  const { session: second } = await sessions.open(open)
  await revisions.catchUp()
  const late = redeem(await codes.issue(challenge, second.id), () =>
    elsewhere.end([second.id], 'revoked', null),
  )
  await t.rejects(late, { status: 400, code: 'code_invalid' })
  t.same(
    sessions.list().map(({ id }) => id),
    [first.id, made.session.id],
  )
})

t.test(
  'B31 a session made from another counts from the same sign-in, and so do those made from it',
  async (t) => {
    const rooms = await startRooms()
    t.teardown(() => rooms.stop())
    const { db, clock, users, locks, sessions } = rooms
    await rooms.migrate([codeMigrations])
    await users.create('ann', [], actor)
    const verifier = 'v'.repeat(43)
    const challenge = createHash('sha256').update(verifier).digest('base64url')
    const codes = createLoginCodes(db, clock)
    const audit = { accepting: true, record() {} }
    const [HOUR, SECOND] = [3_600_000, 1_000]
    const sessionLimits = () => ({ ttlMs: () => 2 * HOUR, idleMs: () => 0 })
    const deps = {
      sessions,
      users,
      locks,
      audit,
      methods: () => [],
      sessionLimits,
      clock,
      log: quiet,
      rate: createSignInRate(clock),
    }
    const desk = createDesk(deps as never)
    const { redeem } = createCommandLogins({ codes, desk, sessions, log: quiet })
    const start = clock.now()
    const { session } = await sessions.open({
      kind: 'hub',
      user: 'ann',
      clientIp: '',
      expires: start + 2 * HOUR,
    })
    let allowing = session.id
    for (const kind of ['hub', 'hub', 'cert'] as const) {
      rooms.advance(HOUR / 2)
      const code = await codes.issue(challenge, allowing)
      const made = await redeem({ code, verifier, kind, method: 'msh', clientIp: '', requestId: 'r' })
      t.equal(made.session.created, session.created, 'no fresher')
      t.ok(made.session.expires < start + 2 * HOUR + SECOND, 'no longer')
      allowing = made.session.id
    }
    const code = await codes.issue(challenge, session.id)
    const brief = { code, verifier, kind: 'cert', method: 'msh', clientIp: '', requestId: 'r' } as const
    const { session: short } = await redeem({ ...brief, longestMs: 60_000 })
    t.ok(
      Math.abs(short.expires - clock.now() - 60_000) < 10 * SECOND,
      'what is asked for is counted from now',
    )
    const invalid = { status: 400, code: 'code_invalid' }
    const stolen = await codes.issue(challenge, session.id)
    const guess = redeem({ ...brief, code: stolen, verifier: 'w'.repeat(43) })
    await t.rejects(guess, invalid, 'not without the verifier')
    await t.rejects(redeem({ ...brief, code: stolen }), invalid, 'which has spent it')
    const spread = redeem({ ...brief, code: await codes.issue(challenge, short.id) })
    await t.rejects(spread, invalid, 'a command line lets in no other')
    const old = await codes.issue(challenge, session.id)
    rooms.advance(2 * 60 * SECOND)
    await t.rejects(redeem({ ...brief, code: old }), invalid, 'two minutes are too late')
    const lock = await locks.create({ kind: 'user', target: 'ann', message: 'Call us.' }, actor)
    const locked = redeem({ ...brief, code: await codes.issue(challenge, session.id) })
    await t.rejects(locked, { status: 403, code: 'locked', message: 'Call us.' }, 'nothing under a lock')
    await locks.remove(lock.id, actor)
    t.ok(await redeem({ ...brief, code: await codes.issue(challenge, session.id) }))
    const kim = { name: 'kim', issuer: 'https://idp', sub: '1', connector: 'sso', mappedRoles: [] }
    const { holder } = await users.signIn(kim)
    const expires = clock.now() + HOUR
    const hers = await sessions.open({ kind: 'hub', user: 'kim', holder, clientIp: '', expires })
    const lost = await codes.issue(challenge, hers.session.id)
    await users.relink('kim', actor)
    await t.rejects(
      redeem({ ...brief, code: lost }),
      { status: 400, code: 'code_invalid' },
      'the name is lost',
    )
  },
)
