// together: programs
/** openid-client as an app that signs people in through the hub, and as a mobile app that acts for a person. */
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Visitor } from '@mezite/core/testing'
import { createRemoteJWKSet, customFetch as customJwksFetch, decodeJwt, jwtVerify } from 'jose'
import * as openid from 'openid-client'
import t from 'tap'
import { loopbackFetch } from '../../../examples/cluster/loopback-fetch.ts'
import { settingsOf } from '../../../plugins/authorization-server/commands/app-settings.ts'
import { runLines } from '../../oclif-cli/run-program.ts'
import { until } from '../../until.ts'
import { allow, follow, startWorld } from './world.ts'

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

const world = await startWorld(t, {
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
    redirect_uri: CALLBACK,
    scope: 'openid profile email groups',
    state,
    nonce,
    code_challenge: await openid.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...more,
  })
  const back = url.searchParams.get('redirect_uri') ?? CALLBACK
  const target = await follow(visitor, url.href, new URL(back).origin)
  if (!(target instanceof URL)) return target
  return openid.authorizationCodeGrant(config, target, {
    pkceCodeVerifier: verifier,
    expectedState: state,
    expectedNonce: nonce,
    idTokenExpected: true,
  })
}

t.test('an app signs people in without a second prompt, with claims of the hub', async (t) => {
  person('alice', 'ones')
  const config = await relyingParty()
  const tokens = await signIn(hub.visitor(), config)
  if (!('claims' in tokens)) throw new Error(tokens.text)
  t.match(tokens.claims(), {
    sub: /^[\w-]{43}$/,
    email: 'alice@example.com',
    preferred_username: 'alice@example.com',
    groups: ['ones'],
  })
  const info = await openid.fetchUserInfo(config, tokens.access_token, tokens.claims()!.sub)
  t.strictSame(info.groups, ['ones'])
  const opened = await hub.visitor().fetch(hub.appUrl('one'), {
    headers: { authorization: `Bearer ${tokens.access_token}`, accept: 'application/json' },
  })
  t.equal(opened.status, 401, 'the token of an app opens no app')
})

t.test('the gate decides at each sign-in, and a person without access gets no code', async (t) => {
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
      redirect_uri: CALLBACK,
      scope: 'app',
      resource: `${hub.appUrl('two')}/`,
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

t.test('S211 the end of a sign-in is sent to the app in a signed token, at least once', async (t) => {
  person('judy', 'ones')
  const judy = hub.visitor()
  const config = await relyingParty()
  const tokens = await signIn(judy, config, {})
  if (!('claims' in tokens)) throw new Error(tokens.text)
  const { sid, sub = '' } = decodeJwt(tokens.id_token ?? '')
  const page = await judy.open(`${hub.signInUrl}/web/account`)
  await judy.submit(page, /\/web\/logout/)
  const deadline = Date.now() + 60_000
  while (told.length === 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 50))
  const keys = createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri ?? ''), {
    [customJwksFetch]: fetch,
  })
  const { payload, protectedHeader } = await jwtVerify(told[0] ?? '', keys, {
    issuer: made.issuer,
    audience: made.client_id,
    typ: 'logout+jwt',
  })
  t.match(payload, { sid, events: { 'http://schemas.openid.net/event/backchannel-logout': {} } })
  t.equal(protectedHeader.alg, 'RS256')
  t.match(payload, { sub, jti: /./, iat: Number })
  t.equal(payload.nonce, undefined, 'it must not pass as an ID token')
  await t.rejects(openid.fetchUserInfo(config, tokens.access_token, sub))
  await t.rejects(openid.refreshTokenGrant(config, tokens.refresh_token ?? ''), {
    error: 'invalid_grant',
  } as never)
})

const HUB_COOKIE = '__Host-mezite_session'

/** A browser that has the cookies of one visitor, but the hub session of another. */
class Swapped extends Visitor {
  readonly #first: Visitor
  readonly #second: Visitor

