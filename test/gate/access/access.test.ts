// together: hubs
/** The gate with rooms of plain memory: each condition of access alone, and what happens to an admission afterwards. */
import type { App, AuditInput, Session, Subject } from '@mezite/core'
import type { Caller } from '@mezite/core/identity'
import type { Admission, EndReason, Pipe, Refusal } from '@mezite/core/protocol'
import t from 'tap'
import type { Decision } from '../../../core/api/decision.ts'
import type { RequestHold } from '../../../core/api/request-holds.ts'
import { createAccess } from '../../../core/gate/access/access.ts'
import { denied } from '../../../core/gate/access/ballots.ts'
import { createCallers } from '../../../core/gate/access/callers.ts'
import { createVerification } from '../../../core/gate/access/verification.ts'
import type { LiveStream } from '../../../core/gate/sessions/stream-registry.ts'
import { systemClock } from '../../../core/kernel/clock.ts'
import { openAdmitted } from '../../../core/traffic/tunnel/admitted-open.ts'
import { preflights } from '../../../plugins/http-apps/session/preflights.ts'
import { partly } from '../../hub/partly.ts'
import { testApp } from '../../traffic/tunnel/start-tunnel-hub.ts'

const allowed: Decision = { effect: 'allow', reason: 'allowed', roles: ['dev'], requirements: [] }
const required: Decision = {
  effect: 'require',
  reason: 'session_mfa_required',
  roles: ['dev'],
  requirements: [{ name: 'session-mfa', level: 'webauthn', freshnessMs: 0 }],
}
const listed = 'https://other.example.com'
const app: App = testApp('http://10.0.0.1:3000', ['node-1'], { protocol: 'http', origins: [listed] })

/** What meets a requirement of single requests. */
const hold = { requirement: 'signed', withinMs: 1, hold: async () => null } as unknown as RequestHold

/** A world in which all is well, for a session of this kind at the app. */
function world(kind: Session['kind'] = 'app') {
  const state = {
    fresh: true,
    ageMs: 0,
    revision: 1,
    accepting: true,
    connector: null as string | null,
    app: app as App | undefined,
    alive: true,
    user: true,
    appLocked: false,
    decision: allowed as Decision | Promise<Decision>,
    over: null as EndReason | null,
    session: { id: 's1', kind, user: 'ann', connector: 'sso', appId: kind === 'app' ? app.id : null },
  }
  const records: AuditInput[] = []
  const live = new Set<LiveStream>()
  const ends: number[] = []
  let touched = 0
  const subject = Object.freeze({ user: 'ann', roles: ['dev'], satisfied: [], sessionId: 's1' })
  const asked: Subject[] = []
  const found = () => (state.alive ? (state.session as unknown as Session) : undefined)
  const access = () =>
    createAccess(
      partly({
        catalog: { byId: (id) => (state.app?.id === id ? state.app : undefined), list: () => [] },
        callers: createCallers({ log: {} as never }),
        help: { helpFor: () => [], offersTo: () => [] },
        kernel: { slot: (ref) => (ref.id === 'requestHolds' ? [hold] : []) as never },
        verify: () => null,
        requirements: new Map(),
        decisions: {
          decide: ({ subject }) => {
            asked.push(subject)
            return state.decision
          },
        },
        sessions: {
          find: (_kind, token) => (token === 'late' ? Promise.resolve(found()) : found()),
          byId: found,
          subjectOf: () => (state.user ? (subject as unknown as Subject) : undefined),
          touch: () => void touched++,
          decideAgain: (at) => void ends.push(at),
          whyOver: () => state.over,
          live: {
            add: (stream) => void live.add(stream),
            remove: (stream) => live.delete(stream),
          },
        },
        locks: { appLock: () => (state.appLocked ? ({ message: 'closed' } as never) : null) },
        revisions: {
          fresh: () => state.fresh,
          ageMs: () => state.ageMs,
          get revision() {
            return state.revision
          },
        },
        audit: {
          record: (event) => void records.push(event),
          get accepting() {
            return state.accepting
          },
        },
        publicNames: { appsOidcConnector: state.connector },
        config: { sessions: { stream_staleness: 30_000 } },
        counts: { decision() {} },
        clock: systemClock,
        log: {},
      }),
    )
  return {
    state,
    records,
    live,
    ends,
    asked,
    access,
    touched: () => touched,
    async admit(
      who: Caller | null = { kind, token: 'token' },
      more: object = {},
    ): Promise<Admission | Refusal> {
      const query = { who, app, protocol: 'http' as const, clientIp: '203.0.113.9', requestId: 'r1' }
      return access().admit({ ...query, ...more })
    },
  }
}
type World = ReturnType<typeof world>

