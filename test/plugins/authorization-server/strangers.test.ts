// together: programs
/** What strangers cannot make the hub do: fetch, redirect, fill its log, or fail. */
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:tls'
import { testCertificate } from '@mezite/core/testing'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import t from 'tap'
import { createAuthorizationServer } from '../../../plugins/authorization-server/hub.ts'
import { until } from '../../until.ts'
import {
  allow,
  authorizationUrl,
  authorize,
  follow,
  post,
  proofKey,
  REDIRECT,
  registerClient,
  startWorld,
  token,
} from './world.ts'

const certificate = await testCertificate(['localhost'])
const fetched: string[] = []
const target = createServer({ key: certificate.key, cert: certificate.cert }, (request, response) => {
  fetched.push(request.url ?? '')
  response.end('{"keys":[]}')
})
await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve))
t.teardown(() => {
  target.closeAllConnections()
  target.close()
})
const { port } = target.address() as AddressInfo
const network = { accepts: () => true, ca: certificate.ca }

const world = await startWorld(t, {
  plugin: createAuthorizationServer(network),
  config: { metadata_ports: [port] },
})
const { hub, person, resource } = world

t.test('S202 nothing is fetched for a program that registers, then or later', async (t) => {
  const jwks_uri = `https://localhost:${port}/keys`
  const keyed = { token_endpoint_auth_method: 'private_key_jwt', jwks_uri }
  for (const metadata of [
    keyed,
    { jwks_uri },
    { sector_identifier_uri: `https://localhost:${port}/sector` },
  ]) {
    const made = registerClient(hub, metadata).then(
      (id) => id,
      () => null,
    )
    const id = await made
    t.equal(id, null, JSON.stringify(metadata))
    const { privateKey } = await generateKeyPair('ES256')
    const claims = { iss: String(id), sub: String(id), aud: hub.signInUrl, jti: 'x' }
    const client_assertion = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'ES256', kid: 'a' })
      .setExpirationTime('1m')
      .sign(privateKey)
    await token(hub, {
      grant_type: 'authorization_code',
      code: 'x',
      redirect_uri: REDIRECT,
      client_id: String(id),
      ...{
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion,
      },
    })
  }
  t.strictSame(fetched, [])
  const { publicKey } = await generateKeyPair('ES256')
  const jwks = { keys: [await exportJWK(publicKey)] }
  t.ok(await registerClient(hub, { token_endpoint_auth_method: 'private_key_jwt', jwks }), 'keys themselves')
})

t.test('a link to the hub leads to no address of a program before the person decides', async (t) => {
  const evil = 'https://evil.example/phish'
  const client_id = await registerClient(hub, { client_name: 'Evil', redirect_uris: [evil] })
  person('alice', 'staff')
  const alice = hub.visitor()
  await alice.open(`${hub.signInUrl}/web/account`)
  const good = { client_id, redirect_uri: evil, code_challenge: proofKey().challenge }
  const app = { ...good, resource: resource('one') }
  const wrong = [
    { ...good, response_type: 'bad' },
    { ...app, prompt: 'none' },
    { ...good, resource: 'https://elsewhere.example/' },
    { ...good, code_challenge_method: 'plain' },
  ]
  for (const visitor of [hub.visitor(), alice])
    for (const fields of wrong) {
      const answer = await visitor.fetch(authorizationUrl(hub, fields), { headers: { accept: 'text/html' } })
      const { location = '' } = answer.headers
      t.notMatch(location, /evil/, JSON.stringify(fields))
      t.match(answer, { status: 400, text: /This program cannot continue/ }, JSON.stringify(fields))
    }
  // Whoever decides leaves for the program.
  const page = await follow(alice, authorizationUrl(hub, app), 'https://evil.example')
  if (page instanceof URL) return t.fail(page.href)
  const denied = await allow(alice, page, 'https://evil.example', 'deny')
  t.match(String(denied), /^https:\/\/evil\.example\/phish\?error=access_denied/)
  const again = await follow(alice, authorizationUrl(hub, app), 'https://evil.example')
  if (again instanceof URL) return t.fail(again.href)
  t.match(String(await allow(alice, again, 'https://evil.example')), /\?code=/)
  const later = await follow(
    alice,
    authorizationUrl(hub, { ...app, resource: 'https://elsewhere.example/' }),
    'https://evil.example',
  )
  t.match(String(later), /error=invalid_target/, 'a program that the person let in hears its errors')
})

