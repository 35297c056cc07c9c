// together: programs
/** Programs with tokens: a whole hub, an agent, an app that shows what reaches it, and a program that is only HTTP. */

import { createHash, randomUUID } from 'node:crypto'
import { request as httpsRequest, request } from 'node:https'
import { type Answer, programLogin } from '@mezite/core/testing'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import t from 'tap'
import { startStopwatch } from '../../stopwatch.ts'
import { until } from '../../until.ts'
import {
  allow,
  authorizationUrl,
  authorize,
  consent,
  follow,
  post,
  proofKey,
  REDIRECT,
  startWorld,
  type Tokens,
  token,
} from './world.ts'

const LOGOUT = 'http://schemas.openid.net/event/backchannel-logout'
const DISABLED = 'https://schemas.openid.net/secevent/risc/event-type/account-disabled'

const world = await startWorld(t)
const { hub, received, person, resource } = world
const clientId = await world.client()
const alice = hub.visitor()
person('alice', 'staff')

const open = (name: string, headers: Readonly<Record<string, string>>, path = '/') =>
  hub.visitor().fetch(hub.appUrl(name) + path, { headers: { accept: 'application/json', ...headers } })
const bearer = ({ access_token }: Tokens) => ({ authorization: `Bearer ${access_token}` })

t.test('authorization code with PKCE: a bearer token opens the app that the person allowed', async (t) => {
  const tokens = await authorize(hub, alice, clientId, resource('one'))
  t.match(tokens.access_token, /^mezite_at_[\w-]{43}$/)
  t.match(tokens.refresh_token, /^mezite_rt_[\w-]{43}$/)
  t.match(tokens, { token_type: 'Bearer', scope: 'app' })
  t.ok(tokens.expires_in <= 3_600)
  const answer = await open('one', bearer(tokens))
  t.match(answer, { status: 200, text: 'for alice@example.com' })
  t.equal(received.at(-1)?.headers.authorization, undefined, 'the app never sees the token')
})

t.test('Basic and Mezite-Token open the app too, and it keeps its own Authorization', async (t) => {
  const { access_token } = await authorize(hub, alice, clientId, resource('one'))
  const basic = (user: string) => ({
    authorization: `Basic ${Buffer.from(`${user}:${access_token}`).toString('base64')}`,
  })
  for (const user of ['git', '', 'alice@example.com']) {
    t.equal((await open('one', basic(user))).status, 200)
    t.equal(received.at(-1)?.headers.authorization, undefined)
  }
  t.equal(
    (await open('one', { 'mezite-token': access_token, authorization: 'Bearer of-the-app' })).status,
    200,
  )
  t.match(received.at(-1)?.headers, { authorization: 'Bearer of-the-app', 'mezite-token': undefined })
  t.equal(
    (await open('one', { 'mezite-token': access_token, authorization: `Bearer ${access_token}` })).status,
    400,
    'two credentials are ambiguous',
  )
})