  constructor(first: Visitor, second: Visitor) {
    super(hub.ca)
    this.#first = first
    this.#second = second
  }

  override cookies(host: string): string {
    const pairsOf = (text = '') =>
      text.split('; ').map((pair) => [pair.split('=', 1)[0] as string, pair] as const)
    const jar = new Map([...pairsOf(this.#first.cookies(host)), ...pairsOf(super.cookies(host))])
    for (const [name, pair] of pairsOf(this.#second.cookies(host)))
      if (name === HUB_COOKIE) jar.set(name, pair)
    return [...jar.values()].filter(Boolean).join('; ')
  }
}

t.test('a session of the library is not found beside another hub session', async (t) => {
  const config = await relyingParty()
  const claimsOf = async (visitor: Visitor) => {
    const tokens = await signIn(visitor, config)
    if (!('claims' in tokens)) throw new Error(String(tokens.text))
    const { sub, sid, preferred_username: name } = tokens.claims() as Record<string, string>
    return { sub, sid, name }
  }
  person('lea', 'ones')
  const [lea, again] = [hub.visitor(), hub.visitor()]
  const [first, own] = [await claimsOf(lea), await claimsOf(again)]
  t.not(first.sid, own.sid)
  person('max', 'ones')
  const max = hub.visitor()
  await claimsOf(max)
  t.equal((await claimsOf(lea)).sid, first.sid, 'beside its own one it is')
  t.match(await claimsOf(new Swapped(lea, max)), { name: 'max@example.com' })
  const beside = await claimsOf(new Swapped(lea, again))
  t.equal(beside.sub, first.sub)
  t.not(beside.sid, first.sid, 'it would outlive the hub session that it belongs to')
})

t.test(
  'S211 an app behind an agent gets the logout token at its own address through the tunnel, from the hub',
  async (t) => {
    const posted: { method?: string; url?: string; headers: IncomingHttpHeaders; body: string }[] = []
    const app = createServer((request, response) => {
      let body = ''
      request.on('data', (chunk) => {
        body += chunk
      })
      request.on('end', () => {
        const { method = '', url = '', headers } = request
        posted.push({ method, url, headers, body })
        response.end()
      })
    })
    await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve))
    t.teardown(() => app.close())
    const uri = `http://127.0.0.1:${(app.address() as AddressInfo).port}`
    await world.register('shop', { uri, identity_headers: { 'X-User': 'user' } })
    const callback = 'https://shop.example.com/callback'
    const logout_uri = `${hub.appUrl('shop')}/logout?by=hub`
    const shop = await hub.api<Client>('PUT', '/app-clients/shop', { redirect_uris: [callback], logout_uri })
    person('kim', 'ones')
    const kim = hub.visitor()
    const config = await openid.discovery(
      new URL(shop.issuer),
      shop.client_id,
      undefined,
      openid.ClientSecretBasic(shop.client_secret),
      { [openid.customFetch]: fetch as never },
    )
    const tokens = await signIn(kim, config, { redirect_uri: callback })
    if (!('claims' in tokens)) throw new Error(tokens.text)
    const { sid } = decodeJwt(tokens.id_token ?? '')
    const page = await kim.open(`${hub.signInUrl}/web/account`)
    await kim.submit(page, /\/web\/logout/)
    await until(() => posted.length > 0, 'the app is told')
    const [{ method, url, headers, body }] = posted as [(typeof posted)[number]]
    t.strictSame([method, url], ['POST', '/logout?by=hub'])
    t.match(decodeJwt(new URLSearchParams(body).get('logout_token') ?? ''), { aud: shop.client_id, sid })
    t.equal(headers.host, new URL(hub.appUrl('shop')).hostname)
    t.strictSame(
      Object.keys(headers).filter((name) => /^x-(?!forwarded-proto)|cookie|authorization/.test(name)),
      [],
      'neither an identity nor a session',
    )
    const records = await hub.api<Record<string, string>[]>('GET', '/audit?type=access.denied&limit=1000')
    t.notOk(records.some(({ app }) => app === 'shop'))
  },
)

t.test(
  'the next holder of a name is another account at the app, and the same person stays one',
  async (t) => {
    const { issuer } = world
    const config = await relyingParty()
    const subOf = async (sub: string, visitor = hub.visitor()) => {
      issuer.person = { sub, email: 'rita@example.com', email_verified: true, groups: ['ones'] }
      const tokens = await signIn(visitor, config)
      if (!('claims' in tokens)) throw new Error(tokens.text)
      t.equal(tokens.claims()?.preferred_username, 'rita@example.com')
      const refreshed = await openid.refreshTokenGrant(config, tokens.refresh_token ?? '')
      const info = await openid.fetchUserInfo(config, refreshed.access_token, tokens.claims()!.sub)
      return { sub: info.sub, tokens }
    }
    const browser = hub.visitor()
    const first = await subOf('rita-1', browser)
    t.equal((await subOf('rita-1')).sub, first.sub, 'in another browser')
    await hub.api('DELETE', '/users/rita@example.com')
    const second = await subOf('rita-2')
    t.not(second.sub, first.sub)
    t.not((await subOf('rita-2', browser)).sub, first.sub, 'in the browser of the former holder too')
    await t.rejects(openid.refreshTokenGrant(config, first.tokens.refresh_token ?? ''), {
      error: 'invalid_grant',
    } as never)
  },
)

t.test('removing an app ends its client', async (t) => {
  person('kate', 'ones')
  const kate = hub.visitor()
  const config = await relyingParty()
  const tokens = await signIn(kate, config)
  if (!('claims' in tokens)) throw new Error(tokens.text)
  await hub.api('DELETE', '/app-clients/one')
  await t.rejects(openid.fetchUserInfo(config, tokens.access_token, openid.skipSubjectCheck))
  await t.rejects(hub.api('GET', '/app-clients/one'), { code: 'app_client_not_found' })
  t.match(await signIn(kate, config), { status: 400 })
})

t.test('mezctl apps oidc prints the settings of known apps, and the secret once', async (t) => {
  const env = { MEZITE_DATA_DIR: hub.dataDir, MEZCTL_HOME: `${hub.dataDir}/home` }
  const [first, again] = await runLines(
    [`apps oidc two --redirect-uri ${hub.appUrl('two')}/login/generic_oauth`, 'apps oidc two'],
    env,
  )
  t.equal(first?.code, 0, first?.err ?? '')
  t.match(first?.out, /Client secret: mezite_oc_[\w-]{43}\n/)
  t.match(first?.out, /Settings of Grafana, for grafana\.ini:\n\n\[auth\.generic_oauth\]\nenabled = true\n/)
  t.match(first?.out, /\nclient_secret = mezite_oc_[\w-]{43}\n/)
  t.notMatch(again?.out, 'mezite_oc_')
  t.match(again?.out, /\nclient_secret = CLIENT_SECRET\n/)
  const client = { client_id: 'app-1', client_secret: 'the-secret', issuer: 'https://hub.example.com' }
  for (const [title, host, path] of [
    ['Grafana', 'grafana', '/login/generic_oauth'],
    ['Gitea', 'git', '/user/oauth2/mezite/callback'],
    ['GitLab', 'gitlab', '/users/auth/openid_connect/callback'],
    ['Argo CD', 'argocd', '/auth/callback'],
    ['Jenkins', 'jenkins', '/securityRealm/finishLogin'],
    ['Nextcloud', 'cloud', '/apps/user_oidc/code'],
    ['Nextcloud', 'cloud', '/index.php/apps/user_oidc/code'],
  ] as const) {
    const settings = settingsOf({ ...client, redirect_uris: [`https://${host}.apps.example.com${path}`] })
    t.equal(settings?.title, title)
    for (const part of ['app-1', 'the-secret', 'https://hub.example.com'])
      t.ok(settings?.text.includes(part), `${title}: ${part}`)
    t.ok(
      settings?.text.split('\n').every((line) => line.length <= 110),
      `${title}: short lines`,
    )
  }
  t.equal(settingsOf({ ...client, redirect_uris: ['https://wiki.apps.example.com/callback'] }), null)
})

t.test('mezctl clients lists programs and removes one', async (t) => {
  const env = { MEZITE_DATA_DIR: hub.dataDir, MEZCTL_HOME: `${hub.dataDir}/home` }
  const id = await world.client({ client_name: 'Photo frame' })
  t.match(id, /^[0-9a-f]{8}-/, 'an id that a command does not take for an option')
  const [listed, removed, again, missing] = await runLines(
    ['clients ls', `clients rm ${id} --yes`, 'clients ls', `clients rm ${id} --yes`],
    env,
  )
  t.match(listed, { code: 0, out: new RegExp(`${id} +Photo frame +registered +0`) }, listed?.err ?? '')
  t.equal(removed?.code, 0, removed?.err ?? '')
  t.notMatch(again?.out, id)
  t.match(missing, { code: 1, err: /client_not_found/ })
})

t.test('a mobile app gets in by code and PKCE with its library, for each app, and refreshes', async (t) => {
  const redirect_uri = 'com.example.orders:/callback'
  const config = await openid.dynamicClientRegistration(
    new URL(made.issuer),
    {
      client_name: 'Orders for phones',
      redirect_uris: [redirect_uri],
      grant_types: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_method: 'none',
    },
    openid.None(),
    { [openid.customFetch]: fetch as never },
  )
  person('mia', 'ones')
  const phone = hub.visitor()
  const code_verifier = openid.randomPKCECodeVerifier()
  const state = openid.randomState()
  const [one, two] = [world.resource('one'), world.resource('two')]
  const parameters = new URLSearchParams({
    redirect_uri,
    scope: 'app',
    state,
    code_challenge_method: 'S256',
    code_challenge: await openid.calculatePKCECodeChallenge(code_verifier),
  })
  for (const resource of [one, two]) parameters.append('resource', resource)
  const start = openid.buildAuthorizationUrl(config, parameters)
  const page = await follow(phone, start.href, 'null')
  if (page instanceof URL) return t.fail(`no page about the program: ${page}`)
  t.match(page.text, /Orders for phones/)
  const back = await allow(phone, page, 'null')
  if (!(back instanceof URL)) return t.fail(`${back.status} ${back.text}`)
  t.match(back.href, redirect_uri)
  const checks = { pkceCodeVerifier: code_verifier, expectedState: state }
  const tokens = await openid.authorizationCodeGrant(config, back, checks, { resource: one })
  const read = async (token: string, resource: string) => {
    const response = await openid.fetchProtectedResource(config, token, new URL(resource), 'GET')
    return `${response.status} ${await response.text()}`
  }
  t.equal(await read(tokens.access_token, one), '200 for mia@example.com')
  const refreshed = await openid.refreshTokenGrant(config, tokens.refresh_token!, { resource: two })
  t.equal(await read(refreshed.access_token, two), '200 for mia@example.com', 'a token for the other app')
  t.not(refreshed.refresh_token, tokens.refresh_token)
  const refusal = (asked: Promise<unknown>) =>
    asked.then(
      () => 'granted',
      ({ error, status }) => error ?? status,
    )
  const reused = openid.refreshTokenGrant(config, tokens.refresh_token!, { resource: one })
  t.equal(await refusal(reused), 'invalid_grant')
  const next = openid.refreshTokenGrant(config, refreshed.refresh_token!, { resource: one })
  t.equal(await refusal(next), 'invalid_grant', 'the second use of a refresh token has ended all tokens')
  t.equal(await refusal(read(refreshed.access_token, two)), 401)
})
