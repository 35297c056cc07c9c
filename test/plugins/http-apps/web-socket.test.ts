// together: quick
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import t, { type Test } from 'tap'
import { startStopwatch } from '../../stopwatch.ts'
import { until } from '../../until.ts'
import { OK, openByteApp } from './byte-app.ts'
import { appAt, COOKIE, openGateway, raw, readAll, readUntil } from './gateway.ts'

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const ACCEPT = createHash('sha1').update(`${KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
const SWITCH = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n\r\n`

async function open(t: Test, answer: Parameters<typeof openByteApp>[0]) {
  const app = await openByteApp(answer)
  const gateway = await openGateway(appAt(app.port))
  t.teardown(async () => {
    await gateway.close()
    app.close()
  })
  return { app, gateway }
}

/** Unlike `once`, content with a reset. */
function closing(socket: Socket | undefined): Promise<void> {
  return new Promise((resolve) => {
    socket?.once('close', () => resolve())
  })
}

function upgrade(more: Record<string, string | null> = {}): string {
  const headers: Record<string, string | null> = {
    Host: 'a.apps.test',
    Cookie: COOKIE,
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Key': KEY,
    'Sec-WebSocket-Version': '13',
    Origin: 'https://a.apps.test',
    ...more,
  }
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    value === null ? [] : [`${name}: ${value}`],
  )
  return `GET /ws HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`
}

t.test('G96 G97 G98 handshakes that are refused reach no app', async (t) => {
  const { app, gateway } = await open(t, () => SWITCH)
  t.match(await raw(gateway, upgrade({ Cookie: null })), /^HTTP\/1.1 401 /)
  t.match(await raw(gateway, upgrade({ Origin: 'https://b.apps.test' })), /^HTTP\/1.1 403 /)
  for (const token of ['h2c', 'TLS/1.0', 'foo', 'websocket, h2c'])
    t.match(await raw(gateway, upgrade({ Upgrade: token })), /^HTTP\/1.1 400 /, token)
  t.match(await raw(gateway, upgrade({ 'Sec-WebSocket-Key': 'short' })), /^HTTP\/1.1 400 /)
  t.match(await raw(gateway, upgrade({ 'Sec-WebSocket-Version': '8' })), /^HTTP\/1.1 400 /)
  const second = upgrade().replace('Origin:', `Sec-WebSocket-Key: ${KEY}\r\nOrigin:`)
  t.match(await raw(gateway, second), /^HTTP\/1.1 400 /, 'two keys')
  t.match(await raw(gateway, upgrade().replace('GET', 'POST')), /^HTTP\/1.1 400 /)
  t.match(await raw(gateway, upgrade({ X_Mezite_User: 'evil' })), /^HTTP\/1.1 400 /, 'A7')
  t.strictSame(gateway.tunnel.dials, [])
  t.equal(app.requests.length, 0)
})

t.test('G99 only a valid 101 opens a WebSocket', async (t) => {
  let reply = 'HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno'
  const { gateway } = await open(t, () => reply)
  t.match(await raw(gateway, `${upgrade()}GET /second HTTP/1.1\r\n\r\n`), /^HTTP\/1.1 426 [\s\S]*\r\n\r\nno$/)
  reply = OK
  t.match(await raw(gateway, upgrade()), /^HTTP\/1.1 200 [\s\S]*ok$/)
  for (const bad of [
    SWITCH.replace(ACCEPT, 'AAAA'),
    SWITCH.replace('Upgrade: websocket', 'Upgrade: foo'),
    SWITCH.replace('Connection: Upgrade', 'X: y'),
  ]) {
    reply = bad
    t.match(await raw(gateway, upgrade()), /^HTTP\/1.1 502 /)
  }
})

t.test('A7 G100 G101 early bytes wait, and the identity is sent along', async (t) => {
  const { app, gateway } = await open(t, (_, socket) => {
    socket.removeAllListeners('data')
    socket.on('data', (chunk) => socket.write(chunk))
    return SWITCH
  })
  const socket = await gateway.dial()
  socket.write(`${upgrade({ 'X-Mezite-User': 'evil' })}\x82\x02hi`, 'latin1')
  t.match(await readUntil(socket, /hi$/), /^HTTP\/1.1 101 [\s\S]*\r\n\r\n\x82\x02hi$/)
  t.match(app.requests[0], /X-Mezite-User: ann\r\n[\s\S]*Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n$/)
  t.notMatch(app.requests[0], /evil/)
  socket.end()
  await once(socket, 'close')
  const [record] = await gateway.recorded(1)
  t.match(record?.fields, { status: 101, upgrade: 'websocket', bytes_in: 4, bytes_out: 4 })
})

