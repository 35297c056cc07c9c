// together: plugin-hubs
/** Requests for access: who may ask, who may approve, what a grant does, and every race between them. */
import { FakeIssuer, fakeClock } from '@mezite/core/testing'
import t from 'tap'
import { type RequestTables, requestMigrations } from '../../../plugins/access-requests/migrations.ts'
import { createRequestStore } from '../../../plugins/access-requests/store.ts'
import { openTestDatabase } from '../../state/database/stores.ts'
import { startStopwatch } from '../../stopwatch.ts'
import { until } from '../../until.ts'
import type { Holder } from '../webauthn/key-hub.ts'
import { floodRequests } from './flood-requests.ts'
import { type Said, startRequestHub } from './start-request-hub.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const bench = await startRequestHub()
const { hub, clock, person, app, role, call, ask, approve, reach, events, sent } = bench
t.teardown(() => hub.stop())
await app('orders', { env: 'prod', owner: 'Orders team' })
await app('ledger', { env: 'prod', tier: 'secret' })
await app('wiki', { env: 'docs' })
await role('oncall', { app_labels: { env: 'prod' } })
await role('dev', {
  app_labels: { env: 'docs' },
  request: { roles: ['oncall'], app_labels: { env: 'prod' }, max_duration: '8h', break_glass: true },
})
await role('lead', { review: { roles: ['oncall'], app_labels: { env: 'prod' } } })
const ann = await person('ann', ['dev'])
const bob = await person('bob', ['dev', 'lead'])
const cat = await person('cat', ['lead'])
const eve = await person('eve', [])
const created = async (more: object = {}, who = ann) => {
  const said = await ask(who, more)
  if (said.status !== 201) throw new Error(`not created: ${JSON.stringify(said)}`)
  return said.id
}
const list = async (who: Holder, query: string) => {
  const { text } = await who.visitor.fetch(`${bench.origin}/v1/webapi/access-requests${query}`)
  return JSON.parse(text) as Said[]
}
const stateOf = async (id: string) =>
  (await hub.api<{ state: string }>('GET', `/access-requests/${id}`)).state

t.test('a request is approved, opens the app for its time, and is in every record', async (t) => {
  t.equal(await reach(ann, 'orders'), 'label_mismatch')
  const id = await created()
  t.equal(await reach(ann, 'orders'), 'request_pending')
  t.equal(await reach(ann, 'ledger'), 'label_mismatch')
  const said = await approve(cat, id)
  t.match(said, { status: 200, state: 'approved', role: 'dev', grant_id: /^[0-9a-f-]{36}$/ })
  t.equal(await reach(ann, 'orders'), 'admitted')
  t.equal(await reach(ann, 'ledger'), 'label_mismatch', 'at this app alone')
  const explained = await hub.api<object>('GET', '/access/explain?user=ann&app=orders')
  t.match(explained, {
    effect: 'allow',
    grants: [{ id: said.grant_id, role: 'dev' }],
    votes: [{ plugin: 'access-requests', effect: 'allow', matcher: `grant ${said.grant_id}` }],
  })
  t.match(await hub.api('GET', '/users/ann'), { grants: [{ id: said.grant_id, until: said.until }] })
  t.match(await events('access_request.created'), [
    { user: 'ann', app: 'orders', request_reason: 'TICKET-7' },
  ])
  t.match(await events('access_request.reviewed'), [{ user: 'cat', request: id, approves: true }])
  t.match(await events('grant.started'), [
    { user: 'cat', name: 'ann', grant_id: said.grant_id, break_glass: false, request_reason: 'TICKET-7' },
  ])
  clock.advance(HOUR)
  await hub.ready()
  t.equal(await reach(ann, 'orders'), 'label_mismatch', 'it has ended')
  t.equal(await stateOf(id), 'ended')
})

t.test('nobody approves a role with rights of administration that they lack', async (t) => {
  const locks = { admin: [{ kinds: ['lock'], verbs: ['*'] }] }
  await role('locker', locks)
  await role('asks', { request: { roles: ['locker', 'oncall'], max_duration: '8h' } })
  await role('approves', { review: { roles: ['locker', 'oncall'] } })
  await role('owner', {
    admin: [{ kinds: ['app'], verbs: ['read'], where: { labels: { owner: '{{user.roles}}' } } }],
  })
  const fay = await person('fay', ['asks'])
  const own = await person('own', ['asks', 'owner'])
  const gus = await person('gus', ['approves'])
  const guard = await person('guard', ['approves', 'locker'])
  const wants = async (who: Holder, name: string) => (await ask(who, { app: undefined, role: name })).id
  const id = await wants(fay, 'locker')
  t.match(await approve(gus, id), { status: 403, code: 'roles_exceed_own' })
  t.equal(await stateOf(id), 'pending')
  t.match(await approve(guard, id), { status: 200, state: 'approved' })
  t.match(await approve(gus, await wants(fay, 'oncall')), { status: 200, state: 'approved' })
  t.match(
    await approve(gus, await wants(own, 'oncall')),
    { status: 403, code: 'roles_exceed_own' },
    'whose rights are about things of each of their roles',
  )
})

