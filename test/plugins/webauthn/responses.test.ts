// together: sign-in
/** Answers that no honest browser gives, against a whole hub in this process. */
import type { Revisions, Users } from '@mezite/core'
import { BACKUP_ELIGIBLE, FakeAuthenticator, programLogin, type ResponseChanges } from '@mezite/core/testing'
import t from 'tap'
import type { RunningUsers } from '../../../core/gate/users/users.ts'
import webauthn from '../../../plugins/webauthn/hub.ts'
import { actor } from '../../gate/sessions/start-rooms.ts'
import { refusingSink } from '../refusing-sink.ts'
import { type Holder, type Said, startKeyHub } from './key-hub.ts'

/** What happens, once, before the plugin's next confirmation of a user or its next change. */
const before: { confirm?: (users: Users) => Promise<unknown>; write?: () => Promise<unknown> } = {}
const watched = {
  ...webauthn,
  setup(host: { readonly use: { readonly users: Users; readonly revisions: Revisions } }) {
    const confirm: Users['confirm'] = async (...input) => {
      const { confirm: act } = before
      delete before.confirm
      await act?.(host.use.users)
      return host.use.users.confirm(...input)
    }
    const write: Revisions['write'] = async (...change) => {
      const { write: act } = before
      delete before.write
      await act?.()
      return host.use.revisions.write(...change)
    }
    const users = Object.create(host.use.users, { confirm: { value: confirm } })
    const revisions = Object.create(host.use.revisions, { write: { value: write } })
    webauthn.setup({ ...host, use: { ...host.use, users, revisions } })
  },
}
const sink = refusingSink()
const keys = await startKeyHub(false, [watched, sink.plugin])
t.teardown(() => keys.hub.stop())
const codes = (answers: readonly Said[]) => answers.map(({ status, code }) => `${status} ${code ?? 'ok'}`)

t.test('an honest assertion opens the app, once', async (t) => {
  const ann = await keys.person('ann')
  const done = await keys.confirm(ann)
  t.equal(done.status, 200)
  t.match(done.location, `${keys.hub.appUrl('vault')}/.mezite/session?code=`)
  t.match(new URL(done.location).searchParams.get('path'), '/deep')
  await ann.visitor.fetch(done.location)
  const again = await ann.visitor.fetch(`${keys.hub.appUrl('vault')}/deep`, {
    headers: { accept: 'text/html', 'sec-fetch-mode': 'navigate' },
  })
  t.equal(again.status, 502, 'admitted: only the agent is missing')
  t.match((await keys.enter(ann.visitor, 'other')).pathname, '/web/mfa', 'another app asks for itself')
})

t.test('D57 one of 20 concurrent finishes counts, and one session is handed over', async (t) => {
  const bob = await keys.person('bob')
  const state = await keys.stateFor(bob)
  const asked = await keys.begin(bob, state)
  const response = bob.key.get(asked.options)
  const all = await Promise.all(Array.from({ length: 20 }, () => keys.finish(bob, state, asked, response)))
  const good = all.filter(({ status }) => status === 200)
  t.equal(good.length, 1)
  t.equal(codes(all).filter((code) => code === '400 challenge_spent').length, 19)
})

t.test('D57 a challenge of another session, app, person or purpose, or after 60 s, is refused', async (t) => {
  const [carl, dora] = [await keys.person('carl'), await keys.person('dora')]
  const state = await keys.stateFor(carl)
  const own = async () => keys.begin(carl, state)
  const of = async (said: Promise<Said>) => {
    const { ceremony, options } = await said
    return keys.finish(carl, state, { ceremony } as Said, carl.key.get(options))
  }
  t.strictSame(
    codes([
      await of(keys.begin(dora, await keys.stateFor(dora))),
      await of(keys.begin(carl, await keys.stateFor(carl, 'other'))),
      await of(keys.post(carl.visitor, '/web/account/confirm/begin', {})),
      await of(keys.post(carl.visitor, '/web/passkey/begin', {})),
    ]),
    Array.from({ length: 4 }, () => '400 challenge_foreign'),
  )
  const before = await own()
  t.equal((await keys.signIn(carl)).status, 303)
  t.match(await keys.finish(carl, state, before, carl.key.get(before.options)), {
    status: 400,
    code: 'challenge_foreign',
  })
  const late = await own()
  keys.clock.advance(61_000)
  await keys.hub.ready()
  t.match(await keys.finish(carl, state, late, carl.key.get(late.options)), {
    status: 400,
    code: 'challenge_expired',
  })
  const mixed = await own()
  t.match(await keys.finish(carl, state, mixed, carl.key.get((await own()).options)), {
    status: 400,
    code: 'challenge_wrong',
  })
})

