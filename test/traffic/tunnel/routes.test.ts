// together: tunnels
import t from 'tap'
import { startStopwatch } from '../../stopwatch.ts'
import { startWeb } from '../../web/server/start-web.ts'
import { joined } from './start-app.ts'
import { startTunnelHub, type TunnelHub, testApp } from './start-tunnel-hub.ts'

const prefix = '/v1/webapi'

/** The routes as the hub mounts them, and a caller who is an admin unless said otherwise. */
async function mount(t: { teardown(run: () => unknown): void }, hub: TunnelHub) {
  const web = await startWeb(hub.routes)
  t.teardown(() => web.stop())
  return async (method: string, path: string, body?: unknown, as: 'root' | 'alice' | null = 'root') => {
    const text = body === undefined ? '' : JSON.stringify(body)
    const head = [
      `${method} ${prefix}${path} HTTP/1.1`,
      'Host: hub.mezite.localhost',
      'Connection: close',
      ...(as ? [`Authorization: Bearer ${as}`] : []),
      ...(text ? ['Content-Type: application/json', `Content-Length: ${text.length}`] : []),
    ]
    const answer = await web.raw(`${head.join('\r\n')}\r\n\r\n${text}`)
    const status = Number(answer.split(' ')[1])
    const content = answer.slice(answer.indexOf('\r\n\r\n') + 4)
    return {
      status,
      body: content.startsWith('{') || content.startsWith('[') ? JSON.parse(content) : content,
    }
  }
}

t.test('K140 strangers and users cannot call the routes of tokens and agents', async (t) => {
  const hub = await joined(t)
  const call = await mount(t, hub)
  for (const [method, path] of [
    ['GET', '/tokens'],
    ['POST', '/tokens'],
    ['DELETE', '/tokens/x'],
    ['GET', '/agents'],
    ['GET', '/agents/node-1'],
    ['DELETE', '/agents/node-1'],
  ] as const) {
    const body = method === 'POST' ? { roles: ['app'] } : undefined
    t.equal((await call(method, path, body, null)).status, 401, `${method} ${path}`)
    t.equal((await call(method, path, body, 'alice')).status, 403, `${method} ${path}`)
  }
  t.equal(hub.tunnel.links().length, 1)
})

t.test('J127 a token is shown once, admits one agent and can be revoked', async (t) => {
  const hub = await startTunnelHub()
  t.teardown(() => hub.close())
  const call = await mount(t, hub)
  const made = await call('POST', '/tokens', { roles: ['app'], ttl_seconds: 60, agent_hostname: 'Node-1' })
  t.equal(made.status, 201)
  const { id, token, ca_pin: pin, command } = made.body
  t.match(made.body, { id: String, token: String })
  t.equal(pin, hub.authorities.pin())
  t.equal(
    command,
    `mezd start --proxy hub.example.com:443 --token-file - --ca-pin ${pin} --hostname node-1`,
    'no token where everybody on the machine can read it',
  )
  const listed = await call('GET', '/tokens')
  t.match(listed.body, [{ id, name: null, roles: ['app'], agent_hostname: 'node-1', used_at: null }])
  t.notOk(JSON.stringify(listed.body).includes(token))
  await hub.agent({ token }).start()
  t.type((await call('GET', '/tokens')).body[0].used_at, 'string')

  const second = (await call('POST', '/tokens', { roles: ['app'] })).body
  t.equal((await call('DELETE', `/tokens/${second.id}`)).status, 204)
  t.match(await call('DELETE', `/tokens/${second.id}`), { status: 404, body: { code: 'token_not_found' } })
  t.match(await call('DELETE', '/tokens/not-a-uuid'), { status: 404 })
  await t.rejects(hub.agent({ token: second.token, hostname: 'node-2' }).start(), {
    code: 'MEZ_TOKEN_REFUSED',
  })
  const types = hub.events.map((event) => event.type)
  t.same(types, [
    'token.created',
    'agent.joined',
    'agent.connected',
    'token.created',
    'token.deleted',
    'agent.rejected',
  ])
  t.equal(hub.events[0]?.by?.subject.user, 'root')
  t.notOk(JSON.stringify(hub.events).includes(token))
})

t.test('K141 an invalid request for a token is refused', async (t) => {
  const hub = await startTunnelHub()
  t.teardown(() => hub.close())
  const call = await mount(t, hub)
  for (const body of [
    {},
    { roles: [] },
    { roles: ['admin'] },
    { roles: ['app', 'app'] },
    { roles: ['app'], ttl_seconds: 0 },
    { roles: ['app'], ttl_seconds: '60' },
    { roles: ['app'], ttl_seconds: 31 * 86_400 },
    { roles: ['app'], agent_hostname: 'a/b' },
    { roles: ['app'], agent_hostname: 7 },
    { roles: ['app'], used_at: null },
  ]) {
    t.equal((await call('POST', '/tokens', body)).status, 400, JSON.stringify(body))
  }
  t.same((await call('GET', '/tokens')).body, [])
})

t.test('J130 a removed agent is gone within a second, and its certificate is void', async (t) => {
  const hub = await joined(t)
  const call = await mount(t, hub)
  hub.apps.push(testApp('tcp://127.0.0.1:1'), testApp('tcp://127.0.0.1:2', ['node-2'], { name: 'other' }))
  const shown = await call('GET', '/agents/node-1')
  t.match(shown.body, {
    hostname: 'node-1',
    connected: true,
    since: /^\d{4}-/,
    version: '0.0.0',
    transport: 'http2',
    streams: 0,
    apps: ['app'],
    cert_expires: /^\d{4}-/,
  })
  const life = Date.parse(shown.body.cert_expires) - Date.now()
  t.ok(Math.abs(life - 24 * 3_600_000) < 60_000, 'certificates live 24 hours')
  t.same((await call('GET', '/agents')).body.length, 1)

  const watch = startStopwatch()
  t.equal((await call('DELETE', '/agents/node-1')).status, 200)
  await hub.until(() => hub.tunnel.links().length === 0, 'the link is cut')
  t.ok(watch.took() < 3_000, `cut after ${watch.took()} ms`)
  await hub.until(
    () => hub.events.some((event) => event.reason === 'agent_unknown'),
    'it is not let in again',
  )
  t.same(hub.tunnel.candidates(testApp('tcp://127.0.0.1:1')), [])
  t.match(await call('GET', '/agents/node-1'), { status: 404, body: { code: 'agent_not_found' } })
  t.equal((await call('DELETE', '/agents/node-1')).status, 404)
  t.match(
    hub.events.find((event) => event.type === 'agent.deleted'),
    { by: { subject: { user: 'root' } }, success: true, fields: { agent: 'node-1' } },
  )
})

t.test('an agent that was removed joins again with its old data and a new token', async (t) => {
  const hub = await startTunnelHub()
  t.teardown(() => hub.close())
  const call = await mount(t, hub)
  const dataDir = t.testdir({})
  const first = hub.agent({ token: await hub.token(), dataDir })
  await first.start()
  await first.stop(500)
  await call('DELETE', '/agents/node-1')
  await hub.agent({ token: await hub.token(), dataDir }).start()
  await hub.until(() => hub.tunnel.links().length === 1, 'it is back')
})