t.test(
  'the list has the requests of the caller, and those that the caller decides about, alone',
  async (t) => {
    const id = await created()
    const sees = async (who: Holder) => (await list(who, '')).some((one) => one.id === id)
    t.strictSame(
      await Promise.all([ann, cat, eve].map(sees)),
      [true, true, false],
      'who asked, who decides, and somebody else',
    )
    t.ok(
      (await hub.api<Said[]>('GET', '/access-requests')).some((one) => one.id === id),
      'an administrator',
    )
    t.equal((await call(eve, 'GET', `/access-requests/${id}`)).status, 404)
    t.match(await call(ann, 'POST', `/access-requests/${id}/cancel`), { status: 200 })
  },
)

t.test('T213 nobody decides about a request of their own, also with a second account', async (t) => {
  const id = await created({}, bob)
  t.match(await approve(bob, id), { status: 403, code: 'own_request' })
  t.match(await call(bob, 'POST', `/access-requests/${id}/deny`, {}), { status: 403, code: 'own_request' })
  t.match(
    await approve(eve, id),
    { status: 404, code: 'request_not_found' },
    'who may not decide sees nothing',
  )
  t.match(await approve(ann, id), { status: 404, code: 'request_not_found' })
  t.equal(await stateOf(id), 'pending')
  t.match(await approve(cat, id), { state: 'approved' })
  t.match(await call(cat, 'POST', `/access-requests/${id}/revoke`), { state: 'revoked' })
  t.equal(await reach(bob, 'orders'), 'label_mismatch')
})

t.test('T214 two approvers at once, a repeated approval and a late one have one outcome', async (t) => {
  const dan = await person('dan', ['lead'])
  const id = await created()
  const both = await Promise.all([approve(cat, id), approve(dan, id), approve(cat, id)])
  t.strictSame(both.map(({ status }) => status).sort(), [200, 409, 409])
  t.equal((await events('grant.started')).filter(({ request }) => request === id).length, 1)
  t.match(await call(ann, 'POST', `/access-requests/${id}/cancel`), { state: 'ended' })
  t.equal(await reach(ann, 'orders'), 'label_mismatch', 'ann has given it back')

  const late = await created()
  clock.advance(24 * HOUR)
  await hub.ready()
  await person('gil', ['lead'])
  const [again] = [await bench.signIn(cat), await bench.signIn(ann)]
  t.equal(again.status, 303)
  t.match(await approve(cat, late), { status: 409, code: 'request_closed' })
  t.equal(await stateOf(late), 'expired')

  const lost = await created()
  await hub.api('PATCH', '/users/dan', { roles: [] })
  await bench.signIn(dan)
  t.match(await approve(dan, lost), { status: 404 }, 'dan has lost the right')
  clock.jump(clock.now() + 25 * HOUR)
  await hub.ready()
  await bench.signIn(cat)
  t.match(await approve(cat, lost), { code: 'request_closed' }, 'by the wall clock, also when it has jumped')
})

t.test('T215 a request for more than the rule allows is refused, with the reason', async (t) => {
  await Promise.all([bench.signIn(ann), bench.signIn(bob), bench.signIn(cat), bench.signIn(eve)])
  for (const [body, code] of [
    [{ for: '9h' }, 'duration_too_long'],
    [{ for: '30s' }, 'duration_too_short'],
    [{ for: 'soon' }, 'duration_invalid'],
    [{ reason: ' \u202e\n ' }, 'reason_required'],
    [{ app: 'nothing-there' }, 'not_requestable'],
    [{ app: undefined, role: 'admin' }, 'not_requestable'],
    [{ app: undefined, role: 'unheard-of' }, 'not_requestable'],
    [{ role: 'oncall' }, 'request_invalid'],
    [{ app: 'wiki' }, 'not_requestable'],
    [{ reason: 'x'.repeat(501) }, 'reason_too_long'],
  ] as const)
    t.match(await ask(ann, body), { code }, JSON.stringify(body).slice(0, 80))
  t.match(await ask(eve), { status: 403, code: 'not_requestable' })
  t.match(await ask(cat), { status: 403, code: 'not_requestable' })
  await role('never', {}, { deny: { app_labels: { tier: 'secret' } } })
  await hub.api('PATCH', '/users/ann', { roles: ['dev', 'never'] })
  t.match(await ask(ann, { app: 'ledger' }), { status: 403, code: 'label_denied' }, 'it could not help')
  await hub.api('PATCH', '/users/ann', { roles: ['dev'] })
})

