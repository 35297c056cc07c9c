// together: rooms
import assert from 'node:assert'
import type { AccessQuery, RequirementKind, Subject, Vote } from '@mezite/core'
import t from 'tap'
import { hubHooks } from '../../../core/api/hub-hooks.ts'
import type { Requirement } from '../../../core/api/requirement.ts'
import { createDecisions } from '../../../core/gate/access/decisions.ts'
import { isMetBy, registerRequirements } from '../../../core/gate/access/requirements.ts'
import { readApp } from '../../../core/gate/catalog/app-document.ts'
import type { Ballots } from '../../../core/kernel/hook.ts'
import { createHooks } from '../../../core/kernel/hooks.ts'
import { memoryLog } from '../../../core/testing/index.ts'
import { partly } from '../../hub/partly.ts'
import { startStopwatch } from '../../stopwatch.ts'
import { actor, appBody, operator, publicNames, quiet, startRooms } from '../sessions/start-rooms.ts'

const subject = (over: Partial<Subject> = {}): Subject =>
  Object.freeze({
    user: 'ann@example.com',
    roles: Object.freeze(['platform']),
    kind: 'session',
    sessionId: 's-1',
    satisfied: [],
    ...over,
  })
const context = { protocol: 'http', clientIp: '10.1.1.1' } as const

/** Decisions over these pure taps, each of a plugin of its own; `lines` is the log. */
function decideBy(taps: Readonly<Record<string, (query: AccessQuery, vote: Vote) => unknown>>) {
  const { log, lines } = memoryLog()
  const hooks = createHooks(hubHooks, { log })
  for (const [plugin, tap] of Object.entries(taps))
    hooks.view(plugin).access.decide(tap as () => void, { pure: true })
  const decisions = createDecisions(
    partly({
      decide: hooks.calls.access.decide,
      log,
      clock: { now: () => 0, monotonic: () => 0 },
      requirements: new Map(),
      locks: { lockFor: () => null },
      revisions: { revision: 1 },
    }),
  )
  const who = subject()
  const apps = ['dev', 'prod'].map((env) => Object.freeze({ ...appNamed(env), labels: { env } }))
  const decide = async (env = 'dev') =>
    decisions.decide({ subject: who, app: apps.find(({ name }) => name === env)!, context })
  return { decide, lines }
}
const appNamed = (name: string) => ({ ...readApp(appBody(name), publicNames), id: name })

