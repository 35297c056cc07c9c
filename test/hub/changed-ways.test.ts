// together: hubs
/**
 * What the hub keeps for each app and connection, so that requests need not ask again, ends with every change: the next request on
 * the same connection follows it.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { connectIssuer, createTestAgent, createTestHub, FakeIssuer } from '../../core/testing/index.ts'
import { until } from '../until.ts'

interface Seen {
  readonly status: number | undefined
  readonly text: string
}

/** A clock that goes on, and that a test can set forward. */
function movedClock() {
  let ahead = 0
  return {
    now: () => Date.now() + ahead,
    monotonic: () => performance.now() + ahead,
    advance: (ms: number) => {
      ahead += ms
    },
  }
}

async function appSaying(t: Test, name: string): Promise<number> {
  const server = createServer((message: IncomingMessage, response) => {
    response.end(`${name} ${message.headers.host} ${message.headers['x-team'] ?? '-'}`)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** A hub, an agent, an app, and somebody who has used it on one connection that stays. */
async function open(t: Test) {
  const clock = movedClock()
  const issuer = await FakeIssuer.start()
  t.teardown(() => issuer.close())
  const hub = await createTestHub({ clock })
  t.teardown(() => hub.stop())
  await connectIssuer(hub, issuer, { platform: { allow: { app_labels: { team: 'platform' } } } })
  const agent = await createTestAgent(hub)
  t.teardown(() => agent.stop())
  const port = await appSaying(t, 'first')
  const put = (spec: object = {}) =>
    hub.api('PUT', '/apps/wiki', {
      kind: 'app',
      version: 'v1',
      metadata: { name: 'wiki', labels: { team: 'platform' } },
      spec: { uri: `http://127.0.0.1:${port}`, agents: [agent.hostname], ...spec },
    })
  await put()
  issuer.person = { sub: 'ann', email: 'ann@example.com', email_verified: true, groups: ['platform'] }
  const visitor = hub.visitor()
  const url = new URL(hub.appUrl('wiki'))
  await visitor.open(`${hub.signInUrl}/web/login?connector=sso`)
  t.equal((await visitor.open(url.href)).status, 200)

  const connections = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => connections.destroy())
  const sockets = new Set<object>()
  const get = async (): Promise<Seen> => {
    const sent = request({
      agent: connections,
      host: '127.0.0.1',
      port: url.port,
      servername: url.hostname,
      ca: hub.ca,
      headers: { host: url.host, cookie: visitor.cookies(url.host) ?? '', accept: '*/*' },
    })
    // A kept connection never connects again: a listener for that would stay with each request.
    sent.on('socket', (socket) => sockets.add(socket))
    sent.end()
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    let text = ''
    for await (const chunk of response.setEncoding('utf8')) text += chunk
    return { status: response.statusCode, text }
  }
  const expect = async (status: number, text: RegExp, why: string) => {
    const seen = await get()
    t.equal(seen.status, status, why)
    t.match(seen.text, text, why)
  }
  await expect(200, /^first wiki\..* -$/, 'at first')
  return { hub, agent, clock, put, get, expect, opened: () => sockets.size }
}

t.test('the next request on a kept connection follows each change of the app’s document', async (t) => {
  const { hub, put, expect, opened } = await open(t)
  await put({ headers: { request: { set: { 'X-Team': 'red' } } } })
  await expect(200, /^first wiki\..* red$/, 'a header is set')
  await put({ rewrite: { host: 'inner.test' } })
  await expect(200, /^first inner\.test -$/, 'the header is gone, and the host is another one')
  await put({ uri: `http://127.0.0.1:${await appSaying(t, 'second')}` })
  await expect(200, /^second wiki\..* -$/, 'the app is at another address')
  await put({ http: { version: 'h2c' } })
  await expect(502, /./, 'the app does not speak the version that it must')
  await put({ enabled: false })
  await expect(503, /app_disabled/, 'the app is switched off')
  await put()
  await expect(200, /^first wiki\..* -$/, 'and on')
  await put({ agents: [] })
  await expect(502, /agent_unbound/, 'no agent serves it')
  await put()
  await hub.api('DELETE', '/roles/platform')
  await expect(403, /./, 'no role reaches it')
  await hub.api('DELETE', '/apps/wiki')
  await expect(401, /./, 'there is no such app')
  t.equal(opened(), 1, 'all on one connection')
})

t.test('a lock that ends by the clock denies until then, and one that begins denies at once', async (t) => {
  const { hub, clock, expect, get } = await open(t)
  const lock = (target: object, ttl_seconds: number) => hub.api('POST', '/locks', { target, ttl_seconds })
  const lasts = async (ms: number) => {
    clock.advance(ms)
    // Access data that is too old denies as well.
    await hub.ready()
  }
  for (const target of [{ user: 'ann@example.com' }, { role: 'platform' }, { app: 'wiki' }]) {
    const what = JSON.stringify(target)
    await lock(target, 60)
    await expect(403, /locked/, `${what} is locked`)
    await lasts(59_000)
    await expect(403, /locked/, `${what} still is`)
    await lasts(2_000)
    await expect(200, /^first/, `${what} is not any more, though nothing was changed`)
    await lock(target, 60)
    await expect(403, /locked/, `${what} is locked again`)
    await lasts(61_000)
    t.equal((await get()).status, 200)
  }
})

t.test('no request reaches the app through an agent that is locked or removed', async (t) => {
  const { hub, agent, clock, expect, get } = await open(t)
  const { hostname } = agent
  await hub.api('POST', '/locks', { target: { agent: hostname }, ttl_seconds: 60 })
  await expect(502, /./, 'the agent is locked')
  clock.advance(61_000)
  await hub.ready()
  // The agent dials again by itself.
  await until(async () => (await get()).status === 200, 'the agent is back')
  await hub.api('DELETE', `/agents/${hostname}`)
  await expect(502, /./, 'the agent is removed')
})

t.test('a provider that is removed ends the access that it gave', async (t) => {
  const { hub, expect } = await open(t)
  await hub.api('DELETE', '/connectors/sso')
  await expect(401, /./, 'it is gone')
})
