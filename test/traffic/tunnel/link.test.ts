/** One link to an agent, from its first byte to its end, over a connection of this machine. */
import type { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import { mock } from 'node:test'
import type { TLSSocket } from 'node:tls'
import t from 'tap'
import { readAgentCertificate } from '../../../core/gate/enrolment/agent-certificate.ts'
import { http2Of, LiveLink } from '../../../core/traffic/tunnel/link.ts'
import { encodeLine } from '../../../core/wire/line-reader.ts'
import { socketPair } from '../../socket-pair.ts'

const LIFE_MS = 60_000
const HELLO = { type: 'hello', protocol: 1, version: '1.2.3' }

/** A link, and its agent, which says what it is told to. */
async function open(first: object | null = HELLO, lifeMs = LIFE_MS, serial = 'a') {
  const [near, far] = await socketPair()
  const messages: object[] = []
  const streams: ServerHttp2Stream[] = []
  const ready = Promise.withResolvers<void>()
  const control = Promise.withResolvers<ServerHttp2Stream>()
  const closed = Promise.withResolvers<[string, boolean]>()
  let now = 0
  let session: ServerHttp2Session | undefined
  const agent = createServer()
  agent.on('sessionError', () => {})
  agent.on('session', (made) => {
    session = made
    made.on('error', () => {})
  })
  agent.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    stream.respond({ ':status': 200 })
    if (headers[':path'] !== '/v1/control') return void streams.push(stream)
    if (first) stream.write(encodeLine(first))
    control.resolve(stream)
  })
  agent.emit('connection', far)
  const link = new LiveLink({
    socket: near as TLSSocket,
    certificate: { hostname: 'node-1', serial, notAfter: lifeMs, authority: 'key-1' },
    transport: 'http2',
    clientIp: '192.0.2.1',
    via: null,
    clock: { now: () => now, monotonic: () => now },
    greeting: { type: 'greeting' },
    onReady: () => ready.resolve(),
    onMessage: (_link, message) => void messages.push(message),
    onClosed: (_link, reason, wasReady) => closed.resolve([reason, wasReady]),
    times: {},
  })
  t.teardown(() => {
    link.destroy('closed')
    far.destroy()
  })
  return {
    link,
    messages,
    near,
    ready: ready.promise,
    control: control.promise,
    closed: closed.promise,
    session: () => session!,
    /** A stream to an application, answered. */
    async stream() {
      const stream = http2Of(link).request({ ':method': 'POST', ':path': '/x' }, { endStream: false })
      stream.on('error', () => {})
      link.hold(stream)
      await once(stream, 'response')
      return stream
    },
    pass(ms: number) {
      now += ms
      mock.timers.tick(ms)
    },
  }
}

t.beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }))
t.afterEach(() => mock.timers.reset())

t.test('J138 only a verified certificate of this cluster identifies an agent', (t) => {
  const read = (subjectAltName: string, issuer: string | null = 'key-1') => {
    const shown = { subjectAltName, validTo: 'Nov 26 12:00:00 2026 GMT', serialNumber: '0AF' }
    return readAgentCertificate(shown as X509Certificate, 'test', () => issuer)?.hostname ?? null
  }
  const good = 'URI:mezite://test/agent/node-1'
  t.equal(read(good), 'node-1')
  t.equal(read(good, null), null)
  for (const name of [
    'URI:mezite://rest/agent/node-1',
    'URI:mezite://test/users/node-1',
    'DNS:node-1',
    `DNS:node-2, ${good}`,
    `${good}, DNS:node-2`,
    `${good}/x`,
    'URI:mezite://test/agent/',
  ])
    t.equal(read(name), null, name)
  t.end()
})