/** Sends the beginning of a form, and then closes the connection. */
function abandon(path: string): Promise<void> {
  const { hostname, host } = new URL(hub.signInUrl)
  return new Promise((resolve) => {
    const socket = connect({
      host: '127.0.0.1',
      port: hub.ports.public,
      servername: hostname,
      ca: hub.ca,
      ALPNProtocols: ['http/1.1'],
    })
    socket.on('error', () => {}).on('close', () => resolve())
    socket.write(
      `POST ${path} HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 1000\r\n\r\nabc`,
      () => setTimeout(() => socket.destroy(), 20),
    )
  })
}

t.test('strangers cannot fill the log of the hub', async (t) => {
  const jwt = (typ: string) =>
    world.issuer.sign({ iss: world.issuer.url, aud: 'x', iat: 1, jti: 'x', events: {} }, { typ })
  const secevent = {
    method: 'POST',
    headers: { 'content-type': 'application/secevent+jwt' },
    body: jwt('secevent+jwt'),
  }
  const logout = new URLSearchParams({ logout_token: jwt('logout+jwt') })
  const visitor = hub.visitor()
  for (const [what, call] of [
    ['token request', () => abandon('/v1/oauth/token')],
    ['security event', () => visitor.fetch(`${hub.url}/v1/webapi/oidc/security-events/sso`, secevent)],
    ['of no connector', () => visitor.fetch(`${hub.url}/v1/webapi/oidc/security-events/made-up`, secevent)],
    ['logout token', () => post(hub, '/v1/webapi/oidc/backchannel-logout/sso', logout)],
    ['proof', () => token(hub, { grant_type: 'client_credentials', client_id: 'bot:x', client_secret: 'y' })],
    ['callback', () => visitor.fetch(`${hub.signInUrl}/v1/webapi/oidc/callback/sso?state=x&code=y`)],
    ['callback of no connector', () => visitor.fetch(`${hub.signInUrl}/v1/webapi/oidc/callback/made-up`)],
  ] as const) {
    const from = hub.log.length
    for (let at = 0; at < 20; at++) await call()
    await new Promise((resolve) => setTimeout(resolve, 100))
    const lines = hub.log.slice(from).filter((line) => !/ DEBUG /.test(line))
    t.ok(lines.length <= 1, `${what}: ${lines.length} lines: ${lines[1]}`)
    t.notMatch(lines.join('\n'), /\bat .*node:/, `${what}: no stack`)
  }
})

t.test('the pages for devices show no error of the hub', async (t) => {
  const stranger = await hub.visitor().fetch(`${hub.signInUrl}/v1/oauth/device/x`)
  t.match(stranger, { status: 303, headers: { location: /\/web\/login\?/ } })
  person('dora', 'staff')
  const dora = hub.visitor()
  await dora.open(`${hub.signInUrl}/web/account`)
  const from = hub.log.length
  const form = await dora.open(`${hub.signInUrl}/v1/oauth/device/x`)
  t.match(form, { status: 200, text: /name="user_code"/ }, 'the form, to begin again')
  const other = hub.visitor()
  person('dora', 'staff')
  await other.open(`${hub.signInUrl}/web/account`)
  const lost = await other.fetch(`${hub.signInUrl}/v1/oauth/device`, {
    method: 'POST',
    headers: { origin: hub.signInUrl, 'content-type': 'application/x-www-form-urlencoded' },
    body: 'user_code=BBBB-BBBB&xsrf=x',
  })
  t.match(lost, { status: 303, headers: { location: '/v1/oauth/device' } }, 'a form without its session')
  t.strictSame(hub.log.slice(from), [])
})

t.test('live tokens stop working once an app is switched off for programs', async (t) => {
  person('erin', 'staff')
  const client_id = await registerClient(hub)
  const tokens = await authorize(hub, hub.visitor(), client_id, resource('one'))
  const headers = { authorization: `Bearer ${tokens.access_token}`, accept: 'application/json' }
  const open = (name: string, given = headers) => hub.visitor().fetch(hub.appUrl(name), { headers: given })
  t.equal((await open('one')).status, 200)
  const stream = await hub.visitor().stream(`${hub.appUrl('one')}/drip`, { headers })
  let cut = false
  stream
    .on('error', () => {})
    .on('close', () => {
      cut = true
    })
    .resume()
  await world.register('one', { plugins: { 'authorization-server': { programs: 'off' } } })
  await until(() => cut, 'its streams are cut')
  t.match(await open('one'), { status: 403, text: /programs_off/ })
  const browser = hub.visitor()
  await browser.open(hub.appUrl('one'))
  t.match(await browser.open(hub.appUrl('one')), { status: 200 }, 'people go on')
})
