// together: plugin-hubs
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { ClientHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { startStopwatch } from '../../stopwatch.ts'
import { closed, open, startTcpHub, type TcpHub } from './start-tcp-hub.ts'

let tcp: TcpHub
const seen: IncomingMessage[] = []
const app = createServer((request, response) => {
  seen.push(request)
  if (request.url === '/slow') return void response.writeHead(200).write('first ')
  let size = 0
  request.on('data', (chunk) => {
    size += chunk.length
  })
  request.on('end', () => {
    response.setHeader('set-cookie', 'own=1')
    response.end(`${request.method} ${size}`)
  })
})
app.on('upgrade', (request, socket) => {
  const accept = createHash('sha1')
    .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64')
  socket.on('error', () => {})
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  )
  socket.pipe(socket)
})

t.before(async () => {
  tcp = await startTcpHub()
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve))
  const { port } = app.address() as AddressInfo
  for (const [name, labels] of [
    ['web', { team: 'platform' }],
    ['other', { team: 'other' }],
  ] as const)
    await tcp.hub.api('PUT', `/apps/${name}`, {
      kind: 'app',
      version: 'v1',
      metadata: { name, labels },
      spec: { uri: `http://127.0.0.1:${port}`, agents: ['node-1'] },
    })
  await tcp.publish('echo', (socket) => void socket.pipe(socket))
})
t.teardown(async () => {
  app.closeAllConnections()
  app.close()
  await tcp?.stop()
})

const HTTP = { 'mezite-protocol': 'http' }
const host = (name: string) => new URL(tcp.hub.appUrl(name)).host

/** Sends text and resolves with what has come when `ends` matches. */
function exchange(stream: ClientHttp2Stream, text: string, ends: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let got = ''
    const take = (chunk: Buffer): void => {
      got += chunk.toString('latin1')
      if (!ends.test(got)) return
      stream.removeListener('data', take)
      resolve(got)
    }
    stream.on('data', take)
    stream.once('close', () => reject(new Error(`closed after ${got}`)))
    stream.write(Buffer.from(text, 'latin1'))
  })
}

t.test(
  'a stream carries HTTP/1.1 to one app, with the person’s identity, recorded request by request',
  async (t) => {
    const ada = await tcp.login('ada', ['platform'])
    const session = tcp.msh(ada)
    const [answer] = await Promise.all([
      new Promise<Record<string, unknown>>((resolve) => {
        const stream = session.request({ ':method': 'CONNECT', ':authority': 'web', ...HTTP })
        stream.once('response', (head) => {
          resolve(head)
          stream.destroy()
        })
        stream.on('error', () => {})
      }),
    ])
    t.match(answer, { ':status': 200, 'mezite-public-host': host('web') })
    const { stream } = await open(session, 'web', HTTP)
    const first = await exchange(
      stream,
      `POST /a?q=1 HTTP/1.1\r\nHost: ${host('web')}\r\nContent-Length: 5\r\nX-Mezite-User: root\r\nCookie: __Host-mezite_app=${'x'.repeat(43)}; mine=1\r\n\r\nhello`,
      /POST 5$/,
    )
    t.match(first, /^HTTP\/1\.1 200 OK\r\n/)
    const request = seen.at(-1)
    t.match(request?.headers, {
      host: host('web'),
      'x-mezite-user': 'ada@example.com',
      'x-mezite-roles': 'platform',
      cookie: 'mine=1',
    })
    t.ok(request?.headers['mezite-jwt-assertion'])
    t.match(
      await exchange(stream, `GET / HTTP/1.1\r\nHost: ${host('web')}\r\n\r\n`, /GET 0$/),
      /200 OK/,
      'a second one',
    )
    const records = await tcp.events('app.request', ({ session_id }) => session_id === ada.session_id, 2)
    t.match(records[0], {
      user: 'ada@example.com',
      app: 'web',
      method: 'POST',
      path: '/a',
      status: 200,
      bytes_in: 5,
      bytes_out: 6,
      agent: 'node-1',
    })
    session.destroy()
  },
)