t.test('T216 a deny rule and a lock win over a grant', async (t) => {
  const id = await created({ app: 'ledger' })
  t.match(await approve(cat, id), { state: 'approved' })
  t.equal(await reach(ann, 'ledger'), 'admitted')
  await hub.api('PATCH', '/users/ann', { roles: ['dev', 'never'] })
  t.equal(await reach(ann, 'ledger'), 'label_denied')
  await hub.api('PATCH', '/users/ann', { roles: ['dev'] })
  const lock = await hub.api<{ id: string }>('POST', '/locks', { target: { app: 'ledger' } })
  t.equal(await reach(ann, 'ledger'), 'locked')
  await hub.api('DELETE', `/locks/${lock.id}`)
  t.equal(await reach(ann, 'ledger'), 'admitted')
  await call(cat, 'POST', `/access-requests/${id}/revoke`)
})

t.test('the people and things that a request names may be removed while it waits', async (t) => {
  const hal = await person('hal', ['dev'])
  const locked = await created({}, hal)
  const lock = await hub.api<{ id: string }>('POST', '/locks', { target: { user: 'hal' } })
  t.match(await approve(cat, locked), { status: 409, code: 'requester_locked' })
  t.equal(await stateOf(locked), 'pending')
  await hub.api('DELETE', `/locks/${lock.id}`)
  await hub.api('DELETE', '/users/hal')
  t.match(
    await approve(cat, locked),
    { status: 409, code: 'request_closed' },
    'T251 a request ends with its account',
  )
  t.match(await hub.api('GET', `/access-requests/${locked}`), { state: 'cancelled' })
  const again = await person('hal', ['dev'])
  t.strictSame(await list(again, '?mine=true'), [], 'T251 and an account of the same name does not see it')

  await app('gone', { env: 'prod' })
  const removed = await created({ app: 'gone' })
  await hub.api('DELETE', '/apps/gone')
  t.match(
    await approve(cat, removed),
    { status: 404 },
    'nobody decides about an app that is gone by its labels',
  )
  await role('shops', { app_labels: { env: 'shop' } })
  await role('asks-shops', { request: { roles: ['shops'] } })
  await role('runs-shops', { review: { roles: ['shops'] } })
  const [sam, tim] = [await person('sam', ['asks-shops']), await person('tim', ['runs-shops'])]
  await app('shop', { env: 'shop' })
  t.match(await approve(tim, await created({ app: 'shop' }, sam)), { state: 'approved' })
  const shut = await created({ app: 'shop' }, sam)
  t.equal(await reach(sam, 'shop'), 'admitted')
  await hub.api('DELETE', '/apps/shop')
  t.equal((await sam.visitor.open(`${hub.appUrl('shop')}/`)).status, 404)
  await app('shop', { env: 'shop' })
  t.equal(
    await reach(sam, 'shop'),
    'label_mismatch',
    'access is for the app that was asked for, not for its name',
  )
  t.match(await approve(tim, shut), { status: 409, code: 'app_gone' })

  const wide = await created({ app: undefined, role: 'oncall' })
  await hub.api('DELETE', '/roles/oncall')
  t.match(await approve(cat, wide), { status: 409, code: 'not_requestable' }, 'the role is gone')
  await role('oncall', { app_labels: { env: 'prod' } })
  await hub.api('PATCH', '/users/ann', { roles: [] })
  t.match(await approve(cat, wide), { status: 409, code: 'not_requestable' }, 'ann may no longer ask')
  await hub.api('PATCH', '/users/ann', { roles: ['dev'] })
  const said = await approve(cat, wide)
  t.match(said, { state: 'approved', role: 'oncall' })
  t.equal(await reach(ann, 'ledger'), 'admitted', 'the role counts everywhere')
  await hub.api('DELETE', '/roles/oncall')
  t.equal(await reach(ann, 'ledger'), 'label_mismatch', 'a role that is gone opens nothing')
  await role('oncall', { app_labels: { env: 'prod' } })
  await call(ann, 'POST', `/access-requests/${wide}/cancel`)
})

t.test('access ends when its approver may no longer approve and it was not used yet', async (t) => {
  const ida = await person('ida', ['lead'])
  const id = await created()
  t.match(await approve(ida, id), { state: 'approved' })
  await hub.api('PATCH', '/users/ida', { roles: [] })
  await until(async () => (await stateOf(id)) === 'revoked', 'it is withdrawn')
  t.equal(await reach(ann, 'orders'), 'label_mismatch')
  t.match(
    (await events('grant.ended')).find(({ request }) => request === id),
    { end_reason: 'approver_lost' },
  )
})

