// together: rooms
/** Access with an end: roles that are granted for a time, and votes that count until a time. */
import type { AccessQuery, App, Session, Vote } from '@mezite/core'
import type { Admission } from '@mezite/core/protocol'
import t from 'tap'
import { createGrants } from '../../../core/gate/access/grants.ts'
import { readApp } from '../../../core/gate/catalog/app-document.ts'
import { changesOf } from '../../state/database/stores.ts'
import { startStopwatch } from '../../stopwatch.ts'
import { until } from '../../until.ts'
import { actor, appBody, publicNames, quiet, startRooms } from '../sessions/start-rooms.ts'

const HOUR = 3_600_000
const rooms = await startRooms()
const { access, accounts, catalog, clock, events, sessions, users } = rooms
const { service: grants } = rooms.grants
const { app: wiki } = await catalog.put(readApp(appBody('wiki'), publicNames), 'create', actor)
const { app: shop } = await catalog.put(readApp(appBody('shop'), publicNames), 'create', actor)
sessions.start()
rooms.grants.watch()
t.teardown(async () => {
  await rooms.grants.stop()
  await rooms.stop()
})
const byRole = ({ subject }: AccessQuery, vote: Vote) => {
  if (subject.roles.includes('oncall')) vote.allow('oncall')
}
rooms.setPolicy(byRole)

async function person(name: string) {
  await users.create(name, ['dev'], actor)
  const { session } = await sessions.open({
    kind: 'hub',
    user: name,
    clientIp: '10.0.0.9',
    expires: clock.now() + 12 * HOUR,
  })
  return session
}
const admit = (session: Session, app: App) =>
  access.admit({
    who: { kind: 'hub', sessionId: session.id },
    app,
    protocol: 'http',
    clientIp: '10.0.0.9',
    requestId: 'r',
  })
const codeOf = async (session: Session, app: App) => {
  const outcome = await admit(session, app)
  if (outcome.outcome !== 'admitted') return outcome.code
  outcome.close()
  return 'admitted'
}
/** A time in the near future; on a slow machine far enough away for what is done before it. */
const soonAfter = (begun: number) => clock.now() + Math.max(700, 5 * (performance.now() - begun))
const rolesOf = (session: Session) => sessions.subjectOf(session)?.roles

t.test('a granted role counts from its start to its end, and streams end with it', async (t) => {
  const begun = performance.now()
  const ann = await person('ann')
  t.equal(await codeOf(ann, wiki), 'label_mismatch')
  const grant = await grants.start({ user: 'ann', role: 'oncall', until: soonAfter(begun) }, actor)
  t.strictSame(rolesOf(ann), ['dev', 'oncall'])
  t.strictSame(grants.list('ANN'), [grant])
  const admission = (await admit(ann, wiki)) as Admission
  t.match(admission, { outcome: 'admitted', subject: { grants: [{ id: grant.id }] } })
  const watch = startStopwatch()
  await until(() => admission.ended !== null, 'the stream ends')
  t.equal(admission.ended, 'denied')
  const lateMs = clock.now() - grant.until - watch.lost()
  t.ok(lateMs < 900, `${lateMs} ms after the end of the grant`)
  t.strictSame(rolesOf(ann), ['dev'])
  t.equal(await codeOf(ann, wiki), 'label_mismatch')
  t.strictSame(grants.list(), [])
  await until(() => events.some(({ type }) => type === 'grant.ended'), 'the end is recorded')
  const about = { name: 'ann', role: 'oncall', grant_id: grant.id }
  t.match(
    events.filter(({ type }) => type.startsWith('grant.')),
    [
      { type: 'grant.started', by: actor, fields: about },
      { type: 'grant.ended', fields: { ...about, end_reason: 'expired' } },
    ],
  )
  t.match(
    events.find(({ type, reason }) => type === 'access.denied' && reason === 'revoked'),
    { roles: ['dev', 'oncall'], grants: [{ id: grant.id }] },
    'a record names the grant',
  )
})