t.test('the gate decides by votes, requirements and locks', async (t) => {
  const rooms = await startRooms()
  t.teardown(() => rooms.stop())
  const { access, decisions, catalog, locks, requirements, users } = rooms
  const { app } = await catalog.put(readApp(appBody('one'), publicNames), 'create', actor)
  const decide = async (who = subject()) => decisions.decide({ subject: who, app, context })

  await t.test('E65 any deny vote denies, and so does the absence of an allow vote', async (t) => {
    rooms.setPolicy(() => {})
    t.match(await decide(), { effect: 'deny', reason: 'label_mismatch' })
    t.match(await decide(subject({ roles: [] })), { effect: 'deny', reason: 'role_missing' })
    rooms.setPolicy((_, vote) => {
      vote.allow('platform')
      vote.deny('label_denied')
    })
    t.match(await decide(), { effect: 'deny', reason: 'label_denied' })
    rooms.setPolicy((_, vote) => vote.allow('platform'))
    t.match(await decide(), { effect: 'allow', roles: ['platform'], requirements: { length: 0 } })
  })

  await t.test('E70 a tap that throws denies', async (t) => {
    rooms.setPolicy((_, vote) => {
      vote.allow('platform')
      throw new Error('boom')
    })
    t.match(await decide(), { effect: 'deny', reason: 'policy_failed' })
    rooms.setPolicy((_, vote) => vote.allow('platform'))
  })

  await t.test('the strongest unmet requirement is asked for', async (t) => {
    rooms.setPolicy((_, vote) => {
      vote.allow('platform')
      vote.require({ name: 'session-mfa', level: 'webauthn', freshnessMs: 300_000 })
      vote.require({ name: 'session-mfa', level: 'hardware_key', freshnessMs: 60_000 })
    })
    const met = (level: string, appId: string | null, at: number) =>
      subject({ satisfied: [{ name: 'session-mfa', level, appId, at }] })
    const now = rooms.clock.now()
    t.match(await decide(), {
      effect: 'require',
      reason: 'session_mfa_required',
      requirements: [{ name: 'session-mfa', level: 'hardware_key', freshnessMs: 60_000 }],
    })
    t.match(await decide(met('webauthn', app.id, now)), { effect: 'require' }, 'too weak')
    t.match(
      await decide(met('hardware_key', app.id, now - 3_600_000)),
      { effect: 'allow' },
      'of this app session',
    )
    t.match(await decide(met('hardware_key', 'other', now - 30_000)), { effect: 'allow' }, 'fresh enough')
    t.match(await decide(met('hardware_key', 'other', now - 61_000)), { effect: 'require' }, 'too old')
    t.match(
      await decide(met('hardware_key', 'other', now + 600_000)),
      { effect: 'require' },
      'from the future',
    )
    t.match(await decide(met('magic', app.id, now)), { effect: 'require' }, 'unknown level')
    rooms.setPolicy((_, vote) => {
      vote.allow('platform')
      vote.require({ name: 'trusted-device' })
    })
    t.match(await decide(), { effect: 'require', reason: 'device_trust_required' })
    const device = (appId: string | null) =>
      subject({ satisfied: [{ name: 'trusted-device', level: '', appId, at: now }] })
    t.match(await decide(device('other')), { effect: 'require' }, 'a device of another app’s session')
    t.match(await decide(device(app.id)), { effect: 'allow' })
    rooms.setPolicy((_, vote) => {
      vote.allow('platform')
      vote.require({ name: 'session-mfa', level: 'webauthn', freshnessMs: 0 })
    })
    // Also when the hub that saw the touch is a little ahead.
    const ahead = met('webauthn', 'other', rooms.clock.now() + 5_000)
    t.match(await decide(ahead), { effect: 'require' }, 'each session asks anew')
    t.match(await decide(met('webauthn', app.id, now)), { effect: 'allow' })
    rooms.setPolicy((_, vote) => {
      vote.allow('platform')
      vote.require({ name: 'session-mfa', level: 'magic' as 'webauthn', freshnessMs: 60_000 })
    })
    t.match(await decide(met('hardware_key', app.id, now)), { effect: 'require' }, 'an unknown demand')
    rooms.setPolicy((_, vote) => {
      vote.allow('platform')
      vote.require({ name: 'session-mfa', level: 'webauthn', freshnessMs: 60_000 })
    })
    const fresh = met('webauthn', 'other', rooms.clock.now())
    t.match(await decide(fresh), { effect: 'allow' })
    rooms.advance(61_000)
    t.match(await decide(fresh), { effect: 'require' }, 'too old by now')
    rooms.setPolicy((_, vote) => vote.allow('platform'))
  })

  await t.test(
    'a requirement that nobody has registered denies, even if its policy swallows the error',
    async (t) => {
      rooms.setPolicy((_, vote) => {
        vote.allow('platform')
        vote.require({ name: 'retina-scan' })
      })
      t.match(await decide(), { effect: 'deny', reason: 'policy_failed' })
      const satisfied = [{ name: 'retina-scan', level: '', appId: null, at: rooms.clock.now() }]
      t.match(
        await decide(subject({ satisfied })),
        { effect: 'deny', reason: 'policy_failed' },
        'a met one too',
      )
      rooms.setPolicy((_, vote) => {
        vote.allow('platform')
        try {
          vote.require({ name: 'retina-scan' })
        } catch {}
      })
      t.match(await decide(), { effect: 'deny', reason: 'policy_failed' })
      t.same(await access.visible(subject(), '10.1.1.1'), [])
    },
  )

  await t.test('a kind of requirement decides when it is met, and denies when it fails', async (t) => {
    const floor = { name: 'floor', reason: 'floor_required', title: 'Go up', detail: 'Take the lift.' }
    const register = (kind: Partial<RequirementKind>) => requirements.set('floor', { ...floor, ...kind })
    t.teardown(() => requirements.delete('floor'))
    const on = (level: string, appId: string | null = null) =>
      decide(subject({ satisfied: [{ name: 'floor', level, appId, at: rooms.clock.now() }] }))
    rooms.setPolicy((_, vote) => {
      vote.allow('platform')
      for (const least of [1, 3, 3]) vote.require({ name: 'floor', least })
    })
    register({})
    t.match(await decide(), { reason: 'floor_required', requirements: [{ least: 1 }, { least: 3 }] })
    t.match(await on('0'), { effect: 'allow' }, 'by default any entry for the hub session meets it')
    t.match(await on('0', 'other'), { effect: 'require' })
    register({ isMetBy: ({ least }, { level }) => Number(level) >= Number(least) })
    t.match(await on('2'), { effect: 'require', requirements: [{ least: 3 }] }, 'both must be met')
    t.match(await on('3'), { effect: 'allow', met: [{ level: '3' }] })
    register({ strictest: (a, b) => (Number(a.least) > Number(b.least) ? a : b) })
    t.match(await decide(), { requirements: [{ least: 3 }] })
    const accepts = ['session-mfa']
    const mark = (name: string) => [{ name, level: '3', appId: null, at: 1 }]
    const kinds = (more: object) => new Map([['floor', { ...floor, ...more }]])
    const meets = (name: string, more: object) =>
      isMetBy({ name: 'floor' }, mark(name)[0]!, { appId: 'a', now: 2 }, kinds(more))
    t.ok(meets('session-mfa', { accepts, isMetBy: () => true }), 'an entry of a kind that it accepts')
    t.notOk(meets('session-mfa', { accepts, isMetBy: () => false }), 'if it says so')
    t.notOk(meets('session-mfa', { accepts }), 'and not by default')
    t.notOk(meets('trusted-device', { accepts, isMetBy: () => true }), 'of no other kind')
    register({ isMetBy: () => 'yes' as unknown as boolean })
    t.match(await on('3'), { effect: 'require' }, 'only true meets it')
    for (const broken of [
      { isMetBy: () => assert.fail('boom') },
      { strictest: () => assert.fail('boom') },
      { strictest: () => ({ name: 'trusted-device' }) },
      { strictest: () => undefined as unknown as Requirement },
    ]) {
      register(broken)
      t.match(await on('3'), { effect: 'deny', reason: 'policy_failed' })
    }
    t.throws(() => registerRequirements([floor], requirements), { code: 'MEZ_SERVICE_TWICE' })
    rooms.setPolicy((_, vote) => vote.allow('platform'))
  })

  await t.test('a lock that is made while a policy decides counts, and so does an error', async (t) => {
    let end: (error?: Error) => void = () => {}
    const decide = async (_query: unknown, ballot: (plugin: string) => Vote): Promise<Ballots<Vote>> => {
      const vote = ballot('slow')
      await new Promise<void>((resolve, reject) => {
        end = (error) => (error ? reject(error) : resolve())
      })
      vote.allow('platform')
      return { cast: [vote], failed: [] }
    }
    const slow = createDecisions({
      requirements,
      locks,
      revisions: rooms.revisions,
      clock: rooms.clock,
      log: quiet,
      decide: Object.assign(decide, { empty: false, pure: true }),
    })
    const ask = () => slow.decide({ subject: subject(), app, context })
    const allowed = ask()
    end()
    const failed = ask()
    end(new Error('boom'))
    t.match(await allowed, { effect: 'allow' })
    t.match(await failed, { effect: 'deny', reason: 'policy_failed' })
    const late = ask()
    const target = { kind: 'user', target: 'ann@example.com', message: 'no' } as const
    const { id } = await locks.create(target, actor)
    end()
    t.match(await late, { effect: 'deny', reason: 'locked', message: 'no' })
    await locks.remove(id, actor)
  })

  await t.test(
    'locks are checked first, for user, role, session and app, and expire by themselves',
    async (t) => {
      for (const [kind, target] of [
        ['user', 'ANN@example.com'],
        ['role', 'platform'],
        ['session', 's-1'],
        ['app', 'one'],
      ] as const) {
        t.match(await decide(), { effect: 'allow' })
        const lock = await locks.create({ kind, target, message: `no ${kind}` }, actor)
        t.match(await decide(), { effect: 'deny', reason: 'locked', message: `no ${kind}` }, kind)
        await locks.remove(lock.id, actor)
      }
      await locks.create({ kind: 'user', target: 'ann@example.com', ttlMs: 1_000 }, actor)
      t.strictSame(await decide(), { effect: 'deny', reason: 'locked', roles: [], requirements: [] })
      rooms.advance(1_001)
      t.match(await decide(), { effect: 'allow' })
      await locks.create({ kind: 'agent', target: 'Node-1' }, actor)
      t.ok(locks.isAgentLocked('node-1'))
      t.notOk(locks.isAgentLocked('node-2'))
      const self = { ...actor, subject: subject({ roles: ['admin'] }) }
      const own = { kind: 'role', target: 'admin' } as const
      await t.rejects(locks.create(own, self), { code: 'self_lockout' }, 'E78 no lock of oneself')
    },
  )

  await t.test('a decision names the rule of its policy, and a wrong name denies', async (t) => {
    const allowed = (name: string) =>
      rooms.setPolicy((_, vote) => {
        vote.allow('platform')
        vote.rule(name)
      })
    allowed('dev/read')
    t.match(await decide(), { effect: 'allow', rule: 'dev/read' })
    rooms.setPolicy((_, vote) => {
      vote.allow('platform')
      vote.rule('dev/read')
      vote.rule('dev/no-admin')
      vote.deny('not_here')
    })
    t.match(await decide(), { effect: 'deny', reason: 'not_here', rule: 'dev/no-admin' })
    for (const wrong of ['', 'a\nb', 'x'.repeat(257), 7 as never]) {
      allowed(wrong)
      t.match(await decide(), { effect: 'deny', reason: 'policy_failed', rule: undefined }, `"${wrong}"`)
    }
    rooms.setPolicy((_, vote) => vote.allow('platform'))
  })

  await t.test('E71 a decision is cached until data changes, and then made again', async (t) => {
    rooms.setPolicy((_, vote) => vote.allow('platform'))
    const who = subject()
    await users.create('epoch', [], actor)
    const before = rooms.asked()
    t.match(await decide(who), { effect: 'allow' })
    t.match(await decide(who), { effect: 'allow' })
    t.equal(rooms.asked(), before + 1)
    rooms.setPolicy((_, vote) => vote.deny('changed'))
    await users.create('epoch2', [], actor)
    t.match(await decide(who), { effect: 'deny', reason: 'changed' })
    rooms.setPolicy((_, vote) => vote.allow('platform'))
  })

  await t.test('E76 a person sees exactly the apps that they may open', async (t) => {
    for (const name of ['two', 'three', 'off']) {
      const spec = { enabled: name !== 'off' }
      await catalog.put(readApp(appBody(name, spec), publicNames), 'create', actor)
    }
    rooms.setPolicy(({ app }, vote) => {
      if (app.name !== 'two') vote.allow('platform')
      if (app.name === 'three') vote.require({ name: 'trusted-device' })
    })
    t.same(
      (await access.visible(subject(), '10.1.1.1')).map(({ app, requirements }) => [
        app.name,
        ...requirements,
      ]),
      [['off'], ['one'], ['three', 'trusted-device']],
    )
  })

  await t.test('a cached decision takes microseconds', async (t) => {
    rooms.setPolicy((_, vote) => vote.allow('platform'))
    const query = { subject: subject(), app, context }
    for (let i = 0; i < 10_000; i++) decisions.decide(query)
    const watch = startStopwatch()
    for (let i = 0; i < 100_000; i++) decisions.decide(query)
    const us = watch.took() / 100
    t.comment(`${us.toFixed(2)} µs`)
    t.ok(us < 50)
  })

  await t.test('names belong to the first identity, compared case-folded after NFKC', async (t) => {
    const signIn = (name: string, sub: string, mappedRoles: string[] = []) =>
      users.signIn({ name, issuer: 'https://id', sub, connector: 'sso', mappedRoles })
    await users.create('Bob@Example.com', ['dev'], actor)
    const bob = await signIn('bob@example.com', '1', ['ops', 'dev'])
    t.equal(bob.name, 'Bob@Example.com')
    t.same(users.rolesOf('BOB@EXAMPLE.COM'), ['dev', 'ops'])
    await t.rejects(signIn('BOB@example.com', '2'), { code: 'MEZ_USER_NAME_TAKEN' })
    await t.rejects(signIn('\uff22ob@example.com', '2'), { code: 'MEZ_USER_NAME_TAKEN' }, 'full-width B')
    await users.relink('bob@example.com', actor)
    t.same(users.rolesOf('bob@example.com'), ['dev'], 'mapped roles went with the identity')
    t.ok(await signIn('bob@example.com', '2'))
    const elsewhere = { issuer: 'https://other', sub: '2', connector: 'sso', mappedRoles: [] }
    await t.rejects(users.signIn({ name: 'bob@example.com', ...elsewhere }), { code: 'MEZ_USER_NAME_TAKEN' })
    for (const bad of ['', ' a', 'a ', 'a,b', 'a\u0000b', 'a\nb', 'x'.repeat(257), '\ud800']) {
      await t.rejects(signIn(bad, '9'), { code: 'MEZ_USER_NAME_INVALID' }, JSON.stringify(bad))
    }
    t.ok(await signIn('x'.repeat(256), '9'))
    for (const bad of [' a', 'operator@socket', 'token:ci']) {
      const told = {
        code: 'user_name_invalid',
        message: /no space at either end; operator@socket .* reserved/,
      }
      await t.rejects(users.create(bad, [], actor), told, bad)
    }
    await t.rejects(users.create('bob@EXAMPLE.com', [], actor), { code: 'user_exists' })
  })

  await t.test('a sign-in that brings nothing new still moves the last login', async (t) => {
    const lena = { name: 'lena', issuer: 'https://id', sub: '1', connector: 'sso', mappedRoles: ['dev'] }
    const first = await users.signIn(lena)
    t.equal(users.byName('lena')?.lastLogin, first.lastLogin)
    rooms.advance(60_000)
    const before = rooms.clock.now()
    const { revision } = rooms.revisions
    await users.signIn(lena)
    t.ok((users.byName('lena')?.lastLogin ?? 0) >= before, 'seen from memory')
    t.equal(rooms.revisions.revision, revision, 'and costs nobody a cached decision')
    await users.signIn({ ...lena, mappedRoles: ['ops'] })
    t.ok(rooms.revisions.revision > revision, 'unlike another role')
  })

  await t.test('a name that is claimed for somebody has an owner and no login', async (t) => {
    const mona = { name: 'mona', issuer: 'mezite:local', sub: '1', connector: 'passkey', mappedRoles: [] }
    await users.create('mona', ['dev'], actor)
    t.match(await users.claim(mona), { identity: { sub: '1' }, connector: 'passkey', lastLogin: null })
    await t.rejects(users.claim({ ...mona, sub: '2' }), { code: 'MEZ_USER_NAME_TAKEN' })
    const { lastLogin } = await users.signIn(mona)
    t.type(lastLogin, 'number')
    t.equal((await users.claim(mona)).lastLogin, lastLogin, 'and takes none away')
  })

  await t.test(
    'B19 a name that is released during a sign-in has no holder, and the sign-in fails',
    async (t) => {
      for (let round = 0; round < 10; round++) {
        const nora = {
          name: `nora-${round}`,
          issuer: 'https://id',
          sub: '1',
          connector: 'sso',
          mappedRoles: [],
        }
        const { holder } = await users.signIn(nora)
        const [signedIn] = await Promise.allSettled([users.signIn(nora), users.relink(nora.name, actor)])
        if (signedIn.status === 'fulfilled') t.equal(signedIn.value.holder, holder)
        else t.match(signedIn.reason, { status: 401, code: 'login_required' })
      }
    },
  )

  await t.test('C54 a confirmation does not restore a name that was released or removed', async (t) => {
    const olga = { name: 'olga', issuer: 'mezite:local', sub: '1', connector: 'passkey', mappedRoles: [] }
    await users.signIn(olga)
    t.equal((await users.confirm(olga)).name, 'olga')
    for (const other of [{ sub: '2' }, { issuer: 'https://other' }])
      await t.rejects(users.confirm({ ...olga, ...other }), { status: 401, code: 'login_required' })
    await users.relink('olga', actor)
    await t.rejects(users.confirm(olga), { status: 401, code: 'login_required' })
    t.equal(users.byName('olga')?.identity, null)
    await users.remove('olga', actor)
    await t.rejects(users.confirm(olga), { status: 401, code: 'login_required' })
    t.equal(users.byName('olga'), undefined)
  })

  await t.test('Q187 a sign-in accepts names of roles and nothing else', async (t) => {
    const signIn = (mappedRoles: unknown) =>
      users.signIn({
        ...{ name: 'quinn', issuer: 'https://id', sub: '1', connector: 'sso' },
        mappedRoles: mappedRoles as string[],
      })
    for (const roles of [
      'admin',
      ['a,admin'],
      ['__proto__'],
      ['a\r\nb'],
      [{}],
      [null],
      { 0: 'a', length: 1 },
    ])
      await t.rejects(signIn(roles), { code: 'MEZ_HOOK_FAILED' }, JSON.stringify(roles))
    t.equal(users.byName('quinn'), undefined)
    await signIn(['unknown'])
    t.same(users.rolesOf('quinn'), ['unknown'])
  })

  await t.test('E78 an administrator cannot lock out themselves or the last administrator', async (t) => {
    await users.create('root', ['admin'], actor)
    await t.rejects(users.remove('root', actor), { code: 'last_admin' })
    await t.rejects(users.update('root', ['dev'], actor), { code: 'last_admin' })
    await users.create('second', ['admin'], actor)
    const root = { ...actor, subject: { ...operator, kind: 'session', user: 'Root' } as Subject }
    await t.rejects(users.update('root', [], root), { code: 'self_lockout' })
    await t.rejects(users.remove('ROOT', root), { code: 'self_lockout' })
    await users.remove('second', root)
    t.equal(users.byName('second'), undefined)
    await t.rejects(users.update('nobody', [], actor), { code: 'user_not_found' })
    const types = new Set(rooms.types())
    for (const type of ['user.created', 'user.updated', 'user.deleted', 'lock.created', 'lock.deleted'])
      t.ok(types.has(type))
  })
})

