// together: plugin-hubs
/** A link that adds a passkey is worth as much as who made it could do by hand at the moment when it is used. */
import { FakeAuthenticator } from '@mezite/core/testing'
import t, { type Test } from 'tap'
import { type Holder, type Said, startKeyHub } from './key-hub.ts'

t.setTimeout(120_000)

const { hub, clock, origin, person, post, link, enrol } = await startKeyHub()
t.teardown(() => hub.stop())

const putRole = (name: string, admin: object[]) =>
  hub.api('PUT', `/roles/${name}`, {
    ...{ kind: 'role', version: 'v1', metadata: { name } },
    spec: { allow: admin.length > 0 ? { admin } : { app_labels: { team: name } } },
  })
const makesLinks = { kinds: ['passkey'], verbs: ['*'] }
await putRole('desk', [makesLinks])
for (const name of ['team', 'guests']) await putRole(name, [])

/** A call of the API with a bearer token. */
async function callWith(token: string, method: string, path: string, body: object) {
  const { status, text } = await hub.visitor().fetch(`${hub.url}/v1/webapi${path}`, {
    method,
    headers: {
      accept: 'application/json',
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify(body),
  })
  const value = JSON.parse(text) as { code?: string; link?: string }
  return { status, code: value.code, token: value.link?.split('#')[1] ?? '' }
}
const SIGN_IN = { type: 'webauthn', sign_in: true }
/** The link that a person in a browser makes for somebody. */
function linkBy({ visitor }: Holder, name: string) {
  const [, session = ''] =
    /__Host-mezite_session=([\w-]+)/.exec(visitor.cookies(new URL(hub.url).host) ?? '') ?? []
  return callWith(session, 'POST', `/users/${name}/mfa`, SIGN_IN)
}

/** Somebody who has an account, and got the link of another. */
async function guest(name: string, roles: readonly string[] = ['team']): Promise<Holder> {
  // Attempts of an address are counted by the minute.
  clock.advance(60_000)
  await hub.ready()
  await hub.api('POST', '/users', { name, roles })
  return { name, visitor: hub.visitor(), key: new FakeAuthenticator(origin) }
}
const begin = ({ visitor }: Holder, token: string) => post(visitor, '/web/enrol/begin', { token })
const finish = ({ visitor, key }: Holder, token: string, { ceremony, options }: Said) =>
  post(visitor, '/web/enrol/finish', { token, name: 'Key', ceremony, response: key.create(options) })
/** The same refusal for each reason, which says nothing about accounts and administrators. */
const refused = (t: Test, said: Said, why: string) =>
  t.match(said, { status: 400, code: 'link_refused', detail: /^This link was used, has expired/ }, why)
const keysOf = async (name: string) =>
  (await hub.api<{ kind: string }[]>('GET', `/users/${name}/mfa`)).filter(({ kind }) => kind === 'key').length

t.test(
  'a link for somebody who has become an administrator meanwhile adds no passkey and signs nobody in',
  async (t) => {
    const desk = await person('dora', ['desk'])
    const ways: readonly [string, (name: string) => Promise<unknown>][] = [
      ['admin', (name) => hub.api('PATCH', `/users/${name}`, { roles: ['team', 'admin'] })],
      ['auditor', (name) => hub.api('PATCH', `/users/${name}`, { roles: ['auditor'] })],
      ['role', () => putRole('guests', [{ kinds: ['app'], verbs: ['list'] }])],
    ]
    for (const [way, raise] of ways) {
      const erin = await guest(`erin-${way}`, [way === 'role' ? 'guests' : 'team'])
      const made = await linkBy(desk, erin.name)
      t.equal(made.status, 201, way)
      const begun = await begin(erin, made.token)
      t.equal(begun.status, 200, way)
      await raise(erin.name)
      refused(t, await post(erin.visitor, '/web/enrol/look', { token: made.token }), `${way}: look`)
      refused(t, await begin(erin, made.token), `${way}: begin`)
      refused(t, await finish(erin, made.token, begun), `${way}: finish`)
      t.equal(await keysOf(erin.name), 0, way)
      const me = await erin.visitor.fetch(`${origin}/v1/webapi/me`)
      t.equal(me.status, 401, way)
    }
    await putRole('guests', [])
    const fine = await guest('fay', ['guests'])
    t.equal((await enrol(fine, (await linkBy(desk, 'fay')).token)).status, 303, 'a person without rights')
  },
)

t.test('a link is dead without who has made it', async (t) => {
  const ways: readonly [string, (name: string) => Promise<unknown>, boolean][] = [
    ['locked', (user) => hub.api('POST', '/locks', { target: { user } }), true],
    ['role-lost', (name) => hub.api('PATCH', `/users/${name}`, { roles: ['team'] }), true],
    ['removed', (name) => hub.api('DELETE', `/users/${name}`), true],
    ['relinked', (name) => hub.api('POST', `/users/${name}/relink`), true],
    [
      'replaced',
      async (name) => {
        await hub.api('DELETE', `/users/${name}`)
        await person(name, ['desk'])
      },
      true,
    ],
    ['alive', async () => {}, false],
  ]
  for (const [way, end, isDead] of ways) {
    const maker = await person(`maker-${way}`, ['desk'])
    const who = await guest(`by-${way}`)
    const { status, token } = await linkBy(maker, who.name)
    t.equal(status, 201, way)
    const begun = await begin(who, token)
    await end(maker.name)
    const done = await finish(who, token, begun)
    if (isDead) refused(t, done, way)
    else t.equal(done.status, 303, way)
    t.equal(await keysOf(who.name), isDead ? 0 : 1, way)
  }
})

t.test('a program makes links only for people without rights of administration', async (t) => {
  const { token } = await hub.api<{ token: string }>('POST', '/api-tokens', {
    name: 'deploy',
    roles: ['admin'],
  })
  const ask = (name: string) => callWith(token, 'POST', `/users/${name}/mfa`, SIGN_IN)
  const [gus, hana] = [await guest('gus'), await guest('hana')]
  await guest('boss', ['auditor'])
  t.match(await ask('boss'), { status: 403, code: 'link_for_administrator' })
  t.equal((await enrol(gus, (await ask('gus')).token)).status, 303)
  const made = await ask('hana')
  await hub.api('PATCH', '/users/hana', { roles: ['team', 'auditor'] })
  refused(t, await enrol(hana, made.token), 'she has rights now')
})

t.test('a link of the operator on the machine of the hub works for an administrator too', async (t) => {
  const ivy = await guest('ivy', ['admin'])
  t.equal((await enrol(ivy, await link('ivy', { sign_in: true }))).status, 303)
})
