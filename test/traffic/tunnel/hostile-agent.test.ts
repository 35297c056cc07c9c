// together: tunnels
import { randomBytes } from 'node:crypto'
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2'
import { connect, createServer, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import t from 'tap'
import { makeKeyRequest } from '../../../agent/certificate-request.ts'
import type { Identity } from '../../../agent/identity-store.ts'
import { connectPinned, joinCluster } from '../../../agent/join.ts'
import { REASON_HEADER } from '../../../core/wire/dial-headers.ts'
import { connectHub } from '../../../core/wire/hub-connection.ts'
import { createLineReader, encodeLine } from '../../../core/wire/line-reader.ts'
import { anyTables } from '../../any-tables.ts'
import { startStopwatch } from '../../stopwatch.ts'
import { startTunnelHub, type TunnelHub, testApp } from './start-tunnel-hub.ts'

const host = '127.0.0.1'
const carrier = (port: number) => {
  const socket = connect(port, host)
  socket.on('error', () => {})
  return socket
}

/** A hub with an honest agent `node-1`, and the identity of a second, hostile one. */
async function start(
  t: { teardown(run: () => Promise<void>): void },
  options: Parameters<typeof startTunnelHub>[0] = {},
): Promise<{ hub: TunnelHub; identity: Identity }> {
  const hub = await startTunnelHub(options)
  t.teardown(() => hub.close())
  await hub.agent({ token: await hub.token() }).start()
  const [token, caPin] = [await hub.token('evil'), hub.authorities.pin()]
  const identity = await joinCluster({
    connect: () => connectPinned({ carrier: carrier(hub.port), host, caPin }),
    token,
    hostname: 'evil',
    request: await makeKeyRequest('evil'),
  })
  await hub.until(() => hub.tunnel.links().length === 1, 'the honest agent is connected')
  return { hub, identity }
}

async function secure(hub: TunnelHub, identity: Identity): Promise<TLSSocket> {
  const socket = await connectHub({
    carrier: carrier(hub.port),
    host,
    alpn: ['mezite-tunnel/1'],
    ...identity,
  })
  socket.on('error', () => {})
  socket.resume()
  return socket
}

const closed = (socket: TLSSocket) =>
  new Promise<void>((resolve) => (socket.destroyed ? resolve() : socket.once('close', () => resolve())))

function frame(type: number, flags: number, stream: number, body: Buffer, length = body.length): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, body])
}

const settings = frame(4, 0, 0, Buffer.alloc(0))
const literal = (name: string, value: string) =>
  Buffer.concat([
    Buffer.from([0, name.length]),
    Buffer.from(name),
    Buffer.from([value.length]),
    Buffer.from(value),
  ])
const head = (method: string, path: string) =>
  Buffer.concat([
    literal(':method', method),
    literal(':scheme', 'https'),
    literal(':authority', 'hub'),
    literal(':path', path),
  ])
const preface = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), settings])
const reset = (stream: number, code: number) => frame(3, 0, stream, Buffer.from([0, 0, 0, code]))

/** A client of the join door, and its connection's start. */
async function atJoinDoor(hub: TunnelHub): Promise<TLSSocket> {
  const socket = connectTls({
    port: hub.port,
    host,
    rejectUnauthorized: false,
    ALPNProtocols: ['mezite-join/1'],
    servername: 'hub.test.mezite.internal',
  })
  socket.on('error', () => {})
  await new Promise<void>((resolve) => socket.once('secureConnect', () => resolve()))
  return socket
}
const attacks: Readonly<Record<string, Buffer>> = {
  'random bytes': randomBytes(4_096),
  'a giant frame': Buffer.concat([settings, frame(0, 0, 1, Buffer.alloc(16), 0xffffff)]),
  'a stream of its own': Buffer.concat([settings, frame(1, 5, 2, Buffer.from([0x82, 0x84, 0x86]))]),
  'a promise': Buffer.concat([settings, frame(5, 4, 1, Buffer.from([0, 0, 0, 2, 0x82, 0x84, 0x86]))]),
  'data on stream 0': Buffer.concat([settings, frame(0, 0, 0, Buffer.alloc(8))]),
  'a window overflow': Buffer.concat([settings, frame(8, 0, 0, Buffer.from([0x7f, 0xff, 0xff, 0xff]))]),
}

