// together: programs
/** A path that needs a fresh passkey, asked for by a program: it learns what is missing, and its person confirms for it. */
import { FakeAuthenticator } from '@mezite/core/testing'
import t from 'tap'
import { authorize, startWorld } from '../authorization-server/world.ts'
import { keysOf } from '../webauthn/key-hub.ts'

const world = await startWorld(t, {
  roles: {
    dev: {
      allow: {
        app_labels: { env: 'test' },
        app_rules: [
          { name: 'read', methods: ['GET'], paths: ['/**'] },
          { name: 'admin', methods: ['*'], paths: ['/admin/**'], require: { confirm_within: '5m' } },
        ],
      },
    },
  },
})
const { hub, person, resource, received } = world
const keys = await keysOf(hub)
person('dora', 'dev')
const visitor = hub.visitor()
const { access_token } = await authorize(hub, visitor, await world.client(), resource('one'))
const ask = async (method: string, path: string) => {
  const headers = { accept: 'application/json', authorization: `Bearer ${access_token}` }
  const {
    status,
    text,
    headers: lines,
  } = await hub.visitor().fetch(hub.appUrl('one') + path, { method, headers })
  const body = text.startsWith('{') ? (JSON.parse(text) as { code?: string; challenge_url?: string }) : {}
  return { status, ...body, challenge: lines['www-authenticate'] }
}

t.test('a program gets what its token allows, and RFC 9470 where the sign-in is too old', async (t) => {
  t.equal((await ask('GET', '/a')).status, 200)
  t.match(await ask('DELETE', '/a'), { status: 403, code: 'request_not_allowed' })
  const before = received.length
  const metadata = `${hub.appUrl('one')}/.well-known/oauth-protected-resource`
  const refused = await ask('DELETE', '/admin/users')
  t.match(refused, { status: 401, code: 'confirmation_required' })
  t.equal(
    refused.challenge,
    `Bearer error="insufficient_user_authentication", max_age="300", resource_metadata="${metadata}", scope="app"`,
  )
  t.equal(received.length, before, 'the app got nothing')
})

t.test('the person confirms on the page that the refusal names, and the same token goes on', async (t) => {
  const page = new URL((await ask('DELETE', '/admin/users')).challenge_url ?? '')
  t.equal(page.origin + page.pathname, `${hub.signInUrl}/web/confirm`)
  const key = new FakeAuthenticator(keys.origin)
  const holder = { name: 'dora@example.com', visitor, key }
  t.match(await keys.enrol(holder, await keys.link(holder.name)), { status: 200 })
  const named = { session: page.searchParams.get('session'), app: page.searchParams.get('app') }
  const stranger = await keys.post(hub.visitor(), '/web/confirm/begin', named)
  t.equal(stranger.status, 401, 'nobody else can confirm')
  const begun = await keys.post(visitor, '/web/confirm/begin', named)
  const response = key.get(begun.options)
  const done = await keys.post(visitor, '/web/confirm/finish', {
    ...named,
    port: '',
    ceremony: begun.ceremony,
    response,
  })
  t.equal(done.status, 200)
  t.match(await ask('DELETE', '/admin/users'), { status: 200 })
  t.match(await ask('DELETE', '/a'), { status: 403 }, 'a denial is not confirmed away')
})