t.test('an approver may allow less time, and several may be needed', async (t) => {
  const short = await created()
  t.match(await approve(cat, short, { for: '2h' }), { status: 400, code: 'duration_too_long' })
  const said = await approve(cat, short, { for: '15m' })
  t.equal(Date.parse(said.until ?? '') - clock.now(), 900_000)
  const { text } = await cat.visitor.open(`${bench.origin}/web/access-requests/${short}`)
  t.match(text, '15m (asked for 1h)', 'the page of the request says what was granted')
  await call(ann, 'POST', `/access-requests/${short}/cancel`)

  await role('careful', { request: { app_labels: { env: 'prod' }, approvals: 2 } })
  const kim = await person('kim', ['careful'])
  const id = await created({}, kim)
  t.match(await approve(cat, id, { for: '30m' }), { state: 'pending' })
  t.match(await approve(cat, id), { status: 409, code: 'already_reviewed' })
  const second = await approve(bob, id)
  t.match(second, { state: 'approved' })
  t.equal(Date.parse(second.until ?? '') - clock.now(), 1_800_000, 'for no longer than the first allowed')
})

t.test(
  'T213 a person who approves with two accounts is one of the people whom a request needs',
  async (t) => {
    const issuer = await FakeIssuer.start()
    t.teardown(() => issuer.close())
    issuer.now = clock.now
    const account = async (name: string, username_claim: string) => {
      const claims_to_roles = [{ claim: 'groups', value: 'leads', roles: ['lead'] }]
      const spec = { ...issuer.spec, username_claim, claims_to_roles, scopes: ['openid', 'email', 'groups'] }
      await hub.api('PUT', `/connectors/${name}`, { kind: 'oidc', version: 'v1', metadata: { name }, spec })
      issuer.person = { sub: 'lou-1', email: 'lou@example.com', email_verified: true, groups: ['leads'] }
      const visitor = hub.visitor()
      t.equal((await visitor.open(`${bench.origin}/web/login?connector=${name}`)).status, 200)
      return { ...cat, name, visitor }
    }
    const [lou, again] = [await account('sso', 'email'), await account('old-sso', 'sub')]
    const mae = await person('mae', ['careful'])
    const id = await created({}, mae)
    t.match(await approve(lou, id), { state: 'pending' })
    t.match(await approve(again, id), { status: 409, code: 'already_reviewed' })
    const page = await again.visitor.open(`${bench.origin}/web/access-requests/${id}`)
    t.notMatch(page.text, /\/approve"/, 'the page offers it no button')
    t.equal(await stateOf(id), 'pending')
    t.match(await approve(cat, id), { state: 'approved' })
  },
)

t.test('a change that fails between approval and grant leaves the request pending', async (t) => {
  const id = await created()
  bench.refused.throws = true
  t.match(await approve(cat, id), { status: 500 })
  bench.refused.throws = false
  const { state, grant_id: grant } = await hub.api<Said>('GET', `/access-requests/${id}`)
  t.strictSame([state, grant], ['pending', null])
  t.match(await hub.api('GET', '/users/ann'), { grants: [] }, 'neither half is there')
  t.equal(await reach(ann, 'orders'), 'request_pending')
  t.match(await approve(cat, id), { state: 'approved' }, 'and it can be approved again')
  await call(ann, 'POST', `/access-requests/${id}/cancel`)
})

t.test('T220 a person who makes too many requests gets 429, and others are not affected', async (t) => {
  const zed = await person('zed', ['dev'])
  const first = await ask(zed)
  t.equal(first.status, 201)
  t.match(await ask(zed), { status: 409, code: 'request_exists' })
  let limited = 0
  for (let count = 0; count < 40; count++) {
    const said = await ask(zed, { app: 'ledger' })
    if (said.status === 429) limited += 1
    else await call(zed, 'POST', `/access-requests/${said.id}/cancel`)
  }
  t.equal(limited, 40 - 29)
  t.match(await ask(ann), { status: 201 })
})

t.test('T220 10,000 requests of one person leave ten rows, and the hub serves the others', async (t) => {
  const FLOOD = 10_000
  const names = Array.from({ length: 12 }, (_, at) => `duty-${at}`)
  for (const name of names) await role(name, { app_labels: { env: 'nothing' } })
  await role('greedy', { request: { roles: names } })
  const eli = await person('eli', ['greedy'])
  const me = await eli.visitor.fetch(`${bench.origin}/v1/webapi/me`, {
    headers: { accept: 'application/json' },
  })
  const statuses = new Map<number, number>()
  let asked = 0
  let isEnough = false
  // However fast the hub and this process are, the flood lasts until the others are served.
  const next = () => {
    if (asked >= FLOOD && isEnough) return null
    return JSON.stringify({ role: names[asked++ % names.length], for: '1h', reason: 'x' })
  }
  const flood = await floodRequests({
    url: `${bench.origin}/v1/webapi/access-requests`,
    ca: eli.visitor.ca,
    connections: 32,
    next,
    headers: {
      accept: 'application/json',
      'content-type': 'application/json',
      origin: bench.origin,
      'x-mezite-csrf': String(me.headers['x-mezite-csrf']),
      cookie: eli.visitor.cookies(new URL(bench.origin).host) ?? '',
    },
    onStatus: (status) => statuses.set(status, (statuses.get(status) ?? 0) + 1),
  })
  const began = performance.now()
  const flooding = flood()
  try {
    const beside = await created({}, await person('ivy', ['dev']))
    t.match(await approve(cat, beside), { state: 'approved' }, 'somebody else asks and is let in meanwhile')
  } finally {
    isEnough = true
  }
  t.comment(`after ${asked} of the flood`)
  await flooding
  t.comment(`${asked} requests in ${Math.round(performance.now() - began)} ms: ${[...statuses].join(' ')}`)
  t.equal(statuses.get(201), 10)
  t.ok(statuses.get(429)! > FLOOD - 100, 'nearly all are refused as too many, some as repeated')
  // On a busy machine the turn of a change may come too late.
  t.strictSame(
    [...statuses.keys()].filter((status) => ![201, 409, 429, 503].includes(status)),
    [],
  )
  const mine = await list(eli, '?mine=true')
  t.equal(mine.length, 10)
  for (const { id } of mine) await call(eli, 'POST', `/access-requests/${id}/cancel`)
})

t.test('T217 break-glass opens at once with a passkey, and always notifies', async (t) => {
  const noa = await person('noa', ['dev'])
  const glass = (more: object = {}) => ask(noa, { break_glass: true, reason: 'outage', ...more })
  bench.refused.all = true
  t.match(await glass(), { status: 503, code: 'break_glass_not_notified' })
  t.equal(await reach(noa, 'orders'), 'label_mismatch')
  bench.refused.all = false
  bench.refused.hangs = true
  const began = performance.now()
  const watch = startStopwatch()
  t.match(await glass(), { status: 503, code: 'break_glass_not_notified', detail: /no receiver accepted it/ })
  const took = watch.took()
  t.ok(performance.now() - began >= 9_900 && took < 15_000, `${took} ms`)
  bench.refused.hangs = false
  t.equal(await reach(noa, 'orders'), 'label_mismatch', 'nobody has access whom nobody heard of')
  t.match(
    (await events('access_request.cancelled')).filter(({ name }) => name === 'noa'),
    [{ break_glass: true, cause: 'break_glass_not_notified' }],
    'the attempt is recorded',
  )
  const delivered = sent.filter(({ title }) => title.includes('noa'))
  t.same(delivered, [], 'what nobody accepted in time is not delivered later')
  t.ok(bench.pending.length > 0)
  clock.advance(1_000)
  await bench.signIn(noa)
  t.match(await glass({ for: '2h' }), { status: 400, code: 'duration_too_long' })
  for (const reason of [
    '',
    ' \u00a0',
    '\u200b',
    '\u200b\u2060\ufeff\u00ad',
    '\u3164',
    '\u2800',
    '\ufe0f',
    '\u{e0041}',
  ])
    t.match(await glass({ reason }), { status: 400, code: 'reason_required' }, JSON.stringify(reason))
  sent.length = 0
  const said = await glass()
  t.match(said, { status: 201, state: 'approved' })
  t.equal(await reach(noa, 'orders'), 'admitted')
  t.match(
    await glass({ app: 'ledger' }),
    { status: 403, code: 'confirmation_required' },
    'one passkey, one access',
  )
  t.equal(await reach(noa, 'ledger'), 'label_mismatch')
  clock.advance(1_000)
  await bench.signIn(noa)
  t.match(await glass({ app: 'ledger' }), { status: 201 })
  await until(
    () => sent.filter(({ severity }) => severity === 'critical').length >= 6,
    'approvers are notified',
  )
  const people = new Set(sent.map(({ user }) => user))
  t.ok(
    [undefined, 'bob', 'cat'].every((one) => people.has(one)),
    'the operators and every approver',
  )
  t.notOk(people.has('noa'))
  t.match(
    (await events('grant.started')).filter(({ name }) => name === 'noa'),
    [{ break_glass: true }, { break_glass: true }],
  )
})

t.test('a role can demand a passkey for each approval', async (t) => {
  await role('guard', { review: { app_labels: { env: 'prod' }, passkey: true } })
  const guy = await person('guy', ['guard'])
  const lou = await person('lou', ['dev'])
  const [one, two] = [await created({}, lou), await created({ app: 'ledger' }, lou)]
  t.match(await approve(guy, one), { state: 'approved' }, 'the sign-in was a moment ago')
  const refused = await approve(guy, two)
  t.match(refused, { status: 403, code: 'confirmation_required' })
  const page = await guy.visitor.open(refused.challenge_url ?? '')
  t.match(page.text, `data-target="/web/access-requests/${two}"`)
  for (const target of ['//evil.example', 'https://evil.example', '/\\evil.example', '']) {
    const path = `${bench.origin}/web/confirm-action?return=${encodeURIComponent(target)}`
    t.equal((await guy.visitor.open(path)).status, 400, `no way to ${target}`)
  }
  clock.advance(1_000)
  const target = `/web/access-requests/${two}`
  const begun = await bench.post(guy.visitor, '/web/confirm-action/begin', {})
  const response = guy.key.get(begun.options)
  const body = { target, ceremony: begun.ceremony, response }
  t.match(await bench.post(guy.visitor, '/web/confirm-action/finish', body), {
    status: 200,
    location: target,
  })
  t.match(await bench.post(guy.visitor, '/web/confirm-action/finish', body), { status: 400 }, 'once')
  t.match(await approve(guy, two), { state: 'approved' })
})

t.test(
  'T218 T219 hostile text stays text, and a link acts only after a click of a signed-in person',
  async (t) => {
    const mia = await person('mia', ['dev'])
    const reason = '<img src=x onerror=alert(1)>\r\nBcc: all\u202e "\'`'
    const id = await created({ reason }, mia)
    const path = `${bench.origin}/web/access-requests/${id}`
    const page = await cat.visitor.open(path)
    t.equal(page.status, 200)
    t.notMatch(page.text, '<img')
    t.match(page.text, '&lt;img src=x onerror=alert(1)> Bcc: all')
    await until(() => sent.some((one) => one.path?.endsWith(id)), 'the notification')
    const message = sent.find((one) => one.path?.endsWith(id))
    t.match(message, {
      kind: 'access-request',
      path: `/web/access-requests/${id}`,
      title: 'mia asks for access to orders',
    })
    t.notMatch(message?.text, '\u202e')
    t.equal(await stateOf(id), 'pending', 'looking at it did nothing')
    const strange = await hub.visitor().open(path)
    t.notMatch(strange.text, 'orders', 'a stranger is asked to sign in')
    const origin = { origin: 'https://evil.example' }
    const forged = await cat.visitor.fetch(`${path}/approve`, {
      method: 'POST',
      headers: origin,
      body: 'for=1h',
    })
    t.equal(forged.status, 403)
    t.equal((await cat.visitor.submit(page, /\/approve$/, { for: '30m' })).status, 200)
    t.equal(await stateOf(id), 'approved')
  },
)

t.test(
  'several requests are decided at once from the list, which has reason, role, age and owner',
  async (t) => {
    const path = `${bench.origin}/web/access-requests`
    /** The hub has read the state of access again since its clock jumped. */
    const current = () =>
      until(async () => (await cat.visitor.open(path)).status === 200, 'the view is fresh again')
    clock.advance(HOUR)
    await current()
    const [one, two, three] = await Promise.all(
      ['tia', 'tom', 'ted'].map(async (name) =>
        created({ reason: `Ticket of ${name}` }, await person(name, ['dev'])),
      ),
    )
    clock.advance(34 * MINUTE)
    await current()
    const page = await cat.visitor.open(path)
    for (const text of ['Ticket of tia', 'Role dev', 'Owner Orders team', 'waits for 34 min'])
      t.match(page.text, text)
    const decide = (verdict: string, ids: readonly (string | undefined)[]) =>
      cat.visitor.open(`${path}/decide`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded', origin: bench.origin },
        body: new URLSearchParams({
          ...Object.fromEntries(ids.map((id) => [`request-${id}`, '1'])),
          verdict,
        }).toString(),
      })
    t.equal((await decide('approve', [one, two])).status, 200)
    t.strictSame(
      [await stateOf(one!), await stateOf(two!), await stateOf(three!)],
      ['approved', 'approved', 'pending'],
    )
    t.equal((await decide('deny', [three])).status, 200)
    t.equal(await stateOf(three!), 'denied')
    t.equal((await decide('approve', [])).status, 400, 'nothing is marked')
    t.equal((await decide('perhaps', [three])).status, 400)
    const mixed = await decide('approve', ['no-such-request', three])
    t.match(mixed, {
      status: 200,
      text: /Not decided: 2[\s\S]*There is no such request\.[\s\S]*already denied/,
    })
    const many = Array.from({ length: 101 }, (_, at) => `many-${at}`)
    t.equal((await decide('approve', many)).status, 400, 'more than a page of them')
  },
)