t.test('J131 broken frames end only the link of their agent', async (t) => {
  const { hub, identity } = await start(t)
  for (const [name, bytes] of Object.entries(attacks)) {
    const socket = await secure(hub, identity)
    socket.write(bytes)
    await closed(socket)
    t.pass(name)
  }
  t.same(
    hub.tunnel.links().map((link) => link.hostname),
    ['node-1'],
  )
})

t.test('J131 broken frames do not harm a hub that is about to explain a refusal', async (t) => {
  const { hub, identity } = await start(t)
  hub.locked.add('evil')
  for (const [name, bytes] of Object.entries({ ...attacks, silence: Buffer.alloc(0) })) {
    const socket = await secure(hub, identity)
    socket.write(bytes)
    await closed(socket)
    t.pass(name)
  }
  t.equal(hub.tunnel.links().length, 1)
})

t.test('J131 J137 broken control lines and another protocol version end the link', async (t) => {
  const { hub, identity } = await start(t)
  for (const line of ['x'.repeat(200_000), 'no json\n', '[]\n', '{"type":"hello","protocol":99}\n']) {
    const socket = await secure(hub, identity)
    const server = createHttp2Server()
    server.on('sessionError', () => {})
    server.on('session', (session) => session.on('error', () => {}))
    server.on('stream', (stream) => {
      stream.on('error', () => {})
      stream.respond({ ':status': 200 })
      stream.write(Buffer.from(line))
    })
    server.emit('connection', socket)
    await closed(socket)
    t.pass(line.slice(0, 20))
  }
  t.equal(hub.tunnel.links().length, 1)
})

t.test('J139 an agent that never answers a stream times out, and another one is tried', async (t) => {
  let says: string | null = null
  const { hub, identity } = await start(t)
  const socket = await secure(hub, identity)
  const server = createHttp2Server()
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    if (says !== null) return stream.respond({ ':status': 502, [REASON_HEADER]: says }, { endStream: true })
    if (headers[':path'] !== '/v1/control') return
    stream.respond({ ':status': 200 })
    stream.write(Buffer.from('{"type":"hello","protocol":1,"version":"9","unknown":1}\n{"type":"new"}\n'))
  })
  server.emit('connection', socket)
  await hub.until(() => hub.tunnel.links().length === 2, 'both are connected')
  const hurried = { connectMs: 200, responseMs: 1, idleMs: 1 }
  await t.rejects(hub.open(testApp('tcp://127.0.0.1:1', ['evil'], { timeouts: hurried })), {
    code: 'MEZ_DIAL_TIMEOUT',
    reason: 'agent_timeout',
  })
  const [first] = hub.tunnel.candidates(testApp('tcp://127.0.0.1:1', ['evil', 'node-1']))
  t.equal(first?.hostname, 'node-1', 'round robin goes on')
  for (const [reason, heard] of [
    ['connection_refused', 'connection_refused'],
    ['<b>call 555', 'refused'],
    ['x'.repeat(65), 'refused'],
  ] as const) {
    says = reason
    const patient = { ...hurried, connectMs: 60_000 }
    await t.rejects(hub.open(testApp('tcp://127.0.0.1:1', ['evil'], { timeouts: patient })), {
      code: 'MEZ_DIAL_FAILED',
      reason: heard,
    })
  }
  socket.destroy()
})

t.test('J131 malformed messages at most end the link of their agent', async (t) => {
  const { hub, identity } = await start(t)
  const odd = [null, 1, {}, [], [null], 'x'].flatMap((value) => [
    { type: 'renew', csr: value },
    { type: 'hub_ca_stored', pins: value },
    { type: 'draining', csr: value },
    { type: value },
  ])
  for (const message of [{ type: 'renew' }, {}, ...odd]) {
    const socket = await secure(hub, identity)
    const server = createHttp2Server()
    server.on('sessionError', () => {})
    let answer = ''
    server.on('stream', (stream) => {
      stream.on('error', () => {})
      stream.respond({ ':status': 200 })
      stream.on('data', (chunk: Buffer) => {
        answer += chunk.toString()
      })
      stream.write(
        Buffer.concat([encodeLine({ type: 'hello', protocol: 1, version: '9' }), encodeLine(message)]),
      )
    })
    server.emit('connection', socket)
    if ('type' in message && message.type === 'renew')
      await hub.until(() => answer.includes('"renew_refused"'), 'it is refused, and keeps its link')
    else await hub.until(() => hub.tunnel.links().length === 2 || socket.destroyed, 'it is up')
    socket.destroy()
    await hub.until(() => hub.tunnel.links().length === 1, 'it is gone')
  }
  t.equal(hub.tunnel.links()[0]?.hostname, 'node-1')
})

