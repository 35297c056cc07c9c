// together: hubs
/** A hub behind a balancer that looks at /readyz: nobody is refused while it stops. */
import { once } from 'node:events'
import { connect as connectHttp2, constants } from 'node:http2'
import { Agent, request } from 'node:https'
import { connect as connectTcp } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { createTestHub } from '@mezite/core/testing'
import t from 'tap'

t.test(
  'on SIGTERM /readyz fails at once, and the port serves during the delay and asks clients to leave',
  async (t) => {
    const hub = await createTestHub({ config: { proxy: { shutdown_delay: '6s' } } })
    t.teardown(() => hub.stop())
    const { hostname } = new URL(hub.url)
    const there = { host: '127.0.0.1', port: hub.ports.public, ca: hub.ca, servername: hostname }
    const ready = async () => (await fetch(`http://127.0.0.1:${hub.ports.diagnostics}/readyz`)).status
    const get = async (agent: Agent) => {
      const call = request({
        ...there,
        agent,
        path: '/v1/webapi/openapi.json',
        headers: { host: hostname },
      }).end()
      const [response] = await once(call, 'response')
      response.resume()
      await once(response, 'end')
      return [response.statusCode, response.headers.connection]
    }
    const kept = new Agent({ keepAlive: true, maxSockets: 1 })
    t.teardown(() => kept.destroy())
    t.strictSame(await get(kept), [200, 'keep-alive'])
    const session = connectHttp2(hub.url, { ...there, host: undefined, createConnection: undefined } as never)
    session.on('error', () => {})
    t.teardown(() => session.destroy())
    const ask = async () => {
      const stream = session.request({ ':path': '/v1/webapi/openapi.json' })
      const [head] = await once(stream, 'response')
      stream.resume()
      return head[':status']
    }
    t.equal(await ask(), 200)
    const goodbye = once(session, 'goaway')
    t.equal(await ready(), 200)

    const began = performance.now()
    const stopped = hub.stop()
    t.equal(await ready(), 503, 'at once')
    t.equal((await goodbye)[0], constants.NGHTTP2_NO_ERROR, 'HTTP/2 clients are asked to leave')
    t.strictSame(await get(kept), [200, 'close'], 'on a connection that was kept')
    while (performance.now() - began < 2_000) {
      t.strictSame(await get(new Agent()), [200, 'close'], 'on a new connection')
      const late = connectHttp2(hub.url, there as never)
      const stream = late.request({ ':path': '/v1/webapi/openapi.json' })
      t.equal((await once(stream, 'response'))[0][':status'], 200, 'over HTTP/2')
      late.destroy()
      await pause(200)
    }
    await stopped
    t.ok(performance.now() - began > 5_900, 'the delay was waited for')
    await t.rejects(get(new Agent()), { code: 'ECONNREFUSED' })
  },
)

t.test('fault 3: a connection in its TLS handshake when the hub stops gets its first response', async (t) => {
  const hub = await createTestHub({ config: { shutdown_grace: '30s' } })
  t.teardown(() => hub.stop())
  const { hostname } = new URL(hub.url)
  const raw = connectTcp(hub.ports.public, '127.0.0.1')
  t.teardown(() => raw.destroy())
  await once(raw, 'connect')
  // A later connection has been accepted, so this one has too.
  await hub.visitor().fetch(hub.url)
  const stopped = hub.stop()
  await pause(200)
  const socket = connectTls({ socket: raw, ca: hub.ca, servername: hostname, ALPNProtocols: ['http/1.1'] })
  await once(socket, 'secureConnect')
  await pause(200)
  socket.write(`GET /v1/webapi/openapi.json HTTP/1.1\r\nHost: ${hostname}:${hub.ports.public}\r\n\r\n`)
  let text = ''
  for await (const chunk of socket) text += chunk
  t.match(text, /^HTTP\/1\.1 200 [\s\S]*\r\nConnection: close\r\n/i)
  await stopped
})