async function admitted(one: World, ...query: Parameters<World['admit']>): Promise<Admission> {
  const outcome = await one.admit(...query)
  if (outcome.outcome !== 'admitted') throw new Error(`refused: ${outcome.code}`)
  return outcome
}

const pipe = () => {
  const made = { agent: 'node-1', destroyed: 0, destroy: () => void made.destroyed++ }
  return made as unknown as Pipe & { readonly destroyed: number }
}
const link = { hostname: 'node-1' } as never
const open = async (admission: Admission, dial: () => Promise<Pipe>) =>
  openAdmitted(admission, {}, { candidates: () => [link], dial })

t.test(
  'a session of each kind is admitted when all is well, and counts as live and used at once',
  async (t) => {
    for (const kind of ['app', 'hub', 'cert'] as const) {
      const one = world(kind)
      for (const who of [
        { kind, token: 'token' },
        { kind, token: 'late' },
        { kind, sessionId: 's1' },
      ]) {
        const admission = await admitted(one, who)
        t.match(admission, {
          app,
          subject: { user: 'ann' },
          session: { id: 's1' },
          requestId: 'r1',
          ended: null,
        })
        t.equal(one.live.size, 1, kind)
        admission.close()
        t.equal(one.live.size, 0)
      }
      t.equal(one.touched(), 3)
      t.strictSame(one.records, [])
    }
  },
)

const wrongs: readonly (readonly [outcome: string, status: number, code: string, wrong: object])[] = [
  ['stale', 503, 'view_stale', { fresh: false }],
  ['unauthenticated', 401, '', { alive: false }],
  ['unauthenticated', 401, '', { user: false }],
  ['denied', 403, 'label_denied', { decision: denied('label_denied') }],
  ['denied', 403, 'label_denied', { decision: Promise.resolve(denied('label_denied')) }],
  ['required', 403, 'session_mfa_required', { decision: required }],
  ['disabled', 503, 'app_disabled', { app: { ...app, enabled: false } }],
  ['unavailable', 400, 'protocol_mismatch', { app: { ...app, protocol: 'tcp' } }],
  ['unavailable', 503, 'audit_unavailable', { accepting: false }],
]

t.test('each fault refuses a session, for every way to show it, and leaves no live stream', async (t) => {
  for (const kind of ['app', 'hub', 'cert'] as const)
    for (const token of ['token', 'late'])
      for (const [outcome, status, code, wrong] of wrongs) {
        const one = world(kind)
        Object.assign(one.state, wrong)
        const nobody = kind === 'hub' && 'user' in wrong ? 'user_unknown' : 'login_required'
        const ended = kind === 'cert' ? 'session_ended' : nobody
        // A sign-in of a browser meets requirements.
        const expected = {
          outcome,
          code: code || ended,
          status: outcome === 'required' && kind !== 'cert' ? 401 : status,
        }
        t.match(await one.admit({ kind, token }), expected, `${kind} ${JSON.stringify(wrong)}`)
        t.equal(one.live.size, 0)
        t.equal(one.touched(), 0, 'the session is not in use')
        // A caller without a session is not known; certificates and users of sessions are. msh looks up protocols.
        const known =
          outcome === 'unauthenticated'
            ? kind === 'cert' || ended === 'user_unknown'
            : outcome !== 'stale' && !(code === 'protocol_mismatch' && kind === 'cert')
        const denial = outcome === 'denied' || (outcome === 'required' && kind === 'cert')
        const event = {
          type: denial ? 'access.denied' : 'request.failed',
          success: false,
          reason: expected.code,
          user: 'alive' in wrong ? null : 'ann',
          sessionId: 'alive' in wrong ? null : 's1',
          fields: { app: app.name, protocol: 'http', ...(!denial && { status: expected.status }) },
        }
        t.match(one.records, known ? [{ ...event, requestId: 'r1' }] : [])
        t.equal(one.records.length, Number(known))
      }
})