t.test('J131 an agent with an impossible server name and origins affects no link', async (t) => {
  const { hub, identity } = await start(t)
  const origin = Buffer.from('\0\x10https://a.bcd.ef', 'latin1')
  for (const servername of ['999.999.999.999', 'agent.example']) {
    const socket = connectTls({
      port: hub.port,
      host,
      servername,
      rejectUnauthorized: false,
      ALPNProtocols: ['mezite-tunnel/1'],
      key: identity.key,
      cert: identity.certificate,
    })
    socket.on('error', () => {})
    socket.resume()
    await new Promise<void>((resolve) => socket.once('secureConnect', () => resolve()))
    socket.write(Buffer.concat([settings, frame(12, 0, 0, origin)]))
    await Promise.race([closed(socket), new Promise((resolve) => setTimeout(resolve, 500))])
    socket.destroy()
  }
  t.strictSame(
    hub.tunnel.links().map((link) => link.hostname),
    ['node-1'],
  )
})

t.test('J131 an agent that sends requests without reading the responses loses its link', async (t) => {
  const { hub, identity } = await start(t)
  const socket = await secure(hub, identity)
  const server = createHttp2Server({ settings: { initialWindowSize: 0 } })
  server.on('sessionError', () => {})
  server.on('stream', (stream) => {
    stream.on('error', () => {})
    stream.respond({ ':status': 200 })
    stream.write(encodeLine({ type: 'hello', protocol: 1, version: '9' }))
    const lines = Buffer.from('{"type":"renew"}\n'.repeat(1_000))
    const flood = setInterval(() => stream.write(lines), 5)
    stream.once('close', () => clearInterval(flood))
  })
  server.emit('connection', socket)
  await closed(socket)
  t.equal(hub.tunnel.links().length, 1)
  t.ok(hub.changed.some((event) => event.hostname === 'evil' && event.reason === 'protocol_error'))
})

t.test('N174 requests beside a join are refused, and harm nobody', async (t) => {
  const { hub } = await start(t)
  const firsts = {
    'after a request for something else': frame(1, 5, 1, head('GET', '/x')),
    'after a join': Buffer.concat([
      frame(1, 4, 1, head('POST', '/v1/join')),
      frame(0, 1, 1, Buffer.from('{}')),
    ]),
  }
  for (const [when, first] of Object.entries(firsts))
    for (const code of [1, 2, 5, 8, 11]) {
      const socket = await atJoinDoor(hub)
      const watch = startStopwatch()
      socket.resume()
      socket.write(Buffer.concat([preface, first]))
      // In a packet of its own: the first stream may be over by then, and the connection not yet.
      await new Promise((resolve) => setTimeout(resolve, 20))
      const [begun, body] = [frame(1, 4, 3, head('POST', '/v1/join')), frame(0, 0, 3, Buffer.from('{'))]
      if (!socket.destroyed) socket.write(Buffer.concat([frame(4, 1, 0, Buffer.alloc(0)), begun, body]))
      await new Promise((resolve) => setTimeout(resolve, 20))
      if (!socket.destroyed) socket.write(reset(3, code))
      await closed(socket)
      t.ok(watch.took() < 10_000, `${when}, code ${code}`)
    }
  t.equal(hub.tunnel.links().length, 1)
})

t.test('N174 an aborted join, and another one behind it, end their connection only', async (t) => {
  const { hub } = await start(t)
  // The last one breaks the connection under both streams.
  for (const more of [[], [reset(3, 2)], [reset(5, 2)]]) {
    const socket = await atJoinDoor(hub)
    const got: Buffer[] = []
    socket.on('data', (chunk: Buffer) => got.push(chunk))
    const post = head('POST', '/v1/join')
    socket.write(
      Buffer.concat([
        ...[preface, frame(1, 4, 1, post), reset(1, 2)],
        ...[frame(1, 4, 3, post), frame(0, 1, 3, Buffer.from('{}')), ...more],
      ]),
    )
    await closed(socket)
    const answers: number[] = []
    for (let rest = Buffer.concat(got); rest.length >= 9; rest = rest.subarray(9 + rest.readUIntBE(0, 3)))
      if (rest[3] === 1) answers.push(rest.readUInt32BE(5))
    t.strictSame(answers, [], 'nothing is answered')
  }
  t.equal(hub.tunnel.links().length, 1)
})

