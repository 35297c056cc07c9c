/** Apps with an OpenID client of their own: openid-client as the app, and the hub as its provider. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Visitor } from '@mezite/core/testing'
import { createRemoteJWKSet, customFetch as customJwksFetch, decodeJwt, jwtVerify } from 'jose'
import * as openid from 'openid-client'
import t from 'tap'
import { loopbackFetch } from '../../../examples/cluster/loopback-fetch.ts'
import { follow, startWorld } from './world.ts'

const CALLBACK = 'https://one.example.com/login/callback'
const told: string[] = []
let failing = 1
const listener = createServer((request, response) => {
  let body = ''
  request.on('data', (chunk) => {
    body += chunk
  })
  request.on('end', () => {
    if (failing-- > 0) return void response.writeHead(503).end()
    told.push(new URLSearchParams(body).get('logout_token') ?? '')
    response.end()
  })
})
await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
t.teardown(() => listener.close())
const logout_uri = `http://127.0.0.1:${(listener.address() as AddressInfo).port}/logout`

const world = await startWorld({
  roles: { ones: { allow: { app_labels: { env: 'test' } } } },
})
const { hub, person } = world
const fetch = loopbackFetch(hub.ca)
interface Client {
  readonly client_id: string
  readonly client_secret: string
  readonly issuer: string
}
const made = await hub.api<Client>('PUT', '/app-clients/one', { redirect_uris: [CALLBACK], logout_uri })

async function relyingParty(secret = made.client_secret) {
  return openid.discovery(new URL(made.issuer), made.client_id, undefined, openid.ClientSecretBasic(secret), {
    [openid.customFetch]: fetch as never,
  })
}

/** Signs in at the app: the browser never stops at a page of the hub, once it is signed in there. */
async function signIn(visitor: Visitor, config: openid.Configuration, more: object = {}) {
  const verifier = openid.randomPKCECodeVerifier()
  const [state, nonce] = [openid.randomState(), openid.randomNonce()]
  const url = openid.buildAuthorizationUrl(config, {
    ...{ redirect_uri: CALLBACK, scope: 'openid profile email groups', state, nonce },
    ...{ code_challenge: await openid.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' },
    ...more,
  })
  const target = await follow(visitor, url.href, new URL(CALLBACK).origin)
  if (!(target instanceof URL)) return target
  return openid.authorizationCodeGrant(config, target, {
    ...{ pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true },
  })
}

t.test('an app signs people in without a second prompt, with claims of the hub', async (t) => {
  person('alice', 'ones')
  const config = await relyingParty()
  const tokens = await signIn(hub.visitor(), config)
  if (!('claims' in tokens)) throw new Error(tokens.text)
  t.match(tokens.claims(), {
    ...{ sub: 'alice@example.com', email: 'alice@example.com', preferred_username: 'alice@example.com' },
    groups: ['ones'],
  })
  const info = await openid.fetchUserInfo(config, tokens.access_token, 'alice@example.com')
  t.strictSame(info.groups, ['ones'])
  const opened = await hub.visitor().fetch(hub.appUrl('one'), {
    headers: { authorization: `Bearer ${tokens.access_token}`, accept: 'application/json' },
  })
  t.equal(opened.status, 401, 'the token of an app opens no app')
})

t.test('the gate decides at each sign-in: who may not reach the app gets no code', async (t) => {
  person('gina', 'guests')
  const gina = hub.visitor()
  const config = await relyingParty()
  t.match(await signIn(gina, config), { status: 403 })
  person('hank', 'ones')
  const hank = hub.visitor()
  t.ok('claims' in (await signIn(hank, config)))
  t.ok('claims' in (await signIn(hank, config)), 'again, with the consent of before')
  const lock = await hub.api<{ id: string }>('POST', '/locks', { target: { user: 'hank@example.com' } })
  t.notOk('claims' in (await signIn(hank, config)))
  await hub.api('DELETE', `/locks/${lock.id}`)
})

t.test('the client of an app gets no token for other apps, and needs its secret', async (t) => {
  person('ivan', 'ones')
  const ivan = hub.visitor()
  const config = await relyingParty()
  const other = await follow(
    ivan,
    openid.buildAuthorizationUrl(config, {
      ...{ redirect_uri: CALLBACK, scope: 'app', resource: `${hub.appUrl('two')}/` },
    }).href,
    new URL(CALLBACK).origin,
  )
  t.match(String(other), /error=invalid_target/)
  await t.rejects(signIn(ivan, await relyingParty('wrong')), { status: 401 } as never)
  const again = await hub.api<Client>('PUT', '/app-clients/one', { rotate_secret: true })
  await t.rejects(signIn(ivan, config), { status: 401 } as never, 'the former secret')
  t.ok('claims' in (await signIn(ivan, await relyingParty(again.client_secret))))
  const shown = await hub.api<Client>('GET', '/app-clients/one')
  t.equal(shown.client_secret, null)
  const events = JSON.stringify(await hub.api('GET', '/audit'))
  t.match(events, 'client.registered')
  t.notOk(events.includes(again.client_secret))
  Object.assign(made, { client_secret: again.client_secret })
  await t.rejects(hub.api('PUT', '/app-clients/two', {}), { code: 'redirect_uri_missing' })
  for (const uri of ['http://example.com/cb', 'javascript:x', 'https://a@b/', 'https://a/#x'])
    await t.rejects(
      hub.api('PUT', '/app-clients/two', { redirect_uris: [uri] }),
      { code: 'uri_invalid' },
      uri,
    )
})

t.test('S211 when a sign-in ends, the app is told with a signed token, at least once', async (t) => {
  person('judy', 'ones')
  const judy = hub.visitor()
  const config = await relyingParty()
  const tokens = await signIn(judy, config, {})
  if (!('claims' in tokens)) throw new Error(tokens.text)
  const { sid } = decodeJwt(tokens.id_token ?? '')
  const page = await judy.open(`${hub.signInUrl}/web/account`)
  await judy.submit(page, /\/web\/logout/)
  const deadline = Date.now() + 60_000
  while (told.length === 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 50))
  const keys = createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri ?? ''), {
    [customJwksFetch]: fetch,
  })
  const { payload, protectedHeader } = await jwtVerify(told[0] ?? '', keys, {
    ...{ issuer: made.issuer, audience: made.client_id, typ: 'logout+jwt' },
  })
  t.match(payload, { sid, events: { 'http://schemas.openid.net/event/backchannel-logout': {} } })
  t.equal(protectedHeader.alg, 'RS256')
  await t.rejects(openid.fetchUserInfo(config, tokens.access_token, 'judy@example.com'))
  await t.rejects(openid.refreshTokenGrant(config, tokens.refresh_token ?? ''), {
    error: 'invalid_grant',
  } as never)
})

t.test('what is removed ends: the client of an app', async (t) => {
  person('kate', 'ones')
  const kate = hub.visitor()
  const config = await relyingParty()
  const tokens = await signIn(kate, config)
  if (!('claims' in tokens)) throw new Error(tokens.text)
  await hub.api('DELETE', '/app-clients/one')
  await t.rejects(openid.fetchUserInfo(config, tokens.access_token, 'kate@example.com'))
  await t.rejects(hub.api('GET', '/app-clients/one'), { code: 'app_client_not_found' })
  t.match(await signIn(kate, config), { status: 400 })
})