t.test('sessions of another kind or app, unknown apps and copies of apps open nothing', async (t) => {
  for (const kind of ['app', 'hub', 'cert'] as const)
    for (const other of ['app', 'hub', 'cert'] as const)
      if (kind !== other) {
        t.match(await world(kind).admit({ kind: other, token: 'token' }), { outcome: 'unauthenticated' })
        t.match(await world(kind).admit({ kind: other, sessionId: 's1' }), { outcome: 'unauthenticated' })
      }
  const one = world()
  one.state.session.appId = 'another'
  t.match(await one.admit(), { outcome: 'unauthenticated' }, 'B17 a session of another app')
  t.match(await world().admit(null), { outcome: 'unauthenticated' })
  t.match(await world('cert').admit(undefined, { app: undefined }), { code: 'app_unknown', status: 404 })
  t.match(await world('app').admit(undefined, { app: undefined }), { outcome: 'unauthenticated' })
  const copy = { ...app, uri: 'http://169.254.169.254/' }
  t.equal((await admitted(world(), undefined, { app: copy })).app, app, 'the catalog says where an app is')
})

t.test('the connector of an app counts in place of the one of all apps', async (t) => {
  for (const kind of ['app', 'hub', 'cert'] as const) {
    const one = world(kind)
    Object.assign(one.state, { connector: 'sso', app: { ...app, connector: 'partners' } })
    Object.assign(one.state.session, { connector: 'sso' })
    t.match(await one.admit(), { code: 'connector_not_allowed' }, kind)
    Object.assign(one.state.session, { connector: 'partners' })
    await admitted(one)
  }
})

t.test('apps_oidc_connector applies to every kind of session', async (t) => {
  for (const kind of ['app', 'hub', 'cert'] as const)
    for (const connector of ['passkey', null]) {
      const one = world(kind)
      Object.assign(one.state, { connector: 'sso' })
      await admitted(one)
      Object.assign(one.state.session, { connector })
      const refusal = await one.admit()
      t.match(refusal, { code: 'connector_not_allowed' }, kind)
      // A browser is sent to the connector.
      t.equal(refusal.outcome, kind === 'cert' ? 'denied' : 'unauthenticated')
      t.match(one.records, [
        { reason: 'connector_not_allowed', user: 'ann', roles: ['dev'], sessionId: 's1' },
      ])
      t.equal(one.records.length, 1)
      t.equal(one.access().endOf([...one.live][0]!), 'denied', 'and for what is open')
    }
})

t.test('an objection of the protocol is a denial of the person, before any policy is asked', async (t) => {
  const one = world()
  t.match(await one.admit(undefined, { objection: 'origin_not_allowed' }), { outcome: 'denied', status: 403 })
  t.match(one.records, [{ reason: 'origin_not_allowed', user: 'ann' }])
  t.strictSame(one.asked, [])
  t.match(await one.admit(null, { objection: 'origin_not_allowed' }), { outcome: 'unauthenticated' })
  t.match(await one.admit(undefined, { objection: '' }), { outcome: 'denied' }, 'without a reason, too')
})

t.test('a request is held if its own requirement is the only one that it has not met', async (t) => {
  const one = world()
  const own = { name: 'signed', perRequest: true } as const
  const holdFor = async (...requirements: Decision['requirements']) => {
    one.state.decision = { ...required, requirements }
    return one.access().holdFor((await one.admit()) as Refusal)
  }
  t.equal(await holdFor(own), hold)
  t.equal(await holdFor({ name: 'signed' }), undefined)
  t.equal(await holdFor({ ...own, name: 'other' }), undefined, 'nobody meets it')
  t.equal(await holdFor(own, ...required.requirements), undefined, 'more is required')
  one.records.length = 0
  await holdFor(own)
  t.strictSame(one.records, [], 'it leads on, so it is no refusal yet')
})

t.test('a requirement that was met just now counts for this decision alone', async (t) => {
  const one = world('hub')
  const met = [{ name: 'session-mfa', level: 'webauthn', appId: app.id, at: 1 }]
  await admitted(one, undefined, { met })
  await admitted(one)
  t.match(one.asked, [{ satisfied: met }, { satisfied: { length: 0 } }])
})