t.test('an approver sees which apps the person would gain, by the rules that would admit them', async (t) => {
  clock.advance(MINUTE)
  const pam = await person('pam', ['dev'])
  const [one, wide] = [await created({}, pam), await created({ app: undefined, role: 'oncall' }, pam)]
  const pageOf = async (id: string) =>
    (await cat.visitor.open(`${bench.origin}/web/access-requests/${id}`)).text
  const page = await pageOf(one)
  for (const text of ['pam', 'orders', 'TICKET-7', 'Orders team', '<code>dev: request env=prod</code>'])
    t.ok(page.includes(text), text)
  await hub.api('POST', '/users', { name: 'oli', roles: ['oncall'] })
  const { votes } = await hub.api<{ votes: { matcher: string }[] }>(
    'GET',
    '/access/explain?user=oli&app=orders',
  )
  const rule = votes.find(({ matcher }) => matcher === 'allow env=prod')?.matcher
  const all = await pageOf(wide)
  for (const name of ['orders', 'ledger'])
    t.match(all, `<strong>${name}</strong><br/><code>oncall: ${rule}</code>`, 'as the explanation says it')
  t.notMatch(all, '<strong>wiki</strong>', 'an app that the person has already')
  t.match(all, `href="/web/access-requests/${one}"`, 'an earlier request')
  await role('oncall', { app_labels: { env: 'prod' } }, { options: { require_session_mfa: true } })
  t.match(await pageOf(wide), '<code>oncall: requires session-mfa</code>')
  await role('oncall', { app_labels: { env: 'prod' } })
})

