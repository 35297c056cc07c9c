// together: plugin-hubs
/** People by invitation: a link of days that makes an account with a passkey, once, with the rights of who invites at that moment. */
import { FakeAuthenticator } from '@mezite/core/testing'
import t, { type Test } from 'tap'
import { runMezctl } from '../../oclif-cli/run-program.ts'
import { type Holder, type Said, startKeyHub } from './key-hub.ts'

t.setTimeout(120_000)

const DAY_MS = 86_400_000
const { hub, clock, origin, person, post, signIn } = await startKeyHub()
t.teardown(() => hub.stop())

interface Invited {
  readonly id: string
  readonly link: string
  readonly state: string
  readonly name: string
  readonly roles: readonly string[]
  readonly expires: string
}
const putRole = (name: string, admin: object[], more: object = {}) =>
  hub.api('PUT', `/roles/${name}`, {
    kind: 'role',
    version: 'v1',
    metadata: { name },
    spec: { allow: { ...(admin.length > 0 && { admin }), ...more } },
  })
const every = { kinds: ['invitation'], verbs: ['list', 'create', 'delete'] }
for (const name of ['team', 'guests']) await putRole(name, [], { app_labels: { team: name } })
await putRole('desk', [{ kinds: ['lock'], verbs: ['*'] }])

const invite = (name: string, roles: readonly string[] = ['team'], more: object = {}) =>
  hub.api<Invited>('POST', '/invitations', { name, roles, ...more })
const tokenIn = ({ link }: Pick<Invited, 'link'>) => link.split('#')[1] ?? ''
const stateOf = async (id: string) =>
  (await hub.api<Invited[]>('GET', '/invitations')).find((one) => one.id === id)?.state ?? 'none'
const exists = async (name: string) =>
  (await hub.api<unknown[]>('GET', `/users?name=${encodeURIComponent(name)}`)).length === 1

/** Somebody who has the link. */
const guest = (name: string): Holder => ({ name, visitor: hub.visitor(), key: new FakeAuthenticator(origin) })
const look = ({ visitor }: Holder, token: string) => post(visitor, '/web/invitation/look', { token })
const begin = ({ visitor }: Holder, token: string) => post(visitor, '/web/invitation/begin', { token })
const finish = ({ visitor, key }: Holder, token: string, { ceremony, options }: Said) =>
  post(visitor, '/web/invitation/finish', { token, name: 'Key', ceremony, response: key.create(options) })
async function accept(who: Holder, token: string): Promise<Said> {
  const asked = await begin(who, token)
  return asked.status === 200 ? finish(who, token, asked) : asked
}

