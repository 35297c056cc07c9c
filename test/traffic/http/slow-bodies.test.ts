// together: hubs
/** Bodies that do not come, or are no HTTP, whatever the request says of its connection. */

import { setTimeout as pause } from 'node:timers/promises'
import { connect, type TLSSocket } from 'node:tls'
import type { Subject, WebRoutes } from '@mezite/core'
import t from 'tap'
import { defaultLimits } from '../../../core/base/limits/limits.ts'
import { OK, openByteApp } from '../../plugins/http-apps/byte-app.ts'
import { appAt, COOKIE, openGateway } from '../../plugins/http-apps/gateway.ts'
import { until } from '../../until.ts'
import { names, startWeb, subject } from '../../web/server/start-web.ts'

const APP_HOST = 'a.apps.mezite.localhost'
const REQUEST_MS = 1_000

const app = await openByteApp(() => OK)
const gateway = await openGateway(appAt(app.port, { publicAddr: APP_HOST }), names)
const open: WebRoutes = {
  name: 'open',
  prefix: '/open',
  async routes(web) {
    web.post('/x', { config: { access: 'public' } }, async () => ({}))
  },
}
const limits = { ...defaultLimits, headerMs: 1_000, requestMs: REQUEST_MS }
const hub = await startWeb([open], { limits }, { protocols: [gateway.hosts] })
t.teardown(async () => {
  await gateway.close()
  await hub.stop()
  app.close()
})

/** A connection that may carry any host. */
async function dial(): Promise<{ socket: TLSSocket; got: () => string; closed: Promise<boolean> }> {
  const socket = connect({ port: hub.port, host: '127.0.0.1', rejectUnauthorized: false })
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  socket.on('error', () => {})
  const closed = new Promise<boolean>((resolve) => {
    socket.once('close', () => resolve(true))
    setTimeout(() => resolve(false), 15_000).unref()
  })
  await new Promise<void>((resolve) => socket.once('secureConnect', () => resolve()))
  return { socket, got: () => text, closed }
}

const head = (host: string, path: string, version: string, ...lines: string[]) =>
  [
    `POST ${path} HTTP/${version}`,
    `Host: ${host}`,
    `Cookie: ${COOKIE}`,
    'Content-Type: application/json',
    ...lines,
    '\r\n',
  ].join('\r\n')

t.test('a kept connection does not collect a listener for each body', async (t) => {
  const warnings: string[] = []
  const warned = (warning: Error) => void warnings.push(warning.name)
  process.on('warning', warned)
  t.teardown(() => process.removeListener('warning', warned))
  const { socket, got } = await dial()
  for (let count = 1; count <= 15; count++) {
    socket.write(`${head('hub.mezite.localhost', '/open/x', '1.1', 'Content-Length: 2')}{}`)
    await until(() => got().split('HTTP/1.1 200').length > count, `response ${count}`)
  }
  socket.destroy()
  t.notOk(warnings.includes('MaxListenersExceededWarning'))
})

const ways = [
  ['1.1', 'Connection: keep-alive'],
  ['1.1', 'Connection: close'],
  ['1.0', 'X: y'],
] as const

t.test(
  'N166 a body that does not arrive gets a response on the hub’s own host, and the connection closes',
  async (t) => {
    for (const [version, connection] of ways) {
      const { socket, got, closed } = await dial()
      socket.write(`${head('hub.mezite.localhost', '/open/x', version, 'Content-Length: 10', connection)}a`)
      t.ok(await closed, `HTTP/${version}, ${connection}`)
      t.match(got(), /^HTTP\/1.1 400 /)
      socket.destroy()
    }
    const { socket, got, closed } = await dial()
    socket.write(`${head('hub.mezite.localhost', '/open/x', '1.1', 'Transfer-Encoding: chunked')}1\r\n[\r\n`)
    t.ok(await closed, 'in chunks')
    t.match(got(), /^HTTP\/1.1 400 /)
    socket.destroy()
  },
)