t.test('a notification is in the language in which the request was made', async (t) => {
  clock.advance(MINUTE)
  const ute = await person('ute', ['dev'])
  const asked = await ute.visitor.open(`${bench.origin}/web/access-requests`, {
    method: 'POST',
    headers: {
      'accept-language': 'de-DE',
      'content-type': 'application/x-www-form-urlencoded',
      origin: bench.origin,
    },
    body: new URLSearchParams({
      app: 'orders',
      for: '1h',
      reason: 'Störung',
      path: '/deep?q=1',
    }).toString(),
  })
  const id = asked.url.split('/').at(-1)!
  const about = () => sent.filter(({ path }) => path?.endsWith(id))
  await until(() => about().length > 0, 'the notification')
  t.match(about()[0], {
    title: 'ute fragt Zugriff an: orders',
    text: 'Für: orders, 1h\nGrund: Störung',
  })
  await approve(cat, id)
  await until(() => about().some(({ user }) => user === 'ute'), 'the outcome')
  t.match(
    about().find(({ user }) => user === 'ute'),
    { title: 'Sie haben Zugriff: orders' },
  )
  const outcome = await ute.visitor.open(`${bench.origin}/web/access-requests/${id}`)
  t.match(outcome.text, `href="${hub.appUrl('orders')}/deep?q=1"`, 'a closed tab is replaced by the link')
})

