// long
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { resetStream } from '@mezite/core/protocol'
import t from 'tap'
import { closed, open, readAll, startTcpHub, type TcpHub } from './start-tcp-hub.ts'

let tcp: TcpHub
t.before(async () => {
  tcp = await startTcpHub()
  await tcp.publish('echo', (socket) => void socket.pipe(socket))
})
t.teardown(() => tcp?.stop())

const endOf = (id: string) => tcp.events('app.session.end', (event) => event.request_id === id)

t.test('bytes pass in both directions, and the records of start and end have exact counts', async (t) => {
  const ada = await tcp.login('ada', ['platform'])
  const session = tcp.msh(ada)
  const { stream, status } = await open(session, 'echo')
  t.equal(status, 200)
  const answer = readAll(stream)
  stream.write('PING\r\n')
  stream.end(Buffer.alloc(100_000, 'x'))
  t.equal((await answer).length, 100_006)
  const [start] = await tcp.events('app.session.start', ({ session_id }) => session_id === ada.session_id)
  t.match(start, { user: 'ada@example.com', app: 'echo', protocol: 'tcp', agent: 'node-1', success: true })
  const [end] = await endOf(String(start?.request_id))
  t.match(end, {
    user: 'ada@example.com',
    roles: ['platform'],
    session_id: ada.session_id,
    app: 'echo',
    agent: 'node-1',
    bytes_in: 100_006,
    bytes_out: 100_006,
    end_reason: 'closed',
  })
  t.type(end?.duration_ms, 'number')
  session.destroy()
})

t.test('I124 each side closes its own direction', async (t) => {
  const ada = await tcp.login('half', ['platform'])
  const session = tcp.msh(ada)
  let atApp = ''
  await tcp.publish('late-answer', (socket) => {
    socket.on('data', (chunk) => {
      atApp += chunk
    })
    socket.on('end', () => socket.end(`got ${atApp}`))
  })
  const first = await open(session, 'late-answer')
  first.stream.end('all of it')
  t.equal(String(await readAll(first.stream)), 'got all of it', 'the app answers after the client has ended')

  let rest = ''
  const done = Promise.withResolvers<void>()
  await tcp.publish('early-end', (socket) => {
    socket.end('bye')
    socket.on('data', (chunk) => {
      rest += chunk
    })
    socket.on('end', () => done.resolve())
  })
  const second = await open(session, 'early-end')
  t.equal(second.status, 200, String(second.reason))
  let text = ''
  second.stream.on('data', (chunk) => {
    text += chunk
  })
  await once(second.stream, 'end')
  t.equal(text, 'bye')
  second.stream.write('still ')
  second.stream.end('talking')
  await done.promise
  t.equal(rest, 'still talking', 'the client goes on after the app has ended')
  t.equal(await closed(second.stream), 0)
  session.destroy()
})

t.test('I124 a reset of one side resets the other, and is recorded as a reset', async (t) => {
  const ada = await tcp.login('rst', ['platform'])
  const session = tcp.msh(ada)
  let socket: Socket | undefined
  let arrived: (socket: Socket) => void = () => {}
  await tcp.publish('rst', (one) => {
    socket = one
    one.resume()
    arrived(one)
  })
  const mine = (reason: string) =>
    tcp.events(
      'app.session.end',
      ({ session_id, end_reason }) => session_id === ada.session_id && end_reason === reason,
    )
  let there = new Promise<Socket>((resolve) => {
    arrived = resolve
  })
  const first = await open(session, 'rst')
  await there
  first.stream.resume()
  socket?.resetAndDestroy()
  t.equal(await closed(first.stream), 10, 'CONNECT_ERROR (RFC 9113, 8.5)')
  t.equal((await mine('app_reset')).length, 1)

  there = new Promise<Socket>((resolve) => {
    arrived = resolve
  })
  const second = await open(session, 'rst')
  let error: NodeJS.ErrnoException | undefined
  const broken = new Promise<void>((resolve) => void there.then((one) => one.once('close', () => resolve())))
  const victim = await there
  victim.on('error', (cause) => {
    error = cause
  })
  // As msh does it: `close` of Node.js would send a clean end first.
  resetStream(second.stream, 8)
  await broken
  t.equal(error?.code, 'ECONNRESET', 'the app sees a reset, not an end')
  t.equal((await mine('client_reset')).length, 1)

  there = new Promise<Socket>((resolve) => {
    arrived = resolve
  })
  const third = await open(session, 'rst')
  await there
  third.stream.resume()
  session.destroy()
  await closed(third.stream)
  t.equal((await mine('client_lost')).length, 1, 'msh is gone altogether')
})

t.test('I124 a session without any bytes is recorded', async (t) => {
  const ada = await tcp.login('zero', ['platform'])
  const session = tcp.msh(ada)
  const { stream } = await open(session, 'echo')
  stream.end()
  t.equal((await readAll(stream)).length, 0)
  const [end] = await tcp.events('app.session.end', ({ session_id }) => session_id === ada.session_id)
  t.match(end, { bytes_in: 0, bytes_out: 0, end_reason: 'closed' })
  session.destroy()
})