t.test('D56 D58 D59 D60 D61 false members of an assertion are refused and recorded', async (t) => {
  const eve = await keys.person('eve')
  const lies: [string, ResponseChanges][] = [
    ['origin_wrong', { origin: keys.hub.appUrl('vault') }],
    ['origin_wrong', { origin: keys.origin.replace('https:', 'http:') }],
    ['origin_wrong', { origin: `${keys.origin}.evil.example` }],
    ['user_not_verified', { clear: 0x04 }],
    ['assertion_invalid', { clear: 0x01 }],
    ['user_handle_wrong', { userHandle: 'AAAA' }],
    ['cross_origin', { crossOrigin: true }],
    ['cross_origin', { topOrigin: 'https://evil.example' }],
    ['type_wrong', { type: 'webauthn.create' }],
    ['assertion_invalid', { rpId: 'mezite.localhost' }],
    ['key_unknown', { id: 'AAAA' }],
  ]
  for (const [code, lie] of lies) {
    t.match(await keys.confirm(eve, lie), { status: 400, code }, JSON.stringify(lie))
  }
  const stolen = await keys.person('frank')
  t.match(
    await keys.confirm({ ...eve, key: stolen.key }),
    { status: 400, code: 'key_unknown' },
    "another's key",
  )
  t.match(
    await keys.confirm({
      ...eve,
      key: Object.assign(new FakeAuthenticator(keys.origin), { id: eve.key.id }),
    }),
    { status: 400, code: 'assertion_invalid' },
    'another private key under the id of hers',
  )
  const failed = (await keys.audit('mfa.failed', 'eve', lies.length + 2)).map(({ reason }) => reason)
  for (const [code] of lies) t.ok(failed.includes(code), `${code} is recorded`)
  t.equal((await keys.confirm(eve)).status, 200, 'and the truth still counts')
})

t.test('K143 existing and unknown passkeys are refused alike at the sign-in', async (t) => {
  const kate = await keys.person('kate')
  const stranger = { ...kate, visitor: keys.hub.visitor(), key: new FakeAuthenticator(keys.origin) }
  const thief = { ...stranger, key: Object.assign(new FakeAuthenticator(keys.origin), { id: kate.key.id }) }
  const heard = new Set<string>()
  for (const [holder, lie] of [
    [stranger, {}],
    [stranger, { userHandle: kate.key.userHandle }],
    [thief, {}],
    [thief, { userHandle: kate.key.userHandle }],
    [thief, { userHandle: 'AAAA' }],
    [thief, { clear: 0x04 }],
    [thief, { origin: 'https://evil.example' }],
  ] as const) {
    const { request_id: _, ...said } = (await keys.signIn(holder, lie)) as Said & { request_id?: string }
    heard.add(JSON.stringify(said))
  }
  t.equal(heard.size, 1, [...heard].join('\n'))
  t.match([...heard][0], 'key_unknown')
  t.ok((await keys.audit('mfa.failed', 'kate', 5)).some(({ reason }) => reason === 'assertion_invalid'))
  t.equal((await keys.signIn(kate)).status, 303, 'the right one still signs in')

  let last = 0
  for (let tries = 0; tries < 300 && last !== 429; tries++) last = (await keys.signIn(stranger)).status
  t.equal(last, 429, 'and tries are limited')
  keys.clock.advance(2 * 60_000)
  await keys.hub.ready()
})