/** Serves the hub on a connection; `onStream` gets the streams to applications, and `heard` all messages. */
function serveHub(
  socket: TLSSocket,
  hello: object,
  onStream: (stream: ServerHttp2Stream) => void = () => {},
) {
  const heard: unknown[] = []
  const server = createHttp2Server()
  server.on('sessionError', () => {})
  server.on('session', (session) => session.on('error', () => {}))
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    stream.respond({ ':status': 200 }, { endStream: false })
    if (headers[':path'] !== '/v1/control') return onStream(stream)
    stream.write(encodeLine({ type: 'hello', protocol: 1, version: '9', ...hello }))
    const onMessage = ({ type }: Readonly<Record<string, unknown>>) => void heard.push(type)
    stream.on('data', createLineReader({ maxBytes: 65_536, onBroken() {}, onMessage }))
  })
  server.emit('connection', socket)
  return heard
}

t.test('J265 a companion that nobody asked for is refused, with or without a link', async (t) => {
  const { hub, identity } = await start(t)
  const refused = () => hub.events.filter(({ reason }) => reason === 'companion_unexpected').length
  const early = await secure(hub, identity)
  serveHub(early, { companion: true })
  await closed(early)
  t.equal(hub.tunnel.links().length, 1)
  const link = await secure(hub, identity)
  serveHub(link, {})
  await hub.until(() => hub.tunnel.links().length === 2, 'it has a link')
  const second = await secure(hub, identity)
  serveHub(second, { companion: true })
  await closed(second)
  t.equal(refused(), 2)
  t.equal(hub.tunnel.links().length, 2)
  t.notOk(link.destroyed, 'its link is as before')
  link.destroy()
})

t.test('J137 an older agent that opens no companion serves downloads and others beside them', async (t) => {
  const { hub, identity } = await start(t)
  const socket = await secure(hub, identity)
  const heard = serveHub(socket, {}, (stream) => {
    stream.once('data', (first: Buffer) => {
      if (String(first) !== 'flow') return void stream.write(first)
      const timer = setInterval(() => stream.writableNeedDrain || stream.write(Buffer.alloc(65_536)), 5)
      stream.once('close', () => clearInterval(timer))
    })
  })
  await hub.until(() => hub.tunnel.links().length === 2, 'it is connected')
  const app = testApp('tcp://127.0.0.1:1', ['evil'])
  const download = await hub.open(app)
  let bytes = 0
  download.ondata = (chunk) => {
    bytes += chunk.length
  }
  download.write(Buffer.from('flow'))
  await hub.until(() => heard.includes('companion'), 'it is asked for a companion')
  const small = await hub.open(app)
  const answer = new Promise<Buffer>((resolve) => {
    small.ondata = resolve
  })
  small.write(Buffer.from('small'))
  t.equal(String(await answer), 'small')
  const before = bytes
  await hub.until(() => bytes > before, 'the download goes on')
  socket.destroy()
})

t.test('J131 an agent that renews endlessly causes ten changes a minute', async (t) => {
  const { hub, identity } = await start(t)
  const { csr } = await makeKeyRequest('evil')
  const socket = await secure(hub, identity)
  const server = createHttp2Server()
  let answers = 0
  let refused = 0
  server.on('stream', (stream) => {
    stream.on('error', () => {})
    stream.respond({ ':status': 200 })
    stream.write(encodeLine({ type: 'hello', protocol: 1, version: '9' }))
    const ask = () => stream.write(encodeLine({ type: 'renew', csr }))
    stream.on(
      'data',
      createLineReader({
        maxBytes: 65_536,
        onBroken() {},
        onMessage({ type }) {
          if (type === 'certificate') answers += 1
          if (type === 'renew_refused') refused += 1
          if (refused < 5) ask()
        },
      }),
    )
  })
  server.emit('connection', socket)
  await hub.until(() => refused === 5, 'it is refused')
  t.equal(answers, 10)
  t.equal(hub.tunnel.links().length, 2, 'both are still connected')
  socket.destroy()
})