t.test(
  'a preflight is admitted to an app that lists its origin, for nobody, and not to a locked app',
  async (t) => {
    const one = world()
    const verify = createVerification(
      partly({ kernel: { slot: () => [preflights] as never }, clock: {}, log: {} }),
    )
    const sent = { method: 'OPTIONS', target: '/', clientIp: '192.0.2.1', headers: [] }
    const from = (preflightFrom: string | null) => verify({ app, ...sent, preflightFrom }) as Caller | null
    const who = from(listed)
    t.match(await admitted(one, who), { subject: null, session: null, verified: 'preflight' })
    t.equal(one.live.size, 0)
    t.equal(from('https://evil.example.com'), null)
    t.equal(from(null), null)
    t.match(await one.admit({ ...who } as Caller), { outcome: 'unauthenticated' }, 'a copy admits nothing')
    t.match(await one.admit(who, { app: undefined }), { outcome: 'unauthenticated' })
    for (const [wrong, code] of [
      [{ fresh: false }, 'view_stale'],
      [{ appLocked: true }, 'locked'],
      [{ app: { ...app, enabled: false } }, 'app_disabled'],
      [{ app: { ...app, protocol: 'tcp' } }, 'protocol_mismatch'],
      [{ accepting: false }, 'audit_unavailable'],
    ] as const) {
      const other = world()
      Object.assign(other.state, wrong)
      t.match(await other.admit(who), { code }, code)
      t.strictSame(other.records, [], 'anybody can send one')
    }
  },
)

t.test('only a live admission opens a connection', async (t) => {
  const admission = await admitted(world())
  const dialled = async () => t.fail('dialled')
  const forged = [
    { ...admission },
    Object.create(admission as object),
    new Proxy(admission as object, {}),
    Object.create(Object.getPrototypeOf(admission)),
    { outcome: 'admitted', app, subject: null, session: null, ended: null },
    app,
    null,
    undefined,
    'admitted',
  ]
  for (const one of forged) await t.rejects(open(one as Admission, dialled as never), TypeError)
  const Class = (admission as unknown as { constructor: new (...given: unknown[]) => Admission }).constructor
  for (const key of [undefined, Symbol('gate'), admission])
    t.throws(() => new Class(key, admission), TypeError, 'its class makes no other')
  const { stateOf } = Class as unknown as { stateOf?: unknown }
  t.equal(stateOf, undefined, 'its class does not give out the state, which contains the app to dial')
  admission.close()
  await t.rejects(open(admission, dialled as never), { code: 'MEZ_ADMISSION_ENDED', reason: 'closed' })
})

t.test('E71 access that ends during the dial of an agent opens nothing and is recorded', async (t) => {
  const ends: Readonly<Record<string, object>> = {
    locked: { decision: denied('locked') },
    denied: { decision: Promise.resolve(denied('role_missing')) },
    revoked: { app: { ...app } },
    expired: { alive: false, over: 'expired' },
    stale_view: { fresh: false },
    user_deleted: { user: false },
  }
  for (const [reason, change] of Object.entries(ends)) {
    const one = world()
    const admission = await admitted(one)
    const cuts: EndReason[] = []
    admission.bind({ cut: (why) => void cuts.push(why) })
    const dialled = pipe()
    const opening = open(admission, async () => {
      Object.assign(one.state, change, { revision: 2 })
      return dialled
    })
    await t.rejects(opening, { code: 'MEZ_ADMISSION_ENDED', reason })
    t.equal(dialled.destroyed, 1, reason)
    t.strictSame(cuts, [reason])
    t.equal(one.live.size, 0)
    t.strictSame(
      one.records.map((event) => event.reason),
      reason === 'stale_view' ? [] : ['revoked'],
    )
  }
})

t.test(
  'E71 a change that keeps access opens the connection with the current data of the person',
  async (t) => {
    const one = world()
    const admission = await admitted(one)
    const opened = await open(admission, async () => {
      Object.assign(one.state, { revision: 2 })
      return pipe()
    })
    t.equal(opened.agent, 'node-1')
    t.equal(admission.agent, 'node-1')
    t.equal(one.asked.length, 2, 'decided again')
    await open(admission, async () => pipe())
    t.equal(one.asked.length, 2, 'and not without a change')
  },
)

t.test('E71 an open stream is cut once; without an owner its connection is reset', async (t) => {
  const one = world()
  const [owned, ownerless] = [await admitted(one), await admitted(one)]
  const cuts: EndReason[] = []
  owned.bind({ cut: (why) => void cuts.push(why) })
  const pipes = [pipe(), pipe()]
  await open(owned, async () => pipes[0]!)
  await open(ownerless, async () => pipes[1]!)
  for (const stream of [...one.live]) {
    stream.cut('locked')
    stream.cut('revoked')
  }
  t.strictSame(cuts, ['locked'])
  t.equal(pipes[1]!.destroyed, 1)
  t.strictSame(one.records, [], 'its own record says how it ended')
  t.equal(owned.ended, 'locked')
  const late: EndReason[] = []
  owned.bind({ cut: (why) => void late.push(why) })
  t.strictSame(late, ['locked'], 'an owner that comes too late')
})