t.test('C54 a passkey whose owner loses the name during the sign-in does not restore it', async (t) => {
  const rosa = await keys.person('rosa')
  before.confirm = (users) => (users as RunningUsers).relink('rosa', actor)
  const answer = await keys.signIn({ ...rosa, visitor: keys.hub.visitor() })
  t.match(answer, { status: 401, code: 'login_required' })
  t.match(await keys.hub.api('GET', '/users/rosa'), { identity: null })
})

t.test('D62 a counter that does not grow is refused and recorded', async (t) => {
  const gina = await keys.person('gina')
  t.equal((await keys.confirm(gina, { counter: 50 })).status, 200)
  t.match(await keys.confirm(gina, { counter: 50 }), { status: 400, code: 'counter_went_back' })
  t.match(await keys.confirm(gina, { counter: 7 }), { status: 400, code: 'counter_went_back' })
  t.equal((await keys.confirm(gina, { counter: 51 })).status, 200)
  const failed = await keys.audit('mfa.failed', 'gina', 2)
  t.equal(failed.filter(({ reason }) => reason === 'counter_went_back').length, 2)
})

t.test('D61 D67 hostile registrations get 4xx, and the hub goes on', async (t) => {
  await keys.hub.api('POST', '/users', { name: 'hank', roles: ['strict'] })
  const hank = { name: 'hank', visitor: keys.hub.visitor(), key: new FakeAuthenticator(keys.origin) }
  const token = await keys.link('hank', { sign_in: true })
  const lies: ResponseChanges[] = [
    { type: 'webauthn.get' },
    { origin: keys.hub.appUrl('vault') },
    { crossOrigin: true },
    { rpId: 'mezite.localhost' },
    { clear: 0x04 },
    { clear: 0x01 },
    { clear: 0x40 },
    { alg: 0 },
    { alg: -47 },
    { tail: Buffer.from('trailing bytes') },
  ]
  const forms: ResponseChanges[] = [
    { afterAttestation: Buffer.alloc(1) },
    { afterAttestation: Buffer.from('bytes after the object') },
    { format: 'made-up' },
    { format: 'None' },
    { format: '' },
    { format: 'compound' },
  ]
  for (const some of [lies, forms]) {
    for (const lie of some) t.match(await keys.enrol(hank, token, lie), { status: 400 }, JSON.stringify(lie))
    keys.clock.advance(60_000)
    await keys.hub.ready()
  }
  const forge = async (attestationObject: unknown) => {
    const asked = await keys.post(hank.visitor, '/web/enrol/begin', { token })
    const { response, ...rest } = hank.key.create(asked.options)
    const forged = { ...rest, response: { ...response, attestationObject } }
    return keys.post(hank.visitor, '/web/enrol/finish', {
      token,
      name: 'Key',
      ceremony: asked.ceremony,
      response: forged,
    })
  }
  const bombs = ['', '!', 'oA', 'v_8', 'm_________8', `${'gQ'.repeat(5_000)}`, 7, null, { a: 1 }, ['x']]
  keys.clock.advance(60_000)
  await keys.hub.ready()
  for (const bomb of bombs) t.equal((await forge(bomb)).status, 400, JSON.stringify(bomb).slice(0, 30))
  t.equal((await forge('A'.repeat(900_000))).status, 413, 'about 1 MB')
  keys.clock.advance(60_000)
  await keys.hub.ready()
  t.equal((await keys.enrol(hank, token)).status, 303, 'the link was not spent by any of these')
  t.match(await keys.enrol(hank, token), { status: 400, code: 'link_refused' })
  const cut = await keys.post(hank.visitor, '/web/enrol/begin', { token: token.slice(0, 40) })
  t.match(cut, { status: 400, detail: /^This link is not complete\./ }, 'cut off when it was copied')
})