t.test('S197 a token for one app does not open others, and a token in the URL is ignored', async (t) => {
  const tokens = await authorize(hub, alice, clientId, resource('one'))
  const elsewhere = await open('two', bearer(tokens))
  t.equal(elsewhere.status, 401)
  t.match(elsewhere.headers['www-authenticate'], /^Bearer error="invalid_token", resource_metadata="https:/)
  const query = `?access_token=${tokens.access_token}`
  t.equal((await open('one', {}, `/${query}`)).status, 401, 'S196')
  t.notOk(hub.log.join('\n').includes(tokens.access_token), 'S205')
  t.equal((await open('one', { authorization: `Bearer ${tokens.refresh_token}` })).status, 401)
  const wrong = `mezite_at_${'x'.repeat(43)}`
  t.equal((await open('one', { authorization: `Bearer ${wrong}` })).status, 401)
  t.equal((await open('one', { authorization: 'Bearer mezite_at_short' })).status, 401)
})

t.test('a token ends with its revocation, and its open streams within a second', async (t) => {
  const tokens = await authorize(hub, alice, clientId, resource('one'))
  const stream = await hub.visitor().stream(`${hub.appUrl('one')}/drip`, { headers: bearer(tokens) })
  t.equal(stream.statusCode, 200)
  stream.on('error', () => {})
  stream.resume()
  const cut = new Promise<number>((resolve) => stream.on('close', () => resolve(performance.now())))
  const watch = startStopwatch()
  const answer = await post(
    hub,
    '/v1/oauth/revoke',
    new URLSearchParams({ token: tokens.access_token, client_id: clientId }),
  )
  t.equal(answer.status, 200)
  const took = watch.took(await cut)
  t.comment(`cut after ${took} ms`)
  t.ok(took < 1_000, `${took} ms`)
  t.equal((await open('one', bearer(tokens))).status, 401)
  const again = await token(hub, {
    grant_type: 'refresh_token',
    refresh_token: tokens.refresh_token,
    client_id: clientId,
  })
  t.equal(again.status, 400)
})

t.test('a program cannot revoke or read the token of another one', async (t) => {
  const other = await world.client({ client_name: 'Other' })
  const tokens = await authorize(hub, alice, clientId, resource('one'))
  for (const secret of [tokens.access_token, tokens.refresh_token]) {
    const fields = new URLSearchParams({ token: secret, client_id: other })
    t.ok([200, 400].includes((await post(hub, '/v1/oauth/revoke', fields)).status))
  }
  t.equal((await open('one', bearer(tokens))).status, 200, 'the access token')
  t.equal((await refresh(tokens.refresh_token)).status, 200, 'the refresh token')
})

t.test(
  'a token at the user’s place opens the app, and one where the hub does not look never reaches it',
  async (t) => {
    const tokens = await authorize(hub, alice, clientId, resource('one'))
    const { access_token, refresh_token } = tokens
    const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` })
    for (const text of [`${access_token}:`, `${access_token}:x-oauth-basic`, `git:${access_token}`]) {
      t.equal((await open('one', basic(text))).status, 200, text.replace(access_token, 'TOKEN'))
      t.equal(received.at(-1)?.headers.authorization, undefined)
    }
    const cookie = alice.cookies(new URL(hub.appUrl('one')).host)
    await alice.open(hub.appUrl('one'))
    const withCookie = { cookie: alice.cookies(new URL(hub.appUrl('one')).host) ?? cookie ?? '' }
    t.equal((await open('one', withCookie)).status, 200, 'the person has a cookie')
    const before = received.length
    for (const headers of [
      { authorization: `token ${access_token}` },
      { authorization: `GitLab-Token ${access_token}` },
      { authorization: `Bearer ${refresh_token}` },
      { authorization: `Bearer x${access_token}` },
      basic(`x${access_token}:y`),
      { 'private-token': access_token },
      { 'x-api-key': access_token },
      { 'job-token': `x ${refresh_token}` },
      { 'mezite-token': refresh_token },
      { 'private-token': `mezite_bot_${'x'.repeat(43)}` },
    ])
      t.match(
        await open('one', { ...withCookie, ...headers }),
        { status: 401, text: /token_misplaced|token_invalid/ },
        Object.keys(headers).join(),
      )
    t.equal(received.length, before, 'the app got none of them')
    t.equal((await open('one', { ...withCookie, 'private-token': 'glpat-of-the-app' })).status, 200)
    t.equal(received.at(-1)?.headers['private-token'], 'glpat-of-the-app', 'its own tokens pass')
  },
)

t.test('a script of another site may register a program, and sees the answer', async (t) => {
  const origin = 'https://inspector.example'
  const asked = { origin, 'access-control-request-method': 'POST' }
  const preflight = await hub.visitor().fetch(`${hub.signInUrl}/v1/oauth/register`, {
    method: 'OPTIONS',
    headers: { ...asked, 'access-control-request-headers': 'content-type' },
  })
  t.match(preflight, {
    status: 204,
    headers: {
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': 'content-type',
    },
  })
  const made = await post(hub, '/v1/oauth/register', { redirect_uris: [REDIRECT] }, { origin })
  t.match(made, { status: 201, headers: { 'access-control-allow-origin': '*' } })
  t.equal(made.headers['access-control-allow-credentials'], undefined)
})

t.test(
  'no token is issued for an app that is not offered to programs, and a page says so before the consent',
  async (t) => {
    const offer = (programs: string) =>
      world.register('shy', { plugins: { 'authorization-server': { programs } } })
    await offer('on')
    const { challenge, verifier } = proofKey()
    const asked = { client_id: clientId, resource: resource('shy'), code_challenge: challenge }
    const target = (await consent(hub, alice, asked)) as URL
    const { refresh_token } = await authorize(hub, alice, clientId, resource('shy'))
    await offer('off')
    const code = {
      grant_type: 'authorization_code',
      client_id: clientId,
      redirect_uri: REDIRECT,
      code: target.searchParams.get('code') ?? '',
      code_verifier: verifier,
    }
    t.match(await token(hub, code), { status: 400, text: /invalid_target/ })
    t.match(await refresh(refresh_token), { status: 400, text: /invalid_target/ })
    const page = await follow(alice, authorizationUrl(hub, asked), 'http://127.0.0.1:4711')
    t.match(page, { status: 403, text: /shy does not accept programs/ })
    const login = await programLogin(hub)
    const mine = await post(
      hub,
      '/v1/webapi/me/tokens',
      { app: 'shy' },
      { authorization: `Bearer ${login.token}` },
    )
    t.equal(mine.status, 404)
  },
)

const refresh = (refresh_token: string, more: object = {}) =>
  token(hub, { grant_type: 'refresh_token', refresh_token, client_id: clientId, ...more })

t.test('S198 refresh tokens rotate, and one that is used twice ends the whole family', async (t) => {
  const first = await authorize(hub, alice, clientId, resource('one'))
  const answer = await refresh(first.refresh_token)
  t.equal(answer.status, 200)
  const second = JSON.parse(answer.text) as Tokens
  t.not(second.refresh_token, first.refresh_token)
  t.equal((await open('one', bearer(second))).status, 200)
  t.match(await refresh(first.refresh_token), { status: 400, text: /invalid_grant/ })
  t.equal((await open('one', bearer(second))).status, 401)
  t.equal((await refresh(second.refresh_token)).status, 400)
})

t.test('S198 at most one of three concurrent refreshes gets tokens', async (t) => {
  const { refresh_token } = await authorize(hub, alice, clientId, resource('one'))
  const answers = await Promise.all([1, 2, 3].map(() => refresh(refresh_token)))
  // The use of the others ends the family, which may come before the first one has its tokens.
  const statuses = answers.map(({ status }) => status).sort()
  t.strictSame(statuses.slice(1), [400, 400])
  t.ok(statuses[0] === 200 || statuses[0] === 400, `${statuses[0]}`)
})

t.test('S198 a code that is used twelve times at once gives no token that lives on', async (t) => {
  for (let round = 0; round < 3; round++) {
    const { verifier, challenge } = proofKey()
    const target = (await consent(hub, alice, {
      client_id: clientId,
      resource: resource('one'),
      code_challenge: challenge,
    })) as URL
    const fields = {
      grant_type: 'authorization_code',
      client_id: clientId,
      redirect_uri: REDIRECT,
      code: target.searchParams.get('code') ?? '',
      code_verifier: verifier,
    }
    const answers = await Promise.all(Array.from({ length: 12 }, () => token(hub, fields)))
    const won = answers.filter(({ status }) => status === 200)
    t.ok(won.length <= 1, `${won.length} got tokens`)
    for (const { status, text } of answers) if (status !== 200) t.match(text, /invalid_grant/, `${status}`)
    for (const { text } of won) {
      const tokens = JSON.parse(text) as Tokens
      t.equal((await open('one', bearer(tokens))).status, 401, 'the access token')
      t.equal((await refresh(tokens.refresh_token)).status, 400, 'the refresh token')
    }
  }
})

t.test('S198 a code that is used twice ends the tokens of its first use', async (t) => {
  const { verifier, challenge } = proofKey()
  const target = (await consent(hub, alice, {
    client_id: clientId,
    resource: resource('one'),
    code_challenge: challenge,
  })) as URL
  const fields = {
    grant_type: 'authorization_code',
    client_id: clientId,
    redirect_uri: REDIRECT,
    code: target.searchParams.get('code') ?? '',
    code_verifier: verifier,
  }
  const first = await token(hub, fields)
  t.equal(first.status, 200)
  t.equal((await token(hub, fields)).status, 400)
  const used = bearer(JSON.parse(first.text))
  t.equal((await open('one', used)).status, 401)
})

t.test(
  'S199 S200 S201 wrong redirect URIs, missing and plain PKCE, and unknown clients are refused',
  async (t) => {
    const { challenge } = proofKey()
    const good = { client_id: clientId, resource: resource('one'), code_challenge: challenge }
    const ask = async (fields: Readonly<Record<string, string>>) => {
      const answer = await follow(alice, authorizationUrl(hub, fields), 'http://127.0.0.1:4711')
      return answer instanceof URL ? answer.searchParams.get('error') : answer.status
    }
    for (const redirect_uri of [
      'https://evil.example/',
      `${REDIRECT}/x`,
      `${REDIRECT}?x`,
      'http://127.0.0.2:4711/callback',
    ])
      t.equal(await ask({ ...good, redirect_uri }), 400, redirect_uri)
    const ported = await follow(
      alice,
      authorizationUrl(hub, { ...good, redirect_uri: 'http://127.0.0.1:9999/callback' }),
      'http://127.0.0.1:9999',
    )
    t.ok(!(ported instanceof URL) && ported.text.includes('127.0.0.1:9999'), 'any port of loopback')
    t.equal(await ask({ ...good, client_id: 'nobody' }), 400)
    t.equal(await ask({ ...good, code_challenge_method: 'plain' }), 'invalid_request')
    t.equal(await ask({ client_id: clientId, resource: resource('one') }), 'invalid_request')
    const without = new URL(authorizationUrl(hub, { client_id: clientId, resource: resource('one') }))
    without.searchParams.delete('code_challenge_method')
    const open = await follow(alice, without.href, 'http://127.0.0.1:4711')
    if (!(open instanceof URL)) t.fail('S200 a page for a program that sends no PKCE')
    else t.equal(open.searchParams.get('error'), 'invalid_request', 'S200 nothing of PKCE')
    for (const wrong of ['https://evil.example/', `${hub.url}/`, `${resource('one')}x`, 'one'])
      t.equal(await ask({ ...good, resource: wrong }), 'invalid_target', wrong)
    const target = (await consent(hub, alice, good)) as URL
    t.equal(target.searchParams.get('iss'), hub.signInUrl)
    t.equal(target.searchParams.get('state'), 'the-state')
    const other = await token(hub, {
      grant_type: 'authorization_code',
      client_id: clientId,
      redirect_uri: REDIRECT,
      code: target.searchParams.get('code') ?? '',
      code_verifier: proofKey().verifier,
    })
    t.equal(other.status, 400)
  },
)

t.test('a program gets nothing if the person declines or the gate denies', async (t) => {
  const { challenge } = proofKey()
  const asked = { client_id: clientId, resource: resource('one'), code_challenge: challenge }
  const target = (await consent(hub, alice, asked, 'deny')) as URL
  t.equal(target.searchParams.get('error'), 'access_denied')
  person('bob', 'guests')
  const bob = hub.visitor()
  const denied = await follow(bob, authorizationUrl(hub, asked), 'http://127.0.0.1:4711')
  t.match(denied, { status: 403 })
  const unknown = await follow(
    bob,
    authorizationUrl(hub, { ...asked, resource: resource('nothing') }),
    'http://127.0.0.1:4711',
  )
  t.match(unknown, { status: 404 })
})

t.test('each token names its app, with two apps in one consent and with one in each request', async (t) => {
  const { verifier, challenge } = proofKey()
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: clientId,
    redirect_uri: REDIRECT,
    scope: 'app',
    code_challenge: challenge,
    code_challenge_method: 'S256',
  })
  for (const name of ['one', 'two']) query.append('resource', resource(name))
  const page = (await follow(
    alice,
    `${hub.signInUrl}/v1/oauth/authorize?${query}`,
    'http://127.0.0.1:4711',
  )) as Answer
  t.match(page.text, /<li>one<\/li><li>two<\/li>/)
  const target = (await allow(alice, page)) as URL
  const fields = {
    grant_type: 'authorization_code',
    client_id: clientId,
    redirect_uri: REDIRECT,
    code: target.searchParams.get('code') ?? '',
    code_verifier: verifier,
    resource: resource('one'),
  }
  const one = JSON.parse((await token(hub, fields)).text) as Tokens
  t.equal((await open('one', bearer(one))).status, 200)
  t.equal((await open('two', bearer(one))).status, 401)
  const two = JSON.parse((await refresh(one.refresh_token, { resource: resource('two') })).text) as Tokens
  t.equal((await open('two', bearer(two))).status, 200)
  t.equal((await open('one', bearer(two))).status, 401)
  t.match(await refresh(two.refresh_token), { status: 400, text: /invalid_target/ })
})

t.test('a lost role, a lock, a removed user and the end of the consent end tokens', async (t) => {
  person('carol', 'staff')
  const carol = hub.visitor()
  const tokens = await authorize(hub, carol, clientId, resource('one'))
  const status = async (held: Tokens) => (await open('one', bearer(held))).status
  t.equal(await status(tokens), 200)
  const lock = await hub.api<{ id: string }>('POST', '/locks', { target: { user: 'carol@example.com' } })
  t.equal(await status(tokens), 403)
  t.match(await refresh(tokens.refresh_token), { status: 400, text: /invalid_grant/ })
  await hub.api('DELETE', `/locks/${lock.id}`)
  const others = await authorize(hub, carol, clientId, resource('one'))
  const sessions = await hub.api<{ id: string; kind: string; user: string }[]>('GET', '/sessions')
  const ours = sessions.filter(({ user, kind }) => user === 'carol@example.com' && kind === 'token')
  t.ok(ours.length >= 2, 'consents and tokens are sessions')
  for (const { id } of ours) await hub.api('DELETE', `/sessions/${id}`).catch(() => {})
  t.equal(await status(others), 401)
  t.equal((await refresh(others.refresh_token)).status, 400)
  const last = await authorize(hub, carol, clientId, resource('one'))
  await hub.api('DELETE', '/users/carol@example.com')
  t.equal(await status(last), 401)
  t.equal((await refresh(last.refresh_token)).status, 400)
})

t.test(
  'T222 a person whom the provider disables loses the programs too, and a sign-out there keeps them',
  async (t) => {
    const { issuer } = world
    const erin = hub.visitor()
    person('erin', 'staff')
    issuer.misbehave = { idToken: (claims) => void Object.assign(claims, { sid: 'sid-of-erin' }) }
    t.teardown(() => {
      issuer.misbehave = {}
    })
    const tokens = await authorize(hub, erin, clientId, resource('one'))
    const status = async () => (await open('one', bearer(tokens))).status
    const isSignedIn = async () =>
      (await erin.fetch(`${hub.url}/v1/webapi/me/apps`, { headers: { accept: 'application/json' } }))
        .status === 200
    const claims = () => {
      const iat = Math.floor(Date.now() / 1_000)
      return { iss: issuer.url, aud: issuer.clientId, iat, exp: iat + 60, jti: randomUUID() }
    }
    const signOut = { ...claims(), sid: 'sid-of-erin', events: { [LOGOUT]: {} } }
    const logout_token = issuer.sign(signOut, { typ: 'logout+jwt' })
    const path = '/v1/webapi/oidc/backchannel-logout/sso'
    t.equal((await post(hub, path, new URLSearchParams({ logout_token }))).status, 200)
    t.notOk(await isSignedIn())
    t.equal(await status(), 200, 'a program goes on without the browser')

    const disabled = { ...claims(), sub_id: { format: 'iss_sub', iss: issuer.url, sub: 'erin' } }
    const said = await hub.visitor().fetch(`${hub.url}/v1/webapi/oidc/security-events/sso`, {
      method: 'POST',
      headers: { 'content-type': 'application/secevent+jwt' },
      body: issuer.sign({ ...disabled, events: { [DISABLED]: {} } }, { typ: 'secevent+jwt' }),
    })
    t.equal(said.status, 202)
    t.equal(await status(), 401)
    t.match(await refresh(tokens.refresh_token), { status: 400, text: /invalid_grant/ })
  },
)

/** The status of a request that names another host than the TLS handshake. */
function statusAt(url: string, host: string): Promise<number | undefined> {
  const { hostname, port, pathname } = new URL(url)
  return new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port,
      path: pathname,
      servername: hostname,
      ca: hub.ca,
      headers: { host },
    }
    request({ ...options, agent: false }, (response) => resolve(response.resume().statusCode))
      .on('error', reject)
      .end()
  })
}

t.test('metadata names the issuer whatever the Host, and other hosts get nothing', async (t) => {
  for (const path of ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration']) {
    const answer = await hub.visitor().fetch(hub.signInUrl + path)
    t.equal(answer.status, 200)
    const document = JSON.parse(answer.text)
    t.equal(document.issuer, hub.signInUrl)
    for (const [name, value] of Object.entries(document))
      if (/_(endpoint|uri)$/.test(name)) t.ok(String(value).startsWith(`${hub.signInUrl}/v1/oauth/`), name)
    t.strictSame(document.code_challenge_methods_supported, ['S256'])
    for (const host of ['evil.example', `${new URL(hub.url).hostname}:1`])
      t.equal(await statusAt(hub.signInUrl + path, host), 421, host)
    const forwarded = await hub
      .visitor()
      .fetch(hub.signInUrl + path, { headers: { 'x-forwarded-host': 'evil.example' } })
    t.notMatch(forwarded.text, 'evil')
  }
})

t.test('git and clients of registries are asked for a password, all others for a bearer token', async (t) => {
  const docker = 'docker/28.2.2 go/go1.24.3 git-commit/45873be kernel/6.12 os/linux arch/amd64'
  const browser = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36'
  for (const [agent, path, scheme] of [
    [docker, '/v2/', 'Basic'],
    ['Docker-Client/28.2.2 (linux)', '/v2/shop/web/manifests/latest', 'Basic'],
    ['containerd/1.7.24', '/v2', 'Basic'],
    ['Helm/3.17.0', '/v2/charts/tags/list', 'Basic'],
    ['git/2.30.2', '/shop.git/info/refs?service=git-upload-pack', 'Basic'],
    ['git/2.30.2', '/shop.git/git-receive-pack', 'Basic'],
    ['git/2.30.2', '/', 'Bearer'],
    [docker, '/', 'Bearer'],
    [docker, '/v2x', 'Bearer'],
    [browser, '/v2/', 'Bearer'],
    [browser, '/shop.git/info/refs?service=git-upload-pack', 'Bearer'],
    ['curl/8.14.1', '/v2/', 'Bearer'],
    ['evil docker/1', '/v2/', 'Bearer'],
  ] as const)
    for (const name of ['one', 'nothing-there']) {
      const refused = await open(name, { 'user-agent': agent }, path)
      t.match(
        refused,
        { status: 401, headers: { 'www-authenticate': new RegExp(`^${scheme} `) } },
        `${agent} ${path}`,
      )
    }
  const wrong = { 'user-agent': docker, authorization: `Bearer mezite_at_${'a'.repeat(43)}` }
  t.match((await open('one', wrong, '/v2/')).headers['www-authenticate'], /^Basic realm="Mezite"$/)
})

t.test('an app has protected resource metadata, and its 401 links to it', async (t) => {
  const refused = await open('one', {})
  t.equal(refused.status, 401)
  const [, url] = /resource_metadata="([^"]*)"/.exec(String(refused.headers['www-authenticate'])) ?? []
  t.equal(url, `${hub.appUrl('one')}/.well-known/oauth-protected-resource`)
  const document = JSON.parse((await hub.visitor().fetch(url ?? '')).text)
  t.match(document, {
    resource: resource('one'),
    authorization_servers: [hub.signInUrl],
    scopes_supported: ['app'],
  })
})

t.test('S207 a device gets a token after a person types its code, and must not poll too fast', async (t) => {
  const started = await post(
    hub,
    '/v1/oauth/device_authorization',
    new URLSearchParams({ client_id: clientId, scope: 'app', resource: resource('one') }),
  )
  t.equal(started.status, 200, started.text)
  const device = JSON.parse(started.text)
  t.match(device.user_code, /^[A-Z]{4}-[A-Z]{4}$/)
  const poll = () =>
    token(hub, {
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      device_code: device.device_code,
      client_id: clientId,
    })
  t.match(await poll(), { status: 400, text: /authorization_pending/ })
  // A busy machine may take longer for a call than a program has to wait.
  await until(
    async () => /slow_down/.test((await poll()).text),
    'a device that polls again at once gets slow_down',
  )
  const stranger = await hub.visitor().fetch(device.verification_uri_complete)
  t.match(
    stranger,
    { status: 303, headers: { location: /\/web\/login\?/ } },
    'only people who signed in try codes',
  )
  const form = (await follow(alice, device.verification_uri_complete, 'http://127.0.0.1:1')) as Answer
  t.match(form.text, `value="${device.user_code}"`)
  t.notMatch(form.text, '<script>')
  const wrong = await alice.submit(form, /oauth\/device/, { user_code: 'BBBB-BBBB' })
  t.match(wrong.text, 'not valid')
  const refused = async () => {
    const all = await hub.api<{ step: string }[]>('GET', '/audit?type=token.issued&reason=invalid_request')
    return all.filter(({ step }) => step === 'device_code')
  }
  await until(async () => (await refused()).length > 0, 'the wrong code is in the audit')
  const records = await refused()
  t.match(records, [{ user: 'alice@example.com', detail: 'the code was not found' }])
  t.notMatch(JSON.stringify(records), 'BBBB')
  const shown = await alice.submit(wrong, /oauth\/device/, { user_code: device.user_code })
  t.match(shown.text, /Test program.*127\.0\.0\.1/s)
  const asked = await alice.submit(shown, /oauth\/device/, { confirm: 'yes' })
  const done = (await allow(alice, asked)) as Answer
  t.match(done.text, 'Your device is connected')
  await new Promise((resolve) => setTimeout(resolve, 4_600))
  const answer = await poll()
  t.equal(answer.status, 200, answer.text)
  t.equal((await open('one', bearer(JSON.parse(answer.text)))).status, 200)
})

t.test('S208 a DPoP token needs a fresh proof of its key for each request', async (t) => {
  const key = await generateKeyPair('ES256', { extractable: true })
  const jwk = await exportJWK(key.publicKey)
  const prove = (htm: string, htu: string, more: object = {}, by = key.privateKey) =>
    new SignJWT({ htm, htu, jti: randomUUID(), ...more })
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
      .setIssuedAt()
      .sign(by)
  const endpoint = `${hub.signInUrl}/v1/oauth/token`
  const tokens = await authorize(
    hub,
    alice,
    clientId,
    resource('one'),
    {},
    { dpop: await prove('POST', endpoint) },
  )
  t.equal(tokens.token_type, 'DPoP')
  const ath = createHash('sha256').update(tokens.access_token).digest('base64url')
  const url = `${hub.appUrl('one')}/`
  const status = async (dpop: string | null, scheme = 'DPoP') =>
    (
      await open('one', {
        authorization: `${scheme} ${tokens.access_token}`,
        ...(dpop === null ? {} : { dpop }),
      })
    ).status
  const proof = await prove('GET', url, { ath })
  t.equal(await status(proof), 200)
  t.equal(received.at(-1)?.headers.dpop, undefined)
  t.equal(await status(proof), 401, 'the same proof again')
  t.equal(await status(null), 401, 'no proof')
  t.equal(await status(null, 'Bearer'), 401, 'as a bearer token')
  t.equal(await status(await prove('GET', `${hub.appUrl('two')}/`, { ath })), 401, 'another URL')
  t.equal(await status(await prove('POST', url, { ath })), 401, 'another method')
  t.equal(await status(await prove('GET', url)), 401, 'no hash of the token')
  const foreign = createHash('sha256')
    .update(`mezite_at_${'x'.repeat(43)}`)
    .digest('base64url')
  t.equal(await status(await prove('GET', url, { ath: foreign })), 401, 'the hash of another token')
  const dated = (ageSeconds: number) =>
    new SignJWT({ htm: 'GET', htu: url, jti: randomUUID(), ath })
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
      .setIssuedAt(Math.floor(Date.now() / 1_000) - ageSeconds)
      .sign(key.privateKey)
  t.equal(await status(await dated(600)), 401, 'made ten minutes ago')
  t.equal(await status(await dated(-600)), 401, 'of the future')
  t.equal(await status(await dated(20)), 200, 'made some seconds ago')
  const other = await generateKeyPair('ES256')
  t.equal(await status(await prove('GET', url, { ath }, other.privateKey)), 401, 'another key')
  t.match(await refresh(tokens.refresh_token), { status: 400 }, 'a refresh without a proof')
})

t.test('stored data contain no token', async (t) => {
  const tokens = await authorize(hub, alice, clientId, resource('one'))
  const events = JSON.stringify(await hub.api('GET', '/audit'))
  t.match(events, 'token.issued')
  t.match(events, 'consent.granted')
  for (const secret of [tokens.access_token, tokens.refresh_token]) {
    t.notOk(events.includes(secret.slice(10)))
    t.notOk(hub.log.join('\n').includes(secret.slice(10)), 'S205')
  }
})

t.test('S206 the page about a program cannot be framed, and accepts only its origin', async (t) => {
  const { challenge } = proofKey()
  const asked = { client_id: clientId, resource: resource('one'), code_challenge: challenge }
  const page = (await follow(alice, authorizationUrl(hub, asked), 'http://127.0.0.1:4711')) as Answer
  t.match(page.headers['content-security-policy'], "frame-ancestors 'none'")
  t.equal(page.headers['x-frame-options'], 'DENY')
  for (const origin of ['https://evil.example', hub.appUrl('one')]) {
    const answer = await alice.fetch(page.url, {
      method: 'POST',
      headers: { origin, 'content-type': 'application/x-www-form-urlencoded' },
      body: 'decision=allow',
    })
    t.equal(answer.status, 403, origin)
  }
  const stranger = await hub.visitor().fetch(page.url, { headers: { accept: 'text/html' } })
  t.equal(stranger.status, 303, 'another browser has to sign in')
  person('eve', 'staff')
  const eve = hub.visitor()
  await eve.open(`${hub.signInUrl}/web/account`)
  t.equal((await eve.open(page.url)).status, 400, 'and is not the browser of the request')
})

t.test('S209 a role that demands a passkey gives no token without one', async (t) => {
  await hub.api('PUT', '/roles/strict', {
    kind: 'role',
    version: 'v1',
    metadata: { name: 'strict' },
    spec: { options: { require_session_mfa: true }, allow: { app_labels: { env: 'test' } } },
  })
  await hub.api('POST', '/users', { name: 'sam@example.com', roles: ['strict'] })
  person('sam')
  const { challenge } = proofKey()
  const asked = { client_id: clientId, resource: resource('one'), code_challenge: challenge }
  const answer = await follow(hub.visitor(), authorizationUrl(hub, asked), 'http://127.0.0.1:4711')
  t.notOk(answer instanceof URL)
  t.match((answer as Answer).url, /webauthn|enrol|mfa/)
})

t.test('S210 the oldest unused registrations are deleted, and used ones stay', async (t) => {
  const answers: Promise<unknown>[] = []
  for (let at = 0; at < 220; at++) {
    answers.push(world.client({ client_name: `flood ${at}` }))
    if (answers.length === 20) await Promise.all(answers.splice(0))
  }
  await Promise.all(answers)
  const all = await hub.api<{ client_id: string; kind: string }[]>('GET', '/clients')
  t.ok(all.filter(({ kind }) => kind === 'registered').length <= 205)
  await authorize(hub, alice, clientId, resource('one'))
  for (const method of ['client_secret_basic', 'client_secret_post'])
    await t.rejects(world.client({ token_endpoint_auth_method: method }), /invalid_client_metadata/)
})

t.test('people see and end programs on their page, administrators remove them', async (t) => {
  person('nina', 'staff')
  const nina = hub.visitor()
  const program = await world.client({ client_name: 'Robot vacuum' })
  const tokens = await authorize(hub, nina, program, resource('one'))
  const account = await nina.open(`${hub.signInUrl}/web/account`)
  t.match(account.text, 'Robot vacuum')
  t.match(
    (await hub.api<{ client_id: string }[]>('GET', '/clients')).find(
      ({ client_id }) => client_id === program,
    ),
    { name: 'Robot vacuum', kind: 'registered', people: 1 },
  )
  t.equal((await open('one', bearer(tokens))).status, 200)
  await hub.api('DELETE', `/clients/${program}`)
  t.equal((await open('one', bearer(tokens))).status, 401)
  const another = await world.client({ client_name: 'Photo frame' })
  const held = await authorize(hub, nina, another, resource('one'))
  const page = await nina.open(`${hub.signInUrl}/web/account`)
  const [, consentId = ''] =
    /data-session="([\w-]+)"(?:(?!data-session)[\s\S])*?Photo frame/.exec(page.text) ?? []
  await nina.submit(page, /\/web\/sessions\/end$/, { id: consentId })
  t.equal((await open('one', bearer(held))).status, 401, 'the person ends it, and its tokens with it')
  const refused = await token(hub, {
    grant_type: 'refresh_token',
    refresh_token: held.refresh_token,
    client_id: another,
  })
  t.match(refused, { status: 400, text: /invalid_grant/ })
  const form = (
    await hub.api<{ blocks: { title?: string; path?: string; fields?: unknown }[] }>(
      'GET',
      '/dashboard/pages/programs',
    )
  ).blocks
  t.match(form.at(-1), { title: 'Remove a program', path: '/v1/webapi/clients/remove' })
  await hub.api('POST', '/clients/remove', { client_id: another })
  await t.rejects(hub.api('POST', '/clients/remove', { client_id: another }), { code: 'client_not_found' })
  await t.rejects(hub.api('DELETE', `/clients/${program}`), { code: 'client_not_found' })
})

t.test('a login of a command line gets a short token for one app, which ends with it', async (t) => {
  person('oscar', 'staff')
  const login = await programLogin(hub)
  const ask = (body: object, secret = login.token) =>
    hub.visitor().fetch(`${hub.url}/v1/webapi/me/tokens`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  const answer = await ask({ app: 'one', ttl_seconds: 60 })
  t.equal(answer.status, 201, answer.text)
  const issued = JSON.parse(answer.text)
  t.equal((await open('one', bearer(issued))).status, 200)
  t.equal((await open('two', bearer(issued))).status, 401)
  t.ok(Date.parse(issued.expires) - Date.now() < 61_000)
  const unknown = await ask({ app: 'nothing' })
  t.equal(unknown.status, 404)
  await world.register('vault', {}, { env: 'closed' })
  await hub.api('PUT', '/roles/tests-only', {
    kind: 'role',
    version: 'v1',
    metadata: { name: 'tests-only' },
    spec: { allow: { app_labels: { env: 'test' } } },
  })
  person('olga', 'tests-only')
  const olga = await programLogin(hub)
  const closed = await ask({ app: 'vault' }, olga.token)
  const plain = ({ text }: Answer) => text.replaceAll(/nothing|vault|"request_id":"[^"]*"/g, '')
  t.equal(plain(closed), plain(unknown), 'an app without access is answered as one that does not exist')
  await hub.api('DELETE', `/sessions/${login.session_id}`)
  t.equal((await open('one', bearer(issued))).status, 401)
})

t.test(
  'a token of a command line has the address that asked, and not that of its login',
  { skip: process.platform !== 'linux' && 'only Linux has all of 127.0.0.0/8' },
  async (t) => {
    person('olga', 'staff')
    const login = await programLogin(hub)
    const { port, hostname } = new URL(hub.url)
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const asked = httpsRequest(
        {
          host: '127.0.0.1',
          port,
          servername: hostname,
          ca: hub.ca,
          localAddress: '127.0.0.77',
          method: 'POST',
          path: '/v1/webapi/me/tokens',
          headers: {
            host: `${hostname}:${port}`,
            authorization: `Bearer ${login.token}`,
            'content-type': 'application/json',
          },
        },
        (answer) => {
          answer.resume()
          answer.once('end', () => resolve(answer.statusCode))
        },
      )
      asked.once('error', reject)
      asked.end(JSON.stringify({ app: 'one' }))
    })
    t.equal(status, 201)
    const issued = async () => {
      const all = await hub.api<Record<string, string>[]>('GET', '/audit?type=token.issued&limit=1000')
      return all.filter(({ user }) => user === 'olga@example.com')
    }
    await until(async () => (await issued()).length === 1, 'the record')
    t.match(await issued(), [{ client_ip: '127.0.0.77' }])
    const tokens = await hub.api<Record<string, string>[]>('GET', '/sessions?user=olga@example.com')
    t.match(
      tokens.filter(({ kind }) => kind === 'token'),
      [{ client_ip: '127.0.0.77' }],
    )
  },
)

t.test('records sign-ins of programs, and consents and tokens that end before their time', async (t) => {
  person('pat', 'staff')
  const pat = hub.visitor()
  const of = async (type: string) => {
    const all = await hub.api<Record<string, string>[]>('GET', `/audit?type=${type}&limit=1000`)
    return all.filter(({ user }) => user === 'pat@example.com')
  }
  const find = async (type: string, count: number) => {
    let found: Record<string, string>[] = []
    await until(async () => {
      found = await of(type)
      return found.length >= count
    }, `${count} ${type}`)
    return found
  }
  const first = await authorize(hub, pat, clientId, resource('one'))
  const [login] = (await find('user.login', 2)).filter(({ method }) => method === 'oauth')
  t.match(login, { success: true, program: 'Test program', client: clientId, connector: 'sso' })
  const [granted] = await find('consent.granted', 1)
  t.equal(login?.session, granted?.session)
  const ended = new URLSearchParams({ client_id: clientId, token: first.access_token })
  t.equal((await post(hub, '/v1/oauth/revoke', ended)).status, 200)
  t.match(await find('token.revoked', 1), [{ name: 'one', program: 'Test program', end_reason: 'revoked' }])
  t.strictSame(await of('consent.revoked'), [], 'the person still lets the program in')
  await authorize(hub, pat, clientId, resource('one'))
  const consents = (await find('consent.granted', 2)).map(({ session }) => session)
  for (const id of consents) await hub.api('DELETE', `/sessions/${id}`)
  const ends = await find('consent.revoked', 2)
  t.strictSame(new Set(ends.map(({ session_id }) => session_id)), new Set(consents))
  t.match(ends[0], { name: 'Test program', end_reason: 'revoked' })
  await find('token.revoked', 2)
  const revoked = [...(await of('consent.revoked')), ...(await of('token.revoked'))]
  t.equal(new Set(revoked.map(({ session_id }) => session_id)).size, revoked.length, 'each once')
})