t.test('E71 a cut resets every connection that an admission without an owner has opened', async (t) => {
  const one = world()
  const admission = await admitted(one)
  const pipes = [pipe(), pipe()]
  for (const each of pipes) await open(admission, async () => each)
  for (const stream of [...one.live]) stream.cut('locked')
  t.strictSame(
    pipes.map(({ destroyed }) => destroyed),
    [1, 1],
  )
})

t.test('a refusal that redirects, or a mere check, leaves no record', async (t) => {
  for (const kind of ['app', 'hub'] as const) {
    const one = world(kind)
    one.state.decision = required
    const step = await one.admit(undefined, { interactive: true })
    t.match(step, { outcome: 'required', requirements: [{ name: 'session-mfa' }] }, 'asked for a passkey')
    Object.assign(one.state, { connector: 'other' })
    t.match(
      await one.admit(undefined, { interactive: true }),
      { outcome: 'unauthenticated' },
      'signs in again',
    )
    t.match(await one.admit(undefined, { probe: true }), { outcome: 'unauthenticated' })
    t.strictSame(one.records, [])
  }
  const one = world('cert')
  Object.assign(one.state, { app: { ...app, protocol: 'tcp' } })
  t.match(await one.admit(), { code: 'protocol_mismatch' }, 'msh looks up the protocol')
  t.strictSame(one.records, [])
  Object.assign(one.state, { app })
  t.match(await one.admit(undefined, { protocol: 'tcp' }), { code: 'protocol_mismatch' })
  t.match(one.records, [{ type: 'request.failed', reason: 'protocol_mismatch', user: 'ann' }])
})

t.test(
  'a record of a refusal names the request without its query, and the session that a stale view knows',
  async (t) => {
    const one = world()
    Object.assign(one.state, { app: { ...app, enabled: false } })
    await one.admit(undefined, { request: { method: 'POST', target: '/orders?token=secret' } })
    t.match(one.records, [{ fields: { method: 'POST', path: '/orders', status: 503, agent: null } }])
    const cert = world('cert')
    Object.assign(cert.state, { fresh: false })
    t.match(await cert.admit({ kind: 'cert', sessionId: 's1' }), { code: 'view_stale', subject: null })
    t.match(cert.records, [{ reason: 'view_stale', user: 'ann', sessionId: 's1' }])
  },
)

t.test('a protocol that cannot reach the app has it recorded with the agent, once', async (t) => {
  const one = world('cert')
  const admission = await admitted(one)
  admission.fail('connection_refused', 'node-1')
  admission.fail('connection_refused', 'node-1')
  const event = {
    type: 'request.failed',
    success: false,
    reason: 'connection_refused',
    user: 'ann',
    sessionId: 's1',
  }
  t.match(one.records, [{ ...event, roles: ['dev'], fields: { app: app.name, agent: 'node-1' } }])
  t.equal(one.records.length, 1)
  t.equal(one.live.size, 0)
})

t.test('a protocol that gives an admission back has it recorded, once', async (t) => {
  const one = world()
  const admission = await admitted(one)
  admission.deny('person_limit')
  admission.deny('person_limit')
  t.match(one.records, [{ type: 'access.denied', reason: 'person_limit', user: 'ann' }])
  t.equal(one.records.length, 1)
  t.equal(one.live.size, 0)
  admission.touch()
  t.equal(one.touched(), 1, 'only admitted streams use a session')
})

t.test('E71 every condition of access ends open streams', async (t) => {
  const ends: readonly (readonly [EndReason, object])[] = [
    ['stale_view', { ageMs: 30_001 }],
    ['idle', { over: 'idle' }],
    ['locked', { decision: denied('locked') }],
    ['denied', { decision: denied('role_missing') }],
    ['denied', { decision: Promise.resolve(required) }],
    ['app_deleted', { app: undefined }],
    ['app_disabled', { app: { ...app, enabled: false } }],
    ['user_deleted', { user: false }],
  ]
  for (const [reason, change] of ends) {
    const one = world()
    await admitted(one)
    const [stream] = one.live
    t.equal(await one.access().endOf(stream!), null)
    Object.assign(one.state, change)
    t.equal(await one.access().endOf(stream!), reason)
  }
})