t.test('D66 a link is valid once, for 15 minutes, revocable, and for one identity', async (t) => {
  const ida = await keys.person('ida')
  const spare = { ...ida, visitor: keys.hub.visitor(), key: new FakeAuthenticator(keys.origin) }
  const [late, revoked] = [await keys.link('ida'), await keys.link('ida')]
  const listed = await keys.hub.api<{ id: string; kind: string }[]>('GET', '/users/ida/mfa')
  t.strictSame(
    listed.map(({ kind }) => kind),
    ['key', 'link', 'link'],
  )
  await keys.hub.api('DELETE', `/users/ida/mfa?id=${encodeURIComponent(listed[2]!.id)}`)
  t.match(await keys.enrol(spare, revoked), { status: 400, code: 'link_refused' })
  const race = await keys.link('ida')
  const asked = await Promise.all(
    Array.from({ length: 5 }, () => keys.post(spare.visitor, '/web/enrol/begin', { token: race })),
  )
  const made = await Promise.all(
    asked.map(({ ceremony, options }) => {
      const response = new FakeAuthenticator(keys.origin).create(options)
      return keys.post(spare.visitor, '/web/enrol/finish', { token: race, name: 'K', ceremony, response })
    }),
  )
  t.equal(made.filter(({ status }) => status === 303).length, 1, 'five at once: one key')
  keys.clock.advance(16 * 60_000)
  await keys.hub.ready()
  t.match(await keys.enrol(spare, late), { status: 400, code: 'link_refused' })
  const old = await keys.link('ida')
  await keys.hub.api('DELETE', '/users/ida')
  await keys.hub.api('POST', '/users', { name: 'ida', roles: ['strict'] })
  await keys.link('ida', { sign_in: true })
  t.match(
    await keys.enrol(spare, old),
    { status: 400, code: 'link_refused' },
    'a new person of the same name',
  )
  t.match(await keys.signIn(ida), { status: 400, code: 'key_unknown' }, 'old keys are nobody’s')
})

t.test('a link that assigns a name is not a login; adding the passkey and each sign-in are', async (t) => {
  const lastLogin = async () =>
    (await keys.hub.api<{ last_login: string | null }>('GET', '/users/lea')).last_login
  await keys.hub.api('POST', '/users', { name: 'lea', roles: ['strict'] })
  const lea = { name: 'lea', visitor: keys.hub.visitor(), key: new FakeAuthenticator(keys.origin) }
  const token = await keys.link('lea', { sign_in: true })
  t.equal(await lastLogin(), null)
  t.equal((await keys.enrol(lea, token)).status, 303)
  const me = await lea.visitor.fetch(`${keys.origin}/v1/webapi/me`)
  t.equal(JSON.parse(me.text).user, 'lea', 'the link and its new passkey sign in')
  const first = Date.parse((await lastLogin()) ?? '')
  keys.clock.advance(60_000)
  await keys.hub.ready()
  t.equal((await keys.signIn({ ...lea, visitor: keys.hub.visitor() })).status, 303)
  t.ok(Date.parse((await lastLogin()) ?? '') >= first + 60_000, 'and is seen at once')
})