t.test('G101 F90 an upgrade behind other requests ends its stream only', async (t) => {
  const session = tcp.msh(await tcp.login('bo', ['platform']))
  const { stream } = await open(session, 'web', HTTP)
  stream.resume()
  const get = (name: string, more = '') => `GET / HTTP/1.1\r\nHost: ${name}\r\n${more}\r\n`
  const upgrade =
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
  // The first ends the connection; the second comes when that is answered, and gets no answer.
  for (const text of [get('evil.test'), get(host('web')), get(host('web'), upgrade)])
    stream.write(Buffer.from(text))
  await closed(stream)
  t.equal((await open(session, 'web', HTTP)).status, 200)
})

t.test('a stream reaches its app only, and not the pages of the hub', async (t) => {
  const session = tcp.msh(await tcp.login('ada', ['platform']))
  t.match(await open(session, 'echo', HTTP), { status: 400, reason: 'protocol_mismatch' })
  t.match(await open(session, 'web'), { status: 400, reason: 'protocol_mismatch' })
  t.match(await open(session, 'other', HTTP), { status: 403, reason: 'label_mismatch' })
  const before = seen.length
  for (const [name, path] of [
    ['other', '/'],
    ['unknown', '/'],
    ['web', '/.mezite/logout'],
    ['web', '/.mezite/session?code=x&path=/'],
  ] as const) {
    const { stream } = await open(session, 'web', HTTP)
    const text = await exchange(stream, `GET ${path} HTTP/1.1\r\nHost: ${host(name)}\r\n\r\n`, /\}$/)
    t.match(text, /^HTTP\/1\.1 421 /, `${name}${path}`)
    stream.destroy()
  }
  const { stream } = await open(session, 'web', HTTP)
  const cross = await exchange(
    stream,
    `POST / HTTP/1.1\r\nHost: ${host('web')}\r\nOrigin: https://evil.example\r\nContent-Length: 0\r\n\r\n`,
    /\}$/,
  )
  t.match(cross, /403[\s\S]*origin_not_allowed/)
  t.equal(seen.length, before)
  session.destroy()
})

t.test(
  'I121 roles that demand MFA or a device are refused for HTTP apps too, whatever the request contains',
  async (t) => {
    const session = tcp.msh(await tcp.login('mfa', ['platform', 'careful']))
    t.match(await open(session, 'web', HTTP), { status: 403, reason: 'session_mfa_required' })
    session.destroy()
    // The role comes while a stream is open.
    const eve = await tcp.login('eve', ['platform'])
    const later = tcp.msh(eve)
    const { stream } = await open(later, 'web', HTTP)
    await exchange(stream, `GET / HTTP/1.1\r\nHost: ${host('web')}\r\n\r\n`, /GET 0$/)
    await tcp.hub.api('PATCH', '/users/eve@example.com', { roles: ['careful'] })
    const before = seen.length
    const page = await exchange(
      stream,
      `GET / HTTP/1.1\r\nHost: ${host('web')}\r\nSec-Fetch-Mode: navigate\r\nAccept: text/html\r\n\r\n`,
      /<\/html>\s*$/,
    )
    t.match(page, /^HTTP\/1\.1 403 [\s\S]*session_mfa_required/)
    t.equal(seen.length, before)
    later.destroy()
  },
)

t.test('WebSockets pass, and live ones are cut within a second', async (t) => {
  const ada = await tcp.login('live', ['platform'])
  const session = tcp.msh(ada)
  const { stream } = await open(session, 'web', HTTP)
  const head = await exchange(
    stream,
    `GET /ws HTTP/1.1\r\nHost: ${host('web')}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
    /\r\n\r\n$/,
  )
  t.match(head, /^HTTP\/1\.1 101 /)
  // One masked text frame "hi", mask of zeros.
  t.match(await exchange(stream, '\x81\x82\0\0\0\0hi', /hi$/), /hi$/)
  const slow = await open(session, 'web', HTTP)
  await exchange(slow.stream, `GET /slow HTTP/1.1\r\nHost: ${host('web')}\r\n\r\n`, /first/)
  const over = Promise.all([closed(stream), closed(slow.stream), once(session, 'close')])
  stream.resume()
  slow.stream.resume()
  const watch = startStopwatch()
  await tcp.hub.api('DELETE', `/sessions/${ada.session_id}`)
  await over
  t.ok(watch.took() < 3_000)
})