t.test('a tap cannot change the query that other taps judge', async (t) => {
  const attempts: Record<string, (query: { app: object; subject: object; context: object }) => void> = {
    app: (query) => {
      query.app = { ...query.app, labels: { env: 'dev' } }
    },
    subject: (query) => {
      query.subject = { ...query.subject, roles: ['access'] }
    },
    context: (query) => void Object.assign(query.context, { clientIp: '10.9.9.9' }),
  }
  for (const [what, attempt] of Object.entries(attempts)) {
    const asked: AccessQuery[] = []
    const { decide, lines } = decideBy({
      guard: (query) => attempt(query as never),
      policy: (query, vote) => {
        asked.push(query)
        if (query.app.labels.env === 'dev') vote.allow('platform')
      },
    })
    t.match(await decide('prod'), { effect: 'deny', reason: 'policy_failed' }, what)
    t.match(asked, [{ app: { name: 'prod' }, subject: { roles: ['platform'] }, context }], what)
    t.match(lines[0], /guard/)
  }
})

t.test('a vote after the decision marks its plugin as failed from then on', async (t) => {
  let answer: () => void = () => {}
  const looked = new Promise<void>((resolve) => {
    answer = resolve
  })
  let voted: Promise<void> | undefined
  const { decide, lines } = decideBy({
    policy: (_query, vote) => vote.allow('platform'),
    // The promise is not returned.
    guard(_query, vote) {
      voted ??= looked.then(() => vote.deny('blocked'))
    },
  })
  t.match(await decide(), { effect: 'allow' })
  t.match(await decide(), { effect: 'allow' }, 'and cached')
  answer()
  await voted
  t.match(lines, [/ERROR \[guard\] a policy voted after the decision/])
  t.match(await decide(), { effect: 'deny', reason: 'policy_failed' })
  t.match(await decide('prod'), { effect: 'deny', reason: 'policy_failed' })
})

t.test('a tap that denied at its own deadline may get its answer later', async (t) => {
  let late: () => void = () => {}
  const { decide, lines } = decideBy({
    policy: (_query, vote) => vote.allow('platform'),
    guard(_query, vote) {
      vote.deny('lookup_late')
      late = () => vote.allow('platform')
    },
  })
  t.match(await decide(), { effect: 'deny', reason: 'lookup_late' })
  late()
  t.strictSame(lines, [])
  t.match(await decide('prod'), { effect: 'deny', reason: 'lookup_late' })
})

t.test('a failed ballot is not cached', async (t) => {
  let ready = false
  const { decide } = decideBy({
    policy: (_query, vote) => vote.allow('platform'),
    guard() {
      if (!ready) throw new Error('not loaded yet')
    },
  })
  t.match(await decide(), { effect: 'deny', reason: 'policy_failed' })
  ready = true
  t.match(await decide(), { effect: 'allow' })
})