t.test('D66 a change of passkeys needs a fresh sign-in and an existing passkey', async (t) => {
  const jane = await keys.person('jane')
  const permit = async () => {
    const asked = await keys.post(jane.visitor, '/web/account/confirm/begin', {})
    const response = jane.key.get(asked.options)
    return (
      await keys.post(jane.visitor, '/web/account/confirm/finish', { ceremony: asked.ceremony, response })
    ).permit
  }
  const beginKey = (body: object) => keys.post(jane.visitor, '/web/account/keys/begin', body)
  t.match(await beginKey({}), { status: 403, code: 'key_required' })
  const allowed = await permit()
  t.match(await keys.post(jane.visitor, '/web/account/keys/remove', { id: jane.key.id, permit: allowed }), {
    status: 409,
    code: 'last_key',
  })
  t.match(await beginKey({ permit: allowed }), { status: 400, code: 'challenge_spent' })
  const second = new FakeAuthenticator(keys.origin)
  const { ceremony, options } = await beginKey({ permit: await permit() })
  const body = { ceremony, response: second.create(options), name: 'Second' }
  t.equal((await keys.post(jane.visitor, '/web/account/keys/finish', body)).status, 200)
  const permits = [await permit(), await permit()]
  const both = await Promise.all(
    [jane.key.id, second.id].map((id, at) =>
      keys.post(jane.visitor, '/web/account/keys/remove', { id, permit: permits[at] }),
    ),
  )
  t.strictSame(codes(both).sort(), ['200 ok', '409 last_key'], 'two removals at once leave one key')
  keys.clock.advance(11 * 60_000)
  await keys.hub.ready()
  t.match(await beginKey({}), { status: 403, code: 'sign_in_again' })
  const foreign = { origin: keys.hub.appUrl('vault'), 'sec-fetch-site': 'same-site' }
  t.equal((await keys.post(jane.visitor, '/web/account/keys/begin', {}, foreign)).status, 403)
})

t.test('D66 removing a passkey ends its confirmations, and nothing else', async (t) => {
  const lena = await keys.person('lena')
  const second = new FakeAuthenticator(keys.origin)
  const permitWith = async (key: FakeAuthenticator) => {
    const asked = await keys.post(lena.visitor, '/web/account/confirm/begin', {})
    const body = { ceremony: asked.ceremony, response: key.get(asked.options) }
    return (await keys.post(lena.visitor, '/web/account/confirm/finish', body)).permit
  }
  const begun = await keys.post(lena.visitor, '/web/account/keys/begin', {
    permit: await permitWith(lena.key),
  })
  const made = { ceremony: begun.ceremony, response: second.create(begun.options), name: 'Second' }
  t.equal((await keys.post(lena.visitor, '/web/account/keys/finish', made)).status, 200)

  /** Opens the app with a confirmation by the holder's key. */
  const enterApp = async (holder: Holder) => {
    await holder.visitor.fetch((await keys.confirm(holder)).location)
  }
  const ask = async ({ visitor }: Holder) => {
    const headers = { accept: 'application/json', 'sec-fetch-mode': 'cors' }
    const { status, text } = await visitor.fetch(`${keys.hub.appUrl('vault')}/deep`, { headers })
    return `${status} ${(JSON.parse(text) as { code: string }).code}`
  }
  const elsewhere = { ...lena, visitor: keys.hub.visitor() }
  const withSecond = { ...lena, visitor: keys.hub.visitor(), key: second }
  for (const one of [elsewhere, withSecond]) t.equal((await keys.signIn(one)).status, 303)
  const all = [lena, elsewhere, withSecond]
  for (const one of all) await enterApp(one)
  const admitted = '502 agent_none'
  t.same(await Promise.all(all.map(ask)), [admitted, admitted, admitted])
  const { session_id: terminal } = await programLogin(keys.hub, {}, elsewhere.visitor)
  const terminals = async () =>
    (await keys.hub.api<{ id: string }[]>('GET', '/sessions')).filter(({ id }) => id === terminal).length
  t.equal(await terminals(), 1)

  const remove = async () => {
    const body = { id: lena.key.id, permit: await permitWith(second) }
    return (await keys.post(lena.visitor, '/web/account/keys/remove', body)).status
  }
  sink.refuse('session.revoked')
  t.equal(await remove(), 500)
  t.same(
    await Promise.all(all.map(ask)),
    [admitted, admitted, admitted],
    'the key goes with all that, or stays',
  )
  sink.refuse(null)
  t.equal(await remove(), 200)
  t.same(
    await Promise.all(all.map(ask)),
    ['401 session_mfa_required', '401 login_required', admitted],
    'asked again here, signed out elsewhere, untouched where the other key was used',
  )
  t.equal(await terminals(), 0, 'a command line that a passkey let in is signed out')
  t.equal(
    (await keys.enter(elsewhere.visitor, 'vault')).pathname,
    '/web/passkey',
    'the sign-in is over there',
  )
  t.match(await keys.confirm(lena), { status: 400, code: 'key_unknown' })
  await enterApp({ ...lena, key: second })
  t.equal(await ask(lena), admitted, 'the other key opens it again')
})