t.test('G101 F90 an upgrade behind an unfinished response ends its connection, never the hub', async (t) => {
  const { app, gateway } = await open(t, () => OK)
  const thrown: unknown[] = []
  const onthrown = (error: unknown) => thrown.push(error)
  process.on('uncaughtException', onthrown)
  t.teardown(() => process.off('uncaughtException', onthrown))
  const head = 'HTTP/1.1\r\nHost: a.apps.test\r\n'
  const before = [
    `GET / ${head}\r\n`,
    `GET /.mezite/session-status ${head}\r\n`,
    `POST / ${head}Content-Length: 2\r\n\r\nhi`,
    `GET / ${head}Cookie: ${COOKIE}\r\n\r\n`,
    // The first ends the connection, so the second is left alone, and has it still.
    `GET / HTTP/1.1\r\nHost: b.apps.test\r\n\r\nGET / ${head}\r\n`,
    `GET / ${head}Connection: close\r\n\r\nGET / ${head}\r\n`,
  ]
  for (const first of before) {
    for (const second of [upgrade(), `CONNECT a.apps.test:443 ${head}\r\n`]) {
      const answers = await raw(gateway, first + second)
      t.notMatch(answers, /HTTP\/1.1 [\s\S]*HTTP\/1.1 |HTTP\/1.1 (?:101|405) /, first)
      gateway.state.later = !gateway.state.later
    }
  }
  t.same(thrown, [])
  t.notOk(app.requests.some((request) => request.startsWith('GET /ws')))
})

t.test('G102 a cut closes with 4401 between frames, without a code inside one, on both sides', async (t) => {
  const { app, gateway } = await open(t, (request) =>
    request.includes('/ws') ? Buffer.from(`${SWITCH}\x82\x02hi`, 'latin1') : null,
  )
  const quiet = await gateway.dial()
  quiet.write(upgrade())
  await readUntil(quiet, /hi$/)
  let rest = readAll(quiet)
  let appClosed = closing([...app.sockets][0])
  gateway.cutAll('locked')
  t.equal(Buffer.from(await rest, 'latin1').toString('hex'), '88021131')
  await appClosed

  const busy = await gateway.dial()
  busy.write(upgrade())
  await readUntil(busy, /hi$/)
  const [inside] = app.sockets
  rest = readAll(busy)
  inside?.write(Buffer.from([0x82, 4, 1, 2]))
  await once(busy, 'data')
  gateway.cutAll('locked')
  inside?.write(Buffer.from([3, 4, 0x82, 9, 9]))
  t.equal(Buffer.from(await rest, 'latin1').toString('hex'), '820401020304' + '88021131')

  const stuck = await gateway.dial()
  stuck.write(upgrade())
  await readUntil(stuck, /hi$/)
  const [half] = app.sockets
  appClosed = closing(half)
  rest = readAll(stuck)
  half?.write(Buffer.from([0x82, 127, 0, 0, 0, 0, 0x40, 0, 0, 0, 1]))
  await once(stuck, 'data')
  const watch = startStopwatch()
  gateway.cutAll('locked')
  await appClosed
  t.notMatch(Buffer.from(await rest, 'latin1').toString('hex'), /8802/)
  t.ok(watch.took() < 5_000)
  t.ok((await gateway.recorded(3)).every(({ reason }) => reason === 'locked'))
})

t.test('G103 a client that does not read slows the app down, and memory stays flat', async (t) => {
  let written = 0
  const { gateway } = await open(t, (_, socket) => {
    socket.write(SWITCH, 'latin1')
    const frame = Buffer.concat([Buffer.from([0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]), Buffer.alloc(65536)])
    const more = () => {
      while (written < 500e6 && socket.write(frame)) written += frame.length
    }
    socket.on('drain', more)
    more()
    return null
  })
  const socket = await gateway.dial()
  socket.write(upgrade())
  await once(socket, 'readable')
  let before = -1
  while (before !== written) {
    before = written
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  t.ok(written < 60e6, `${written} bytes were taken`)
  socket.destroy()
  await gateway.recorded(1)
})

t.test('G106 resets during upgrades leave nothing behind', async (t) => {
  const { app, gateway } = await open(t, (_, socket) => {
    if (Math.random() < 0.3) socket.resetAndDestroy()
    return SWITCH
  })
  for (let i = 0; i < 100; i++) {
    const socket = await gateway.dial()
    socket.write(upgrade())
    if (i % 2) await Promise.race([once(socket, 'data'), once(socket, 'close')])
    socket.destroy()
  }
  await until(() => gateway.live.size === 0 && app.sockets.size === 0, 'all have ended')
  t.equal(gateway.live.size, 0)
  t.equal(app.sockets.size, 0)
  t.strictSame(gateway.errors, [])
})

t.test('draining closes WebSockets with 1001', async (t) => {
  const { gateway } = await open(t, () => Buffer.from(`${SWITCH}\x82\x02hi`, 'latin1'))
  const socket = await gateway.dial()
  socket.write(upgrade())
  await readUntil(socket, /hi$/)
  const rest = readAll(socket)
  await gateway.hosts.drain(AbortSignal.timeout(50))
  t.equal(Buffer.from(await rest, 'latin1').toString('hex'), '880203e9')
})