t.test('the launcher, the navigation and "My account" show possible and existing access', async (t) => {
  const may = await person('may', ['dev'])
  const apps = async (query: string) => {
    const answer = await may.visitor.fetch(`${bench.origin}/v1/webapi/me/apps${query}`)
    return (JSON.parse(answer.text) as { name: string; request_path: string | null }[]).map(
      ({ name, request_path: path }) => [name, path],
    )
  }
  t.strictSame(await apps(''), [['wiki', null]])
  t.strictSame(await apps('?requestable=true'), [
    ['wiki', null],
    ['ledger', '/web/access-requests/new?app=ledger'],
    ['orders', '/web/access-requests/new?app=orders'],
  ])
  const home = await eve.visitor.open(`${bench.origin}/web/account`)
  t.notMatch(home.text, '/web/access-requests', 'nothing for a person who can ask for nothing')
  const id = await created({}, may)
  await approve(cat, id)
  const account = await may.visitor.open(`${bench.origin}/web/account`)
  t.match(account.text, 'Access for a time')
  t.match(account.text, /1 h left, ends <time/)
  const ended = await may.visitor.submit(account, new RegExp(`${id}/cancel$`))
  t.match(ended.url, /\/web\/account#access$/)
  t.equal(await reach(may, 'orders'), 'label_mismatch')
  const lock = await hub.api<{ id: string }>('POST', '/locks', { target: { user: 'may' } })
  t.strictSame(await apps('?requestable=true'), [], 'a locked person cannot get access by asking')
  await hub.api('DELETE', `/locks/${lock.id}`)
})

t.test('the dashboard lists requests, and shows on the page of a person which roles are used', async (t) => {
  const pages = await hub.api<object>('GET', '/dashboard/pages/access-requests')
  t.match(pages, { title: 'Access requests', blocks: [{ kind: 'table', rows: [[{ href: /^\/web\// }]] }] })
  const panels = await hub.api<object>('GET', '/dashboard/person-panels/cat')
  t.match(panels, [
    {
      title: 'Use of roles',
      blocks: [{ rows: [[{ text: 'lead' }, 'assigned', 0, 'never']] }, { kind: 'facts' }],
    },
  ])
  t.strictSame(await hub.api('GET', '/dashboard/person-panels/nobody'), [])
})

t.test('forgets a closed request, with its reviews, after 400 days', async (t) => {
  const { db, close } = await openTestDatabase([requestMigrations])
  t.teardown(() => close())
  const time = fakeClock()
  const store = createRequestStore({
    database: db,
    clock: time,
    revisions: { addView() {}, onApplied: () => () => {} },
  })
  const kept = async () => (await store.list()).map(({ id, reviews }) => [id, reviews.length])
  const row = {
    user_name: 'ann',
    user_key: 'ann',
    holder: null,
    role: 'oncall',
    via: 'dev',
    app: null,
    app_name: null,
    reason: 'x',
    duration: HOUR,
    approvals: 1,
    break_glass: false,
    path: null,
    created: time.now(),
    expires: time.now() + HOUR,
    grant_id: null,
    until: null,
    used: null,
  }
  const review = { reviewer: 'cat', reviewer_name: 'cat', approves: false, reason: null, confirmed: null }
  await db.transaction().execute(async (trx) => {
    await store.insert(trx, {
      ...row,
      id: 'denied',
      state: 'denied',
      closed: time.now(),
      language: 'en',
      asked_by: null,
    })
    await store.insert(trx, {
      ...row,
      id: 'open',
      state: 'pending',
      closed: null,
      language: 'en',
      asked_by: null,
    })
    for (const request of ['denied', 'open'])
      await store.addReview(trx, { ...review, request, time: time.now() })
  })
  time.advance(399 * 24 * HOUR)
  t.equal(await store.prune(), '0 old requests deleted')
  time.advance(2 * 24 * HOUR)
  t.equal(await store.prune(), '1 old requests deleted')
  t.strictSame(await kept(), [['open', 1]])
  const reviews = await db
    .withTables<RequestTables>()
    .selectFrom('access_requests_reviews')
    .selectAll()
    .execute()
  t.equal(reviews.length, 1)
})

t.test('a help desk asks in place of a person, by what the person may ask for', async (t) => {
  await role('desk', {
    admin: [{ kinds: ['request', 'api-token'], verbs: ['create'] }],
    review: { roles: ['oncall'], app_labels: { env: 'shop' } },
  })
  await app('till', { env: 'shop' })
  await role('seller', { request: { roles: ['oncall'], app_labels: { env: 'shop' }, max_duration: '8h' } })
  await role('manager', { review: { roles: ['oncall'], app_labels: { env: 'shop' } } })
  const ina = await person('ina', ['seller'])
  const max = await person('max', ['manager'])
  const dora = await person('dora', ['desk'])
  const askFor = (who: Holder, name: string, more: object = {}) =>
    call(who, 'POST', `/users/${name}/access-requests`, { app: 'till', for: '1h', reason: 'T-1', ...more })
  t.match(await askFor(eve, 'ina'), { status: 403, code: 'access_denied' })
  t.match(await askFor(dora, 'nobody'), { status: 404, code: 'user_not_found' })
  t.match(await askFor(dora, 'eve'), { status: 403, code: 'not_requestable' }, 'a person who may not ask')
  t.match(await askFor(dora, 'ina', { for: '9h' }), { status: 400 }, 'longer than the person may ask for')
  t.match(await askFor(dora, 'ina', { break_glass: true }), { status: 400 }, 'only the person breaks glass')
  t.match(await askFor(dora, 'ina', { role: 'oncall' }), { status: 400 }, 'one thing')
  const { token } = (await call(dora, 'POST', '/api-tokens', { name: 'desk', roles: ['desk'] })) as {
    token?: string
  }
  const byToken = await hub.visitor().fetch(`${bench.origin}/v1/webapi/users/ina/access-requests`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ app: 'till', for: '1h', reason: 'T-1' }),
  })
  t.match(byToken, { status: 403, text: /person_required/ }, 'nobody asks by a token, and then approves')
  const { id, ...made } = await askFor(dora, 'ina')
  t.match(made, { status: 201, state: 'pending', user: 'ina', asked_by: 'dora' })
  t.equal(await reach(dora, 'till'), 'label_mismatch', 'who asks gets nothing')
  t.match(await approve(dora, id), { status: 403, code: 'own_request' })
  t.match(await approve(ina, id), { status: 403, code: 'own_request' })
  t.match(await askFor(dora, 'ina'), { code: 'request_exists' })
  t.match(await approve(max, id), { status: 200, state: 'approved', asked_by: 'dora' })
  t.equal(await reach(ina, 'till'), 'admitted')
  const [event] = (await events('access_request.created')).filter(({ request }) => request === id)
  t.match(event, { user: 'dora', name: 'ina', asked_by: 'dora', right: 'request.create', right_role: 'desk' })
  t.match(await call(ina, 'POST', `/access-requests/${id}/cancel`), { status: 200, state: 'ended' })
})