t.test('I124 1,000 connections at one time share one connection, and each is recorded once', async (t) => {
  const ada = await tcp.login('many', ['platform'])
  const session = tcp.msh(ada)
  const all = await Promise.all(Array.from({ length: 1_000 }, () => open(session, 'echo')))
  t.ok(all.every(({ status }) => status === 200))
  t.equal(
    (await tcp.hub.api<{ id: string; streams: number }[]>('GET', '/sessions')).find(
      ({ id }) => id === ada.session_id,
    )?.streams,
    1_000,
  )
  const answers = await Promise.all(
    all.map(({ stream }, at) => {
      const answer = readAll(stream)
      stream.end(`number ${at} ${'x'.repeat(at)}`)
      return answer
    }),
  )
  t.ok(answers.every((answer, at) => String(answer) === `number ${at} ${'x'.repeat(at)}`))
  const ends = await tcp.events('app.session.end', ({ session_id }) => session_id === ada.session_id, 1_000)
  t.equal(ends.length, 1_000)
  t.equal(new Set(ends.map(({ request_id }) => request_id)).size, 1_000)
  const sum = answers.reduce((total, answer) => total + answer.length, 0)
  t.equal(
    ends.reduce((total, { bytes_in }) => total + Number(bytes_in), 0),
    sum,
  )
  t.equal(
    ends.reduce((total, { bytes_out }) => total + Number(bytes_out), 0),
    sum,
  )
  const starts = await tcp.events(
    'app.session.start',
    ({ session_id }) => session_id === ada.session_id,
    1_000,
  )
  t.equal(starts.length, 1_000)
  session.destroy()
})

t.test('I124 300 MB pass byte for byte, half of it each way, in flat memory', async (t) => {
  const ada = await tcp.login('bulk', ['platform'])
  const session = tcp.msh(ada)
  const TOTAL = 150 * 1_000_000
  const chunk = Buffer.alloc(64 * 1_024, 'm')
  const pour = (write: (chunk: Buffer) => boolean, drained: (go: () => void) => void, end: () => void) => {
    let sent = 0
    const go = (): void => {
      while (sent < TOTAL) {
        const part = chunk.subarray(0, Math.min(chunk.length, TOTAL - sent))
        sent += part.length
        if (!write(part)) return void drained(go)
      }
      end()
    }
    go()
  }
  let received = 0
  await tcp.publish('bulk', (socket) => {
    socket.on('data', (data) => {
      received += data.length
    })
    socket.once('end', () =>
      pour(
        (data) => socket.write(data),
        (go) => socket.once('drain', go),
        () => socket.end(),
      ),
    )
  })
  let peak = 0
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss)
  }, 50)
  const before = process.memoryUsage().rss
  const { stream } = await open(session, 'bulk')
  let down = 0
  stream.on('data', (data: Buffer) => {
    down += data.length
  })
  pour(
    (data) => stream.write(data),
    (go) => stream.once('drain', go),
    () => stream.end(),
  )
  t.equal(await closed(stream), 0)
  clearInterval(watch)
  t.equal(received, TOTAL)
  t.equal(down, TOTAL)
  const [end] = await tcp.events('app.session.end', ({ session_id }) => session_id === ada.session_id)
  t.match(end, { bytes_in: TOTAL, bytes_out: TOTAL, end_reason: 'closed' })
  t.comment(`memory of hub, agent, app and client grew by ${Math.round((peak - before) / 1e6)} MB`)
  t.ok(peak - before < 0.9 * TOTAL, 'flat')
  session.destroy()
})

t.test('I124 a client or an app that does not read slows nobody else, in limited memory', async (t) => {
  const ada = await tcp.login('slow', ['platform'])
  const session = tcp.msh(ada)
  await tcp.publish('deaf', (socket) => void socket.pause())
  const before = process.memoryUsage().rss
  const stuck = await Promise.all(Array.from({ length: 40 }, () => open(session, 'deaf')))
  for (const { stream } of stuck) for (let part = 0; part < 8; part++) stream.write(Buffer.alloc(1 << 20))
  // The echo has to come through while all of them push.
  for (let round = 0; round < 20; round++) {
    const { stream } = await open(session, 'echo')
    const answer = readAll(stream)
    stream.end('quick')
    t.equal(String(await answer), 'quick')
  }
  t.comment(
    `40 stuck uploads: ${Math.round((process.memoryUsage().rss - before) / 1e6)} MB, the client's own included`,
  )
  for (const { stream } of stuck) resetStream(stream.resume(), 8)
  await Promise.all(stuck.map(({ stream }) => closed(stream)))
  const ends = await tcp.events(
    'app.session.end',
    ({ session_id, app }) => session_id === ada.session_id && app === 'deaf',
    40,
  )
  t.equal(ends.length, 40)
  session.destroy()
})

t.test('an idle connection ends after the time that the app sets', async (t) => {
  const ada = await tcp.login('idle', ['platform'])
  const session = tcp.msh(ada)
  await tcp.publish('idle', (socket) => void socket.resume(), { spec: { timeouts: { idle: '1s' } } })
  const { stream } = await open(session, 'idle')
  stream.resume()
  t.not(await closed(stream), 0)
  const [end] = await tcp.events('app.session.end', ({ session_id }) => session_id === ada.session_id)
  t.match(end, { end_reason: 'idle', bytes_in: 0 })
  session.destroy()
})