t.test('D66 a passkey that is being added during a reset of all is not stored', async (t) => {
  const nora = await keys.person('nora')
  const asked = await keys.post(nora.visitor, '/web/account/confirm/begin', {})
  const { permit } = await keys.post(nora.visitor, '/web/account/confirm/finish', {
    ceremony: asked.ceremony,
    response: nora.key.get(asked.options),
  })
  const { ceremony, options } = await keys.post(nora.visitor, '/web/account/keys/begin', { permit })
  before.write = () => keys.hub.api('DELETE', '/users/nora/mfa')
  const body = { ceremony, response: new FakeAuthenticator(keys.origin).create(options), name: 'Late' }
  t.match(await keys.post(nora.visitor, '/web/account/keys/finish', body), {
    status: 401,
    code: 'login_required',
  })
  t.strictSame(await keys.hub.api('GET', '/users/nora/mfa'), [])
})

t.test('passkeys are reset together with the sessions, or not at all', async (t) => {
  const olga = await keys.person('olga')
  const reset = () => keys.hub.api<object>('DELETE', '/users/olga/mfa')
  const home = async () => (await olga.visitor.fetch(`${keys.origin}/v1/webapi/me`)).status
  sink.refuse('session.revoked')
  await t.rejects(reset())
  sink.refuse(null)
  t.equal((await keys.hub.api<unknown[]>('GET', '/users/olga/mfa')).length, 1, 'so that it can be done again')
  t.equal(await home(), 200)
  await keys.link('olga')
  sink.refuse('token.deleted')
  await t.rejects(reset())
  sink.refuse(null)
  t.equal((await keys.hub.api<unknown[]>('GET', '/users/olga/mfa')).length, 2, 'nor while a link can add one')
  t.match(await reset(), { keys: 1, links: 1, cut: { sessions: 1 } })
  t.equal(await home(), 401)
})

t.test('mfa_freshness accepts a fresh confirmation for another app, and not an old one', async (t) => {
  await keys.role('recent', { require_session_mfa: 'webauthn', mfa_freshness: '5m' })
  const kim = await keys.person('kim', ['recent'])
  t.match(
    (await keys.enter(kim.visitor, 'vault')).pathname,
    '/.mezite/session',
    'the sign-in itself is fresh',
  )
  keys.clock.advance(11 * 60_000)
  await keys.hub.ready()
  t.equal((await keys.enter(kim.visitor, 'vault')).pathname, '/web/mfa')
  t.equal((await keys.confirm(kim)).status, 200)
  t.match((await keys.enter(kim.visitor, 'other')).pathname, '/.mezite/session')
  await keys.hub.api('PATCH', '/users/kim', { roles: ['recent', 'strict'] })
  t.equal((await keys.enter(kim.visitor, 'other')).pathname, '/web/mfa', 'the shortest freshness counts')
})

t.test('no passkey is a hardware key without configuration, and start-up reports that', async (t) => {
  t.ok(keys.hub.log.some((line) => line.includes('no key counts as hardware_key')))
  await keys.role('hard', { require_session_mfa: 'hardware_key' })
  const lou = await keys.person('lou', ['hard'], { flags: BACKUP_ELIGIBLE })
  const url = await keys.enter(lou.visitor, 'vault')
  t.match(url.search, 'level=hardware_key')
  const page = await lou.visitor.fetch(url.href, { headers: { accept: 'text/html' } })
  t.match(page.text, 'requires a hardware passkey')
  const state = url.searchParams.get('state')!
  const asked = await keys.begin(lou, state)
  const weak = await keys.finish(lou, state, asked, lou.key.get(asked.options))
  t.match(weak.location, '/web/mfa?level=hardware_key', 'a weaker answer leads back to the demand')
})