t.test('a grant for one app counts for that app alone', async (t) => {
  const bob = await person('bob')
  const input = { user: 'bob', role: 'oncall', apps: [wiki.id], until: clock.now() + HOUR }
  const grant = await grants.start(input, actor)
  t.strictSame(rolesOf(bob), ['dev'])
  const admission = (await admit(bob, wiki)) as Admission
  t.match(admission.subject, { roles: ['dev', 'oncall'], grants: [{ id: grant.id }] })
  t.equal(admission.subject, ((await admit(bob, wiki)) as Admission).subject, 'one object, as caches need')
  t.equal(await codeOf(bob, shop), 'label_mismatch')
  const found = await access.visible(sessions.subjectOf(bob)!, '10.0.0.9')
  t.strictSame(
    found.map(({ app }) => app.name),
    ['wiki'],
  )
  t.strictSame(await grants.end([grant.id, 'unknown'], 'revoked', actor), [grant])
  t.equal(admission.ended, 'denied', 'cut by the change that ends it')
  t.strictSame(await grants.end([grant.id], 'revoked', actor), [], 'ended once')
})

t.test('records of sessions at an app name the grants that count there', async (t) => {
  const max = await person('max')
  const grant = (apps: readonly string[] | null) =>
    grants.start({ user: 'max', role: 'oncall', apps, until: clock.now() + HOUR }, actor)
  const [everywhere, here, elsewhere] = [await grant(null), await grant([wiki.id]), await grant([shop.id])]
  const { session } = await sessions.open({
    kind: 'app',
    user: 'max',
    clientIp: '10.0.0.9',
    expires: clock.now() + HOUR,
    appId: wiki.id,
    parentId: max.id,
  })
  const about = () =>
    events
      .filter(({ type, sessionId }) => type.startsWith('app.session.') && sessionId === session.id)
      .map(({ type, roles, grants = [] }) => [type, roles, grants.map(({ id }) => id)])
  const start = ['app.session.start', ['dev', 'oncall'], [everywhere.id, here.id]]
  t.strictSame(about(), [start])
  await grants.end([everywhere.id, here.id, elsewhere.id], 'revoked', actor)
  await sessions.end([session.id], 'revoked', null)
  t.strictSame(about(), [start, ['app.session.end', ['dev'], []]])
})

t.test('T216 a lock and a deny rule win over a grant', async (t) => {
  const eve = await person('eve')
  await grants.start({ user: 'eve', role: 'oncall', until: clock.now() + HOUR }, actor)
  t.equal(await codeOf(eve, wiki), 'admitted')
  rooms.setPolicy((query, vote) => {
    byRole(query, vote)
    if (query.subject.user === 'eve') vote.deny('label_denied')
  })
  await users.update('eve', ['ops'], actor)
  t.equal(await codeOf(eve, wiki), 'label_denied')
  rooms.setPolicy(byRole)
})

t.test('a grant is bound to the holder of the name, and rejects invalid roles and times', async (t) => {
  const identity = { issuer: 'https://idp', sub: '1', connector: 'sso', mappedRoles: [] }
  await users.signIn({ ...identity, name: 'kim' })
  const end = clock.now() + HOUR
  await grants.start({ user: 'kim', role: 'oncall', until: end }, actor)
  t.equal(grants.list('kim').length, 1)
  await users.relink('kim', actor)
  t.strictSame(grants.list('kim'), [])
  await users.signIn({ ...identity, sub: '2', name: 'kim' })
  t.strictSame(grants.list('kim'), [], 'the next holder has none')
  t.match(
    events.filter(({ type, fields }) => type === 'grant.ended' && fields?.name === 'kim'),
    [{ by: actor, fields: { end_reason: 'name_released' } }],
    'it ended when the name was taken away',
  )
  const start = (more: object) => grants.start({ user: 'kim', role: 'oncall', until: end, ...more }, actor)
  await t.rejects(start({ user: 'nobody' }), { code: 'user_not_found' })
  for (const wrong of [
    { role: 'On Call' },
    { until: clock.now() },
    { until: Number.NaN },
    { until: Infinity },
  ])
    await t.rejects(start(wrong), { code: 'grant_invalid' }, JSON.stringify(wrong))
})