t.test(
  'N166 a body that drips in after its response ends the connection, on each kind of host',
  async (t) => {
    for (const [host, path] of [
      ['hub.mezite.localhost', '/nothing'],
      [APP_HOST, '/x'],
    ] as const) {
      const { socket, got, closed } = await dial()
      const lines = [`POST ${path} HTTP/1.1`, `Host: ${host}`, 'Content-Length: 60000', '', '']
      socket.write(lines.join('\r\n'))
      const drip = setInterval(() => socket.write('x'), 100)
      t.ok(await closed, host)
      clearInterval(drip)
      t.match(got(), /^HTTP\/1.1 (200|401|404) /)
      socket.destroy()
    }
  },
)

t.test('F81 a malformed body is answered with 400, and the connection closes', async (t) => {
  for (const host of ['hub.mezite.localhost', APP_HOST])
    for (const connection of ['keep-alive', 'close']) {
      const { socket, got, closed } = await dial()
      const lines = ['Transfer-Encoding: chunked', `Connection: ${connection}`]
      socket.write(`${head(host, '/open/x', '1.1', ...lines)}1\r\nx\r\n`)
      await pause(200)
      socket.write('zz\r\n')
      t.ok(await closed, `${host}, ${connection}`)
      t.match(got(), /^HTTP\/1.1 400 /)
      socket.destroy()
    }
  const broken = await gateway.recorded(2)
  t.strictSame(
    broken.map(({ reason, fields }) => [reason, fields?.status]),
    [
      ['request_invalid', 400],
      ['request_invalid', 400],
    ],
    'the trail says whose fault it was',
  )
  t.equal(gateway.live.size, 0)
})

t.test('E79 a caller who loses access before the body has arrived is refused', async (t) => {
  const root = subject('root', ['admin'])
  let caller: Subject | null = root
  let fresh = true
  let asked = 0
  const done: string[] = []
  const admin: WebRoutes = {
    name: 'admin',
    prefix: '/admin',
    async routes(web) {
      web.post('/x', { config: { access: 'thing.update' } }, async (request) => {
        done.push(request.subject.user)
        await request.actor.stillMay?.()
        return {}
      })
    },
  }
  const identify = async () => {
    asked += 1
    return caller
  }
  const hub = await startWeb([admin], { identify, revisions: { fresh: () => fresh } })
  t.teardown(hub.stop)
  const call = async (meanwhile: () => void) => {
    const socket = connect({ port: hub.port, host: '127.0.0.1', rejectUnauthorized: false })
    socket.on('error', () => {})
    const answered = new Promise<string>((resolve) => socket.once('data', (data) => resolve(String(data))))
    asked = 0
    const lines = ['Authorization: Bearer root', 'Content-Length: 2', 'Connection: close']
    socket.write(`${head('hub.mezite.localhost', '/admin/x', '1.1', ...lines)}{`)
    await until(() => asked === 1, 'the caller is known')
    meanwhile()
    socket.write('}')
    const status = (await answered).slice(9, 12)
    socket.destroy()
    return [status, done.splice(0)]
  }
  t.same(await call(() => {}), ['200', ['root']])
  t.same(await call(() => (caller = null)), ['401', []])
  caller = root
  t.same(await call(() => (caller = subject('root', []))), ['403', []])
  caller = root
  t.same(await call(() => (fresh = false)), ['503', []])
})

t.test('an upload to an app may take as long as bytes arrive', async (t) => {
  const { socket, got, closed } = await dial()
  socket.write(head(APP_HOST, '/up', '1.1', 'Transfer-Encoding: chunked', 'Connection: close'))
  for (let ms = 0; ms < 3 * REQUEST_MS; ms += 200) {
    socket.write('1\r\nx\r\n')
    await pause(200)
  }
  socket.write('0\r\n\r\n')
  t.ok(await closed)
  t.match(got(), /^HTTP\/1.1 200 /)
})