/** Calls of the API by a person in a browser. */
async function call({ visitor }: Holder, method: string, path: string, body?: object) {
  const [, token] = /__Host-mezite_session=([\w-]+)/.exec(visitor.cookies(new URL(hub.url).host) ?? '') ?? []
  const { status, text } = await hub.visitor().fetch(`${hub.url}/v1/webapi${path}`, {
    method,
    headers: {
      ...{ accept: 'application/json', authorization: `Bearer ${token}` },
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
  })
  const value = text === '' ? {} : JSON.parse(text)
  return { status, code: value.code as string | undefined, value }
}
/** The same refusal for each reason, which says nothing about accounts and administrators. */
const refused = (t: Test, said: Said, why: string) =>
  t.match(said, { status: 400, code: 'link_refused', detail: /^This invitation does not work any more/ }, why)
async function later(ms: number): Promise<void> {
  clock.advance(ms)
  await hub.ready()
}

t.test('an invited person creates a passkey, is signed in, and signs in with it again', async (t) => {
  const made = await invite('Erin@Example.com', ['team', 'guests', 'team'])
  t.match(made, { name: 'Erin@Example.com', roles: ['guests', 'team'], state: 'open' })
  t.match(made.link, new RegExp(`^${origin}/web/invitation#[\\w-]{43}$`))
  t.equal(Date.parse(made.expires) - clock.now(), 3 * DAY_MS)
  t.notOk(await exists('erin@example.com'), 'there is no account before the passkey')
  const erin = guest('erin@example.com')
  for (let time = 0; time < 3; time++) {
    const page = await hub.visitor().open(made.link.split('#')[0]!)
    t.match(page, { status: 200, text: /data-at="\/web\/invitation"/ })
    t.notMatch(page.text, /erin/i, 'the page without its token knows nobody')
  }
  t.match(await look(erin, tokenIn(made)), { status: 200, user: 'Erin@Example.com' })
  const begun = await begin(erin, tokenIn(made))
  t.equal(await stateOf(made.id), 'open', 'opening and beginning use nothing up')
  t.equal((await finish(erin, tokenIn(made), begun)).status, 303)
  t.match(await call(erin, 'GET', '/me'), {
    status: 200,
    value: { user: 'Erin@Example.com', roles: ['guests', 'team'] },
  })
  const again = { ...erin, visitor: hub.visitor() }
  t.equal((await signIn(again)).status, 303)
  refused(t, await accept(guest('erin@example.com'), tokenIn(made)), 'used')
  t.equal(await stateOf(made.id), 'none')
  const events = await hub.api<Record<string, unknown>[]>('GET', '/audit?limit=1000')
  const about = (type: string) => events.filter((one) => one.type === type && one.name === 'Erin@Example.com')
  t.match(about('invitation.created'), [
    { user: 'operator@socket', invitation: made.id, assigned_roles: 'guests,team' },
  ])
  t.match(about('invitation.used'), [
    { user: 'Erin@Example.com', invitation: made.id, inviter: 'operator@socket' },
  ])
  t.match(about('user.created'), [{ user: 'operator@socket' }])
  t.match(about('mfa.enrolled'), [{ user: 'Erin@Example.com', via: 'invitation' }])
  const told = JSON.stringify([events, await hub.api('GET', '/invitations'), hub.log])
  t.notMatch(told, tokenIn(made), 'the token is in no record, list or log')
})

t.test('D66 of five uses at once one makes an account', async (t) => {
  const made = await invite('finn')
  const guests = Array.from({ length: 5 }, () => guest('finn'))
  const begun = await Promise.all(guests.map((one) => begin(one, tokenIn(made))))
  const all = await Promise.all(guests.map((one, at) => finish(one, tokenIn(made), begun[at]!)))
  t.same(all.map(({ status }) => status).sort(), [303, 400, 400, 400, 400])
  for (const one of all.filter(({ status }) => status === 400)) refused(t, one, 'another was first')
  const keys = await hub.api<{ kind: string }[]>('GET', '/users/finn/mfa')
  t.equal(keys.filter(({ kind }) => kind === 'key').length, 1)
})

t.test('D57 a challenge of one invitation is not for another', async (t) => {
  const [one, other] = [await invite('gus'), await invite('hanna')]
  const gus = guest('gus')
  t.match(await finish(gus, tokenIn(other), await begin(gus, tokenIn(one))), { code: 'challenge_foreign' })
  t.notOk(await exists('hanna'))
  const enrolment = await hub.api<{ link: string }>('POST', '/users/finn/mfa', { type: 'webauthn' })
  refused(t, await look(gus, tokenIn(enrolment)), 'a link for a passkey is no invitation')
  t.match(await post(gus.visitor, '/web/enrol/look', { token: tokenIn(one) }), { code: 'link_refused' })
  t.match(
    await post(gus.visitor, '/web/invitation/look', { token: tokenIn(one) }, { origin: hub.appUrl('x') }),
    {
      status: 403,
      code: 'csrf',
    },
  )
})

t.test('an invitation ends with its time, and when it is removed', async (t) => {
  const ivy = guest('ivy')
  const [late, removed] = [await invite('ivy', ['team'], { ttl_seconds: 3_600 }), await invite('ivy')]
  const begun = await begin(ivy, tokenIn(removed))
  t.match(await hub.api('DELETE', `/invitations/${removed.id}`), { removed: true })
  refused(t, await finish(ivy, tokenIn(removed), begun), 'removed after the page was open')
  await t.rejects(hub.api('DELETE', `/invitations/${removed.id}`), { code: 'invitation_not_found' })
  await t.rejects(hub.api('DELETE', '/invitations/nothing'), { code: 'invitation_not_found' })
  t.equal((await look(ivy, tokenIn(late))).status, 200)
  await later(3_600_000)
  refused(t, await accept(ivy, tokenIn(late)), 'an hour has passed')
  t.equal(await stateOf(late.id), 'none')
  refused(t, await accept(ivy, tokenIn(late).slice(0, 40)), 'cut off when it was copied')
  refused(t, await accept(ivy, `${tokenIn(late).slice(0, 42)}!`), 'not a token')
  for (const ttl_seconds of [0, 299, 31 * 86_400])
    await t.rejects(invite('ivy', ['team'], { ttl_seconds }), { code: 'invalid_request' })
})

t.test('an invitation never takes over an account that exists, also one made after the link', async (t) => {
  await t.rejects(invite('FINN'), { status: 409, code: 'user_exists' })
  const [byHand, twice, other] = [await invite('jo'), await invite('kim'), await invite('KIM')]
  const jo = guest('jo')
  const begun = await begin(jo, tokenIn(byHand))
  await hub.api('POST', '/users', { name: 'Jo', roles: ['admin'] })
  refused(t, await finish(jo, tokenIn(byHand), begun), 'somebody made the account')
  t.equal(await stateOf(byHand.id), 'name_taken')
  t.same((await hub.api<unknown[]>('GET', '/users/jo/mfa')).length, 0)
  t.equal((await accept(guest('kim'), tokenIn(twice))).status, 303)
  refused(t, await accept(guest('kim'), tokenIn(other)), 'another invitation was first')
  for (const name of ['', ' x', 'a,b', 'token:x', 'operator@socket', 'x\u202e'])
    await t.rejects(invite(name), { code: 'user_name_invalid' }, JSON.stringify(name))
})

t.test('a right says into which roles a person may invite', async (t) => {
  await putRole('inviter', [{ ...every, where: { labels: { role: ['team', 'guests'] } } }])
  await putRole('team-inviter', [
    { ...every, where: { labels: { role: 'team', inviter: '{{user.name}}', domain: 'example.com' } } },
  ])
  const [ann, ben, cleo] = [
    await person('ann', ['inviter']),
    await person('ben', ['team-inviter']),
    await person('cleo', ['team']),
  ]
  const ask = (who: Holder, name: string, roles: readonly string[]) =>
    call(who, 'POST', '/invitations', { name, roles })
  t.match(await ask(cleo, 'lou', ['team']), { status: 403, code: 'access_denied' })
  t.match(await call(cleo, 'GET', '/invitations'), { status: 403, code: 'access_denied' })
  const lou = await ask(ann, 'lou', ['team', 'guests'])
  t.match(lou, { status: 201, value: { roles: ['guests', 'team'], inviter: 'ann' } })
  for (const roles of [['admin'], ['desk'], ['team', 'strict'], ['access'], ['nothing-here']])
    t.match(await ask(ann, 'mia', roles), { status: 403, code: 'access_denied' }, roles.join())
  t.match(await ask(ann, 'mia', []), { code: 'invalid_request' })
  const ned = await ask(ben, 'ned@Example.com', ['team'])
  t.equal(ned.status, 201)
  for (const [name, roles] of [
    ['ned@example.com', ['guests']],
    ['ned@elsewhere.test', ['team']],
    ['ned@example.com@elsewhere.test', ['team']],
    ['ned', ['team']],
  ] as const)
    t.match(await ask(ben, name, roles), { status: 403, code: 'access_denied' }, name)
  const listOf = async (who: Holder) => (await call(who, 'GET', '/invitations')).value as Invited[]
  t.same(
    (await listOf(ben)).map(({ name }) => name),
    ['ned@Example.com'],
    'a list has what one may list',
  )
  t.match(await call(ben, 'DELETE', `/invitations/${lou.value.id}`), {
    status: 404,
    code: 'invitation_not_found',
  })
  t.ok((await listOf(ann)).some(({ name }) => name === 'lou'))
  t.match(await call(ben, 'DELETE', `/invitations/${ned.value.id}`), { status: 200 })
  t.notMatch(JSON.stringify(await listOf(ann)), /link/, 'a link is shown once')
  t.equal((await accept(guest('lou'), tokenIn(lou.value))).status, 303)
  const [made] = (
    await hub.api<Record<string, unknown>[]>('GET', '/audit?type=user.created&limit=1000')
  ).filter(({ name }) => name === 'lou')
  t.match(made, { user: 'ann', right: 'invitation.create', right_role: 'inviter' })
})

t.test(
  'nobody invites into more rights than their own, when the link is made and when it is used',
  async (t) => {
    await putRole('wide', [every])
    await putRole('wide-desk', [every, { kinds: ['lock'], verbs: ['*'] }])
    const [wide, desk] = [await person('wilma', ['wide']), await person('dirk', ['wide-desk'])]
    const ask = (who: Holder, name: string, roles: readonly string[]) =>
      call(who, 'POST', '/invitations', { name, roles })
    for (const role of ['admin', 'desk', 'auditor'])
      t.match(await ask(wide, 'pia', [role]), { status: 403, code: 'roles_exceed_own' }, role)
    t.match(await ask(wide, 'pia', ['nothing-here']), { status: 400, code: 'invited_role_unknown' })
    const [raised, lowered] = [await ask(wide, 'pia', ['team']), await ask(desk, 'quin', ['desk'])]
    t.same([raised.status, lowered.status], [201, 201])
    const [pia, quin] = [guest('pia'), guest('quin')]
    const begun = [await begin(pia, tokenIn(raised.value)), await begin(quin, tokenIn(lowered.value))]
    await putRole('team', [{ kinds: ['app'], verbs: ['*'] }])
    await hub.api('PATCH', '/users/dirk', { roles: ['wide'] })
    refused(
      t,
      await finish(pia, tokenIn(raised.value), begun[0]!),
      'the role gives more than when it was made',
    )
    refused(t, await finish(quin, tokenIn(lowered.value), begun[1]!), 'who invited has less')
    t.same([await stateOf(raised.value.id), await stateOf(lowered.value.id)], ['right_lost', 'right_lost'])
    t.notOk((await exists('pia')) || (await exists('quin')))
    await putRole('team', [], { app_labels: { team: 'team' } })
    t.equal((await accept(pia, tokenIn(raised.value))).status, 303, 'it works again with the right')
  },
)

t.test('a link is dead without who has made it', async (t) => {
  await putRole('inviter', [{ ...every, where: { labels: { role: ['team', 'guests'] } } }])
  const ways: readonly [string, string, (name: string) => Promise<unknown>, boolean][] = [
    ['locked', 'inviter_locked', (user) => hub.api('POST', '/locks', { target: { user } }), true],
    ['role-lost', 'right_lost', (name) => hub.api('PATCH', `/users/${name}`, { roles: ['team'] }), true],
    ['removed', 'inviter_gone', (name) => hub.api('DELETE', `/users/${name}`), true],
    ['relinked', 'inviter_gone', (name) => hub.api('POST', `/users/${name}/relink`), true],
    [
      'replaced',
      'inviter_gone',
      async (name) => {
        await hub.api('DELETE', `/users/${name}`)
        await person(name, ['inviter'])
      },
      true,
    ],
    ['alive', 'open', async () => {}, false],
  ]
  for (const [name, state, end, isDead] of ways) {
    const inviter = await person(`inviter-${name}`, ['inviter'])
    const { status, value } = await call(inviter, 'POST', '/invitations', {
      name: `by-${name}`,
      roles: ['team'],
    })
    t.equal(status, 201)
    const who = guest(`by-${name}`)
    const begun = await begin(who, tokenIn(value))
    await end(inviter.name)
    t.equal(await stateOf(value.id), state, name)
    const done = await finish(who, tokenIn(value), begun)
    if (isDead) refused(t, done, name)
    else t.equal(done.status, 303)
    t.equal(await exists(who.name), !isDead)
  }
  const denied = await person('dina', ['inviter'])
  const { value } = await call(denied, 'POST', '/invitations', { name: 'by-denied', roles: ['team'] })
  await hub.api('PUT', '/roles/inviter', {
    ...{ kind: 'role', version: 'v1', metadata: { name: 'inviter' } },
    spec: { allow: { admin: [every] }, deny: { admin: [{ kinds: ['invitation'], verbs: ['create'] }] } },
  })
  refused(t, await accept(guest('by-denied'), tokenIn(value)), 'a rule denies it')
})

t.test(
  'a role that is gone makes the link dead, and does not wait for somebody to make it again',
  async (t) => {
    await t.rejects(invite('rosa', ['nothing-here']), { status: 400, code: 'invited_role_unknown' })
    await putRole('short', [])
    const made = await invite('rosa', ['team', 'short'])
    await hub.api('DELETE', '/roles/short')
    t.equal(await stateOf(made.id), 'role_gone')
    refused(t, await accept(guest('rosa'), tokenIn(made)), 'the role is gone')
    t.notOk(await exists('rosa'))
  },
)

t.test('mezctl invites, lists and removes, and says which role does not exist', async (t) => {
  const run = (...argv: string[]) => runMezctl([...argv, '--data-dir', hub.dataDir], {})
  const said = await run('users', 'invite', 'tess@example.com', '--roles', 'team,guests', '--expires', '2h')
  t.match(
    said.out,
    /^Invited tess@example\.com with roles guests, team\.\nLink: https:\S+#[\w-]{43}\n.*works once/,
  )
  const [listed] = JSON.parse((await run('invitations', 'ls', '--q', 'tess', '--json')).out) as Invited[]
  t.match(listed, { name: 'tess@example.com', state: 'open', link: undefined })
  t.equal(Date.parse(listed?.expires ?? '') - clock.now() > 7_000_000, true)
  t.match(await run('invitations', 'rm', listed?.id ?? '', '--yes'), { code: 0, out: /^Removed invitation / })
  t.notMatch((await run('invitations', 'ls')).out, /tess/)
  const unknown = await run('users', 'invite', 'tess', '--roles', 'taem')
  t.match(unknown, { code: 1, err: /There is no role taem/ })
  t.match(await run('users', 'invite', 'tess', '--roles', ''), { code: 2 })
  t.match(await run('users', 'invite', 'tess', '--roles', 'team', '--expires', '31d'), { code: 2 })
})

t.test('a program invites nobody: there would be no rights to ask for later', async (t) => {
  const { token } = await hub.api<{ token: string }>('POST', '/api-tokens', {
    name: 'deploy',
    roles: ['admin'],
  })
  const { status, text } = await hub.visitor().fetch(`${hub.url}/v1/webapi/invitations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'sam', roles: ['team'] }),
  })
  t.match([status, JSON.parse(text)], [403, { code: 'inviter_not_person' }])
})
