// together: quick
/** Connections to an app that speaks HTTP/2, which end while both sides write. */
import { once } from 'node:events'
import { createServer as createHttp2Server } from 'node:http2'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import t from 'tap'
import { MemoryTunnel } from '../../../core/testing/index.ts'
import { requestHealth } from '../../../core/traffic/tunnel/health-request.ts'
import { Http2Upstream } from '../../../plugins/http-apps/upstream/http2-upstream.ts'
import type { RequestHead, UpstreamUser } from '../../../plugins/http-apps/upstream/upstream.ts'
import { until } from '../../until.ts'
import { appAt } from './gateway.ts'

const HEAD: RequestHead = {
  ...{
    method: 'POST',
    target: '/',
    host: 'a',
    first: { lines: [], bytes: Buffer.alloc(0) },
    requestId: '1',
    lines: [],
  },
  length: null,
  upgrade: false,
  trailers: false,
}
const CONNECTIONS = 60
const LONGEST_MS = 20

/** An app that answers without end, behind a relay whose connections `end` ends. */
async function startApp(end: (socket: Socket) => void) {
  const app = createHttp2Server()
  app.on('sessionError', () => {})
  app.on('stream', (stream) => {
    stream.on('error', () => {})
    if (stream.destroyed) return
    stream.resume()
    stream.respond({ ':status': 200 })
    const more = (): void => {
      if (stream.writable) stream.write(Buffer.alloc(16_384), () => setImmediate(more))
    }
    more()
  })
  const sockets = new Set<Socket>()
  const relay = createServer({ allowHalfOpen: true }, (socket) => {
    const onward = connect({ port: portOf(app), host: '127.0.0.1' })
    sockets.add(socket)
    socket.on('error', () => {})
    onward.on('error', () => {})
    onward.on('data', (chunk) => void (socket.writable && socket.write(chunk)))
    onward.once('close', () => socket.destroy())
    socket.pipe(onward)
    socket.once('close', () => {
      sockets.delete(socket)
      onward.destroy()
    })
    setTimeout(() => end(socket), Math.random() * LONGEST_MS)
  })
  for (const server of [app, relay]) await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    sockets,
    port: portOf(relay),
    close() {
      for (const socket of sockets) socket.destroy()
      relay.close()
      app.close()
    },
  }
}

const portOf = (server: { address(): unknown }): number => (server.address() as AddressInfo).port

/**
 * Node.js writes to such a connection after it has begun to end its own side of it, which throws outside of every handler
 * (ERR_INTERNAL_ASSERTION in JSStreamSocket.doWrite) unless that end is done at once.
 */
for (const [who, end, leave] of [
  ['the app ends its side', (socket: Socket) => void socket.end()],
  ['the app closes', (socket: Socket) => void socket.destroy()],
  ['the app resets', (socket: Socket) => void socket.resetAndDestroy()],
  ['the hub leaves', () => {}, (upstream: Http2Upstream) => upstream.destroy()],
  ['the tunnel is cut', () => {}, (upstream: Http2Upstream) => upstream.pipe.destroy()],
] as [string, (socket: Socket) => void, ((upstream: Http2Upstream) => void)?][])
  t.test(`when ${who} during a write, a connection over HTTP/2 ends, and nothing else`, async (t) => {
    const app = await startApp(end)
    t.teardown(() => app.close())
    const tunnel = new MemoryTunnel()
    const [link] = tunnel.links()
    const to = appAt(app.port, { httpVersion: 'h2c', health: { path: '/' } as never })
    let gone = 0
    for (let n = 0; n < CONNECTIONS; n++) {
      const upstream = new Http2Upstream(await tunnel.dial(to, link!), to, 's')
      upstream.ongone = () => {
        gone += 1
      }
      const upload = (): void => {
        while (!upstream.gone && upstream.writeBody(Buffer.alloc(4_096)));
      }
      const user = {
        ondrain: upload,
        onfail() {},
        onhead() {},
        onbody() {},
        onend() {},
        oninformational() {},
      }
      upstream.begin(user as unknown as UpstreamUser, HEAD)
      upstream.send(HEAD)
      upload()
      if (leave) setTimeout(() => leave(upstream), Math.random() * LONGEST_MS)
      if (!leave) await requestHealth(await tunnel.dial(to, link!), to)
    }
    await until(() => gone === CONNECTIONS, 'each connection tells its owner')
    await until(() => app.sockets.size === 0, 'and the app')
  })