t.test('a link serves from its hello until its end', async (t) => {
  const silent = await open(null)
  await silent.control
  t.equal(silent.link.usable, false)
  const { link, ready, control, messages, stream, closed } = await open()
  await ready
  const only = await stream()
  only.close()
  await once(only, 'close')
  t.same([link.usable, link.version, link.streams], [true, '1.2.3', 0])
  const members = [link, Object.getPrototypeOf(link)].flatMap((one) => Object.getOwnPropertyNames(one))
  const reachable = members.map((name) => (link as unknown as Record<string, unknown>)[name])
  t.notOk(
    reachable.some((one) => typeof (one as { request?: unknown } | null)?.request === 'function'),
    'a plugin that has a link reaches no app through it',
  )
  const news = once(await control, 'data')
  link.send({ type: 'news' })
  t.match(String(await news), /greeting|news/)
  ;(await control).write(encodeLine({ type: 'answer' }))
  while (messages.length === 0) await new Promise(setImmediate)
  t.same(messages, [{ type: 'answer' }], 'its hello is no message')
  link.destroy('refused')
  t.equal(link.usable, false)
  t.same(await closed, ['refused', true])
  link.send({ type: 'too late' })
})

t.test('an agent that sends no hello in 10 s loses its link, and others keep theirs', async (t) => {
  const [silent, good] = [await open(null), await open()]
  await silent.control
  await good.ready
  silent.pass(9_999)
  t.equal(http2Of(silent.link).destroyed, false)
  silent.pass(1)
  t.same(await silent.closed, ['hello_timeout', false])
  t.equal(good.link.usable, true)
})

t.test('an invalid hello ends the link, and an unusual version is not repeated', async (t) => {
  for (const first of [
    { ...HELLO, protocol: 2 },
    { ...HELLO, protocol: undefined },
    { ...HELLO, type: 'renew' },
  ])
    t.same(await (await open(first)).closed, ['protocol_version', false])
  for (const version of ['\u001b[2J', 'x'.repeat(65), 5, undefined]) {
    const { link, ready } = await open({ ...HELLO, version })
    await ready
    t.equal(link.version, 'unknown')
  }
})

t.test('a link ends with its certificate', async (t) => {
  const link = await open()
  await link.ready
  link.pass(LIFE_MS - 1)
  t.ok(link.link.usable)
  link.pass(1)
  t.same(await link.closed, ['certificate_expired', true])
  t.same(await (await open(HELLO, 0)).closed, ['certificate_expired', false])
})

t.test('a retired link accepts no new stream, and ends with its last one', async (t) => {
  const idle = await open()
  await idle.ready
  idle.link.retire('replaced')
  t.same(await idle.closed, ['replaced', true])

  const { link, ready, stream, closed } = await open()
  await ready
  const streams = [await stream(), await stream()]
  t.equal(link.streams, 2)
  streams[0]!.close()
  await once(streams[0]!, 'close')
  t.same([link.streams, link.usable], [1, true])
  link.retire('agent_stopping')
  t.same([link.usable, http2Of(link).destroyed], [false, false])
  streams[1]!.close()
  t.same(await closed, ['agent_stopping', true])
})

t.test('a link ends when the agent ends it, its control stream or the connection', async (t) => {
  const leaving = await open()
  await leaving.ready
  await leaving.stream()
  leaving.session().goaway()
  await once(http2Of(leaving.link), 'goaway')
  t.equal(leaving.link.usable, false, 'no new streams, while one goes on')
  t.equal(http2Of(leaving.link).destroyed, false)

  const ended = await open()
  await ended.ready
  ;(await ended.control).end()
  ;(await ended.control).close()
  t.same(await ended.closed, ['connection_lost', true])
  const broken = await open()
  await broken.ready
  ;(await broken.control).write('no json\n')
  t.same(await broken.closed, ['protocol_error', true])
  const cut = await open()
  await cut.ready
  cut.near.destroy()
  t.same(await cut.closed, ['connection_lost', true])
})

const LONG_MS = 600_000
const BULK_BYTES = 1 << 20

/** Two connections of one agent, the second of which says that it is a companion. */
async function openTwo(serial = 'a') {
  const first = await open(HELLO, LONG_MS)
  const second = await open({ ...HELLO, companion: true }, LONG_MS, serial)
  await Promise.all([first.ready, second.ready])
  const { companions } = first.link
  return {
    first,
    second,
    companions,
    adopt: () => companions.adopt(second.link),
    /** A bulk transfer, until the result is called. */
    bulk(on = first) {
      const meter = on.link.bulk.meter()
      meter.moved(BULK_BYTES)
      return () => meter.released()
    },
  }
}

