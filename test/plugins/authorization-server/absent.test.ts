// together: programs
/** Without the plugins `authorization-server` and `bots`, a hub has nothing for programs. */
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connectIssuer, createTestAgent, createTestHub, FakeIssuer, programLogin } from '@mezite/core/testing'
import t from 'tap'
import { ROUTES } from '../../../plugins/authorization-server/endpoint-routes.ts'
import { post } from './world.ts'

const received: IncomingHttpHeaders[] = []
const upstream = createServer((request, response) => {
  request.resume()
  received.push(request.headers)
  response.end('the app')
})
await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
const issuer = await FakeIssuer.start()
const hub = await createTestHub({ config: { plugins: { 'authorization-server': false, bots: false } } })
await connectIssuer(hub, issuer, { staff: { allow: { app_labels: { '*': '*' } } } })
const agent = await createTestAgent(hub)
t.teardown(async () => {
  await agent.stop()
  await hub.stop()
  await issuer.close()
  upstream.closeAllConnections()
  upstream.close()
})
await hub.api('PUT', '/apps/one', {
  kind: 'app',
  version: 'v1',
  metadata: { name: 'one', labels: { env: 'test' } },
  spec: { uri: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`, agents: [agent.hostname] },
})
issuer.person = { sub: 'ann', email: 'ann@example.com', email_verified: true, groups: ['staff'] }

t.test('without the plugin its endpoints, routes and documents do not exist', async (t) => {
  const ann = await programLogin(hub)
  const headers = { authorization: `Bearer ${ann.token}`, accept: 'application/json' }
  const { text } = await hub.visitor().fetch(`${hub.url}/v1/webapi/openapi.json`)
  t.notMatch(text, /\/bots|\/clients|\/app-clients|\/me\/tokens|rotate\/oidc|oauth/)
  for (const path of [
    ...Object.values(ROUTES),
    ...['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server', '/web/oauth/x'],
    ...['/v1/webapi/bots', '/v1/webapi/clients', '/v1/webapi/app-clients/one', '/v1/webapi/auth/rotate/oidc'],
  ]) {
    t.equal((await hub.visitor().fetch(hub.signInUrl + path, { headers })).status, 404, `GET ${path}`)
    const form = await post(hub, path, new URLSearchParams({ client_id: 'bot:ci' }), headers)
    t.equal(form.status, 404, `POST ${path}`)
  }
  t.equal((await post(hub, '/v1/webapi/me/tokens', { app: 'one' }, headers)).status, 404)
  const bot = { bot: 'ci', public_key: 'x', secret: 'mezite_bot_x' }
  const proof = await post(hub, '/v1/webapi/user-certs', bot)
  t.ok([400, 404].includes(proof.status), `a bot cannot prove itself: ${proof.status} ${proof.text}`)
})

t.test("an app's host accepts no tokens, and does not refer programs elsewhere", async (t) => {
  const token = `mezite_at_${'a'.repeat(43)}`
  const basic = Buffer.from(`git:${token}`).toString('base64')
  for (const headers of [
    { authorization: `Bearer ${token}` },
    { authorization: `Basic ${basic}` },
    { 'mezite-token': token },
  ]) {
    const answer = await hub
      .visitor()
      .fetch(hub.appUrl('one'), { headers: { accept: 'application/json', ...headers } })
    t.equal(answer.status, 401)
    t.equal(answer.headers['www-authenticate'], undefined)
  }
  const metadata = `${hub.appUrl('one')}/.well-known/oauth-protected-resource`
  const stranger = await hub.visitor().fetch(metadata, { headers: { accept: 'application/json' } })
  t.equal(stranger.status, 401, 'it is a path of the app')
  t.strictSame(received, [])
  const ann = hub.visitor()
  await ann.open(hub.appUrl('one'))
  t.match(await ann.fetch(metadata), { status: 200, text: 'the app' })
})