t.test('a grant for an unknown person belongs to the identity that signs in first', async (t) => {
  const identity = { issuer: 'https://idp', sub: '3', connector: 'sso', mappedRoles: [], name: 'Pia' }
  await users.create('pia', ['dev'], actor)
  const start = () => grants.start({ user: 'pia', role: 'oncall', until: clock.now() + HOUR }, actor)
  const grant = await start()
  await users.signIn(identity)
  t.strictSame(grants.list('pia'), [grant])
  const { session } = await sessions.open({
    kind: 'hub',
    user: 'pia',
    clientIp: '10.0.0.9',
    expires: clock.now() + HOUR,
  })
  t.strictSame(rolesOf(session), ['dev', 'oncall'])
  t.equal(await codeOf(session, wiki), 'admitted')
  await users.relink('pia', actor)
  await users.signIn({ ...identity, sub: '4' })
  t.strictSame(grants.list('pia'), [], 'T251 and for no identity after that one')

  await users.relink('pia', actor)
  await start()
  await users.remove('pia', actor)
  await users.create('pia', ['dev'], actor)
  t.strictSame(grants.list('pia'), [], 'T251 an account of the same name does not inherit it')
})

t.test(
  'T221 a hub that starts after the end ignores the grant, even if the clock is set back later',
  async (t) => {
    await person('zoe')
    await grants.start({ user: 'zoe', role: 'oncall', until: clock.now() + HOUR }, actor)
    /** Another hub on the same database, whose clocks are this far ahead. */
    async function hubAt(wall: number, monotonic: number) {
      const times = { wall, monotonic }
      const revisions = changesOf({
        db: rooms.db,
        reserved: rooms.db,
        dialect: 'embedded',
        listen: () => () => {},
        notify: async () => {},
      })
      const late = {
        now: () => clock.now() + times.wall,
        monotonic: () => clock.monotonic() + times.monotonic,
      }
      const other = createGrants({ revisions, accounts, clock: late, log: quiet })
      await revisions.start()
      t.teardown(() => revisions.stop())
      return { times, of: () => other.of('zoe', null).length }
    }
    t.equal((await hubAt(0, 0)).of(), 1)
    t.equal((await hubAt(HOUR, 0)).of(), 0)
    const moved = await hubAt(0, 0)
    Object.assign(moved.times, { wall: -HOUR, monotonic: HOUR })
    t.equal(moved.of(), 0)
  },
)

t.test(
  'T221 a granted role ends on time for a session that has it, although the clock is set back',
  async (t) => {
    const gil = await person('gil')
    const { id } = await grants.start({ user: 'gil', role: 'oncall', until: clock.now() + HOUR }, actor)
    rooms.setBack(HOUR)
    t.teardown(() => rooms.setBack(0))
    // Whatever is known of the session and of the next end is from after that.
    await users.update('gil', ['dev', 'ops'], actor)
    t.equal(await codeOf(gil, wiki), 'admitted')
    rooms.advance(HOUR)
    t.equal(await codeOf(gil, wiki), 'label_mismatch')
    await users.update('gil', ['dev'], actor)
    await until(
      () => events.some(({ type, fields }) => type === 'grant.ended' && fields?.grant_id === id),
      'its end is recorded',
    )
  },
)

t.test('a vote counts until its end', async (t) => {
  const begun = performance.now()
  const lee = await person('lee')
  const end = soonAfter(begun)
  rooms.setPolicy((_query, vote) => vote.allow('visitor', { until: end }))
  const admission = (await admit(lee, wiki)) as Admission
  const asked = rooms.asked()
  t.equal(await codeOf(lee, wiki), 'admitted')
  t.equal(rooms.asked(), asked, 'until then it is remembered')
  await until(() => admission.ended !== null, 'the stream ends')
  t.ok(clock.now() >= end)
  t.equal(await codeOf(lee, wiki), 'label_mismatch')
  for (const wrong of [{}, { until: '1' }, { until: Number.NaN }]) {
    await users.update('lee', [`r${Math.random().toString(36).slice(2)}`], actor)
    rooms.setPolicy((_query, vote) => {
      vote.allow('visitor')
      try {
        vote.allow('visitor', wrong as { until: number })
      } catch {}
    })
    t.equal(await codeOf(lee, wiki), 'policy_failed', JSON.stringify(wrong))
  }
})