t.test('fault 17: a peer that falls silent is taken out of rotation, and comes back', async (t) => {
  const hub = await startTunnelHub({ heartbeatMs: 200 })
  t.teardown(() => hub.close())
  let silent = false
  const wires: Socket[] = []
  const network = createServer((near) => {
    const far = connect(hub.port, host)
    wires.push(near, far)
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('error', () => {})
      from.on('data', (chunk) => void (silent || to.write(chunk)))
      from.on('close', () => void (silent || to.destroy()))
    }
  })
  await new Promise<void>((resolve) => network.listen(0, host, resolve))
  t.teardown(() => {
    for (const wire of wires) wire.destroy()
    network.close()
  })
  const { port } = network.address() as { port: number }
  const proxyAddr = `${host}:${port}`
  await hub.agent({ token: await hub.token(), proxyAddr, heartbeatMs: 200 }).start()
  await hub.until(() => hub.tunnel.links().length === 1, 'the agent is connected')
  silent = true
  await hub.until(() => hub.changed.some((event) => event.reason === 'heartbeat_lost'), 'the hub notices')
  t.same(hub.tunnel.links(), [])
  silent = false
  await hub.until(() => hub.tunnel.links().length === 1, 'the agent is back')
})

t.test('fault 18: a link that the network resets leaves the rotation within 200 ms', async (t) => {
  const { hub } = await start(t)
  const wires: Socket[] = []
  const network = createServer((near) => {
    const far = connect(hub.port, host)
    for (const wire of [near, far]) wire.on('error', () => {})
    wires.push(near, far)
    near.pipe(far).pipe(near)
  })
  await new Promise<void>((resolve) => network.listen(0, host, resolve))
  t.teardown(() => {
    network.close()
    for (const wire of wires) wire.destroy()
  })
  const { port } = network.address() as { port: number }
  const far = hub.agent({
    hostname: 'node-2',
    token: await hub.token('node-2'),
    proxyAddr: `${host}:${port}`,
  })
  await far.start()
  const app = testApp('tcp://127.0.0.1:1', ['node-1', 'node-2'])
  const serving = () => hub.tunnel.candidates(app).map(({ hostname }) => hostname)
  await hub.until(() => serving().length === 2, 'both agents serve')
  network.close()
  const watch = startStopwatch()
  for (const wire of wires) wire.resetAndDestroy()
  await hub.until(() => serving().length === 1, 'one agent is out of rotation')
  const outMs = watch.took()
  t.strictSame(serving(), ['node-1'])
  t.ok(outMs < 5_000, `after ${outMs} ms`)
})

t.test('J129 a clone of a key whose certificate was renewed is refused', async (t) => {
  const { hub, identity } = await start(t)
  await hub.revisions.write(async (trx, change) => {
    const next = { cert_serial: 'ab', previous_serial: null, generation: 2 }
    await anyTables(trx).updateTable('agents').set(next).where('hostname', '=', 'evil').execute()
    change.touch('agent', 'evil')
  })
  await closed(await secure(hub, identity))
  t.match(
    hub.events.findLast((event) => event.type === 'agent.rejected'),
    {
      type: 'agent.rejected',
      reason: 'certificate_superseded',
      fields: { agent: 'evil' },
    },
  )
})

t.test('a link ends with its certificate, and an expired one is refused', async (t) => {
  const { hub, identity } = await start(t, { agentLifeMs: 5_500 })
  const server = createHttp2Server()
  server.on('stream', (stream) => {
    stream.on('error', () => {})
    stream.respond({ ':status': 200 })
    stream.write(encodeLine({ type: 'hello', protocol: 1, version: '9' }))
  })
  const socket = await secure(hub, identity)
  server.emit('connection', socket)
  await hub.until(() => hub.tunnel.links().some(({ hostname }) => hostname === 'evil'), 'it is connected')
  await closed(socket)
  const end = hub.changed.find(({ hostname, connected }) => hostname === 'evil' && !connected)
  t.equal(end?.reason, 'certificate_expired')
  // TLS knows whole seconds only.
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  await closed(await secure(hub, identity).catch(() => ({ destroyed: true }) as TLSSocket))
  await hub.until(
    () =>
      hub.events.some((event) => event.type === 'agent.rejected' && event.reason === 'certificate_refused'),
    'it is refused',
  )
})