t.test(
  'J265 a link takes one companion, in time, on its own certificate, for which it has asked',
  async (t) => {
    const { first, second, adopt, bulk, companions } = await openTwo()
    t.equal(second.link.companion, true)
    t.equal(adopt(), false, 'nobody has asked')
    let heard = ''
    ;(await first.control).on('data', (chunk: Buffer) => {
      heard += chunk
    })
    bulk()
    while (!heard.includes('"companion"')) await new Promise(setImmediate)
    bulk()
    const other = await openTwo('b')
    t.equal(companions.adopt(other.second.link), false, 'the certificate differs')
    t.equal(adopt(), true)
    const third = await openTwo()
    t.equal(companions.adopt(third.second.link), false, 'it has one')
    t.equal(heard.split('"companion"').length, 2, 'it was asked for once')

    const late = await openTwo()
    late.bulk()
    late.first.pass(30_000)
    t.equal(late.adopt(), false, 'too late')
    late.bulk()
    t.equal(late.adopt(), true, 'it was asked for again')
  },
)

t.test('new streams use the connection that carries fewer bulk transfers', async (t) => {
  const { first, second, adopt, bulk, companions } = await openTwo()
  const isLeaving = () => [companions.isLeaving(first.link), companions.isLeaving(second.link)]
  const end = bulk()
  t.equal(companions.lane(), first.link, 'there is no other one')
  adopt()
  t.equal(companions.lane(), second.link)
  t.same(isLeaving(), [true, false])
  const endSecond = bulk(second)
  t.equal(companions.lane(), first.link, 'both carry one')
  t.same(isLeaving(), [false, false])
  end()
  t.same(isLeaving(), [false, true])
  endSecond()
  t.equal(companions.lane(), first.link)
  t.same(isLeaving(), [false, false], 'neither carries one')
  bulk()
  second.link.moving = true
  t.equal(companions.lane(), first.link, 'the companion is about to go')
  t.same(isLeaving(), [false, true])
})

t.test('streams of a companion count as those of its link, which ends after the last of them', async (t) => {
  const { first, second, adopt, bulk } = await openTwo()
  bulk()
  adopt()
  const stream = await second.stream()
  t.same([first.link.streams, first.link.load, second.link.streams], [1, 1, 1])
  const mark = second.link.idleMarker(stream)
  mark(true)
  t.equal(first.link.load, 0)
  first.link.retire('replaced')
  t.same([first.link.closed, second.link.closed, second.link.usable], [false, false, false])
  stream.close()
  t.same(await first.closed, ['replaced', true])
  t.same(await second.closed, ['replaced', true])
})

t.test('J266 a companion ends with its link, and its link does without it', async (t) => {
  const cut = await openTwo()
  cut.bulk()
  cut.adopt()
  await cut.second.stream()
  cut.first.link.destroy('agent_locked')
  t.equal(cut.second.link.closed, true, 'at once')
  t.same(await cut.second.closed, ['agent_locked', true])

  const lost = await openTwo()
  lost.bulk()
  lost.adopt()
  await lost.second.stream()
  lost.first.near.destroy()
  t.same(await lost.second.closed, ['connection_lost', true])

  const alone = await openTwo()
  alone.bulk()
  alone.adopt()
  await alone.second.stream()
  alone.second.near.destroy()
  await alone.second.closed
  t.same([alone.first.link.usable, alone.first.link.streams], [true, 0])
  t.equal(alone.companions.lane(), alone.first.link)
})

t.test('a companion without a stream ends after a minute', async (t) => {
  const { first, second, adopt, bulk } = await openTwo()
  bulk()
  adopt()
  first.pass(59_999)
  const stream = await second.stream()
  first.pass(1)
  t.equal(second.link.closed, false, 'it is in use')
  stream.close()
  await once(stream, 'close')
  first.pass(59_999)
  t.equal(second.link.closed, false)
  first.pass(1)
  t.same(await second.closed, ['unused', true])
  t.equal(first.link.usable, true)
})
