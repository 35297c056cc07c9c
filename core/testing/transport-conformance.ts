import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { systemClock } from '../kernel/clock.ts'
import { startHeartbeat } from '../wire/heartbeat.ts'
import type { StreamPipe } from '../wire/stream-pipe.ts'
import { type ConformTest, inTime } from './conformance-test.ts'
import { openSlowPath } from './slow-path.ts'
import { openTransportBench, type TransportBench, type TransportUnderTest } from './transport-bench.ts'
import { download, timeSmallExchanges } from './transport-figures.ts'

/** A small exchange takes 40 ms if it waits for TCP's delayed acknowledgement (Nagle). */
const NAGLE_MS = 20
/** At a round-trip time of 50 ms a window of 64 KiB limits a stream to 1.3 MB/s. */
const SLOW_PATH_MBS = 2
const BIG = 8 << 20
const DEADLINE_MS = 120_000
/** Of the 10,000 streams, how many one of 200 workers opens. */
const IN_A_ROW = 50

/** Inputs of `conformTransport`. */
export interface ConformTransportOptions {
  /** How long one test may take, in milliseconds. Default: 2 minutes. */
  readonly deadlineMs?: number
  /** Leaves out what takes seconds: many streams, slow and broken ways. For a run after each change. Default: false. */
  readonly quick?: boolean
}

/**
 * Checks a transport alone and with the tunnel on it: streams, flow control and heartbeats of the core, over a real
 * connection to a port like the hub's public port. A test fails after `deadlineMs` milliseconds (default: 2 minutes).
 * `measureTransport` measures the speed.
 */
export function conformTransport(
  t: ConformTest,
  parts: TransportUnderTest,
  { deadlineMs = DEADLINE_MS, quick = false }: ConformTransportOptions = {},
): void {
  const test = (
    name: string,
    run: (t: ConformTest, bench: TransportBench) => Promise<void>,
    limitMs = deadlineMs,
  ): unknown =>
    t.test(name, async (t) => {
      const dataDir = mkdtempSync(join(tmpdir(), 'mezite-transport-'))
      const bench = await openTransportBench(parts, dataDir)
      try {
        await inTime(run(t, bench), name, limitMs)
      } finally {
        await bench.close()
        rmSync(dataDir, { recursive: true, force: true })
      }
    })

  const slowTest: typeof test = (name, run, limitMs) => quick || test(name, run, limitMs)

  test('small and big writes arrive in order and whole, whichever end writes', async (t, bench) => {
    for (const side of ['agent', 'hub'] as const) {
      const carrier = await bench.open()
      const [from, to] = side === 'agent' ? [carrier.agent, carrier.hub] : [carrier.hub, carrier.agent]
      const sent = [Buffer.from('P'), Buffer.from('OST /\r\n'), randomBytes(BIG), Buffer.from([0])]
      const whole = Buffer.concat(sent)
      const arrived = collect(to, whole.length + 5)
      for (const chunk of sent) from.write(chunk)
      // As http.request does with a body: a transport that buffers strings must keep their order.
      from.cork()
      from.write('body!')
      from.write('')
      from.uncork()
      t.ok((await arrived).equals(Buffer.concat([whole, Buffer.from('body!')])), `byte for byte from ${side}`)
    }
  })

  test('a reader that pauses slows the writer down', async (t, bench) => {
    for (const side of ['agent', 'hub'] as const) {
      const carrier = await bench.open()
      const [from, to] = side === 'agent' ? [carrier.agent, carrier.hub] : [carrier.hub, carrier.agent]
      to.pause()
      let written = 0
      while (written < 1_024 && (from.write(Buffer.alloc(65_536)) || (await drained(from, 500)))) written += 1
      t.ok(written < 1_024, `write from ${side} is held back before 64 MiB`)
    }
  })

  test('the loss of one end closes the other', async (t, bench) => {
    for (const side of ['agent', 'hub'] as const) {
      const carrier = await bench.open()
      const [from, to] = side === 'agent' ? [carrier.agent, carrier.hub] : [carrier.hub, carrier.agent]
      to.resume()
      const closed = new Promise<void>((resolve) => to.once('close', resolve))
      from.destroy()
      await closed
      t.ok(true, `closed by ${side}`)
    }
  })

  test('a dial ends with its signal', async (t, bench) => {
    await rejects(t, bench.dial(AbortSignal.abort()), 'before it begins')
    const silent = createServer((socket) => socket.on('error', () => {})).unref()
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const { port } = silent.address() as AddressInfo
    const carrier = bench.dial(AbortSignal.timeout(200), port)
    // A carrier that does not need a reply from the hub is ready immediately.
    if (parts.hub.alpn) await carrier
    else await rejects(t, carrier, 'while the hub is silent')
    silent.close()
    const dialling = new AbortController()
    const { agent, hub } = await bench.open(bench.port, dialling.signal)
    dialling.abort()
    const arrived = collect(hub, 4)
    agent.write('more')
    t.ok((await arrived).length === 4, 'a connection outlives the signal of its dial')
  })

  test('carriers are independent of each other', async (t, bench) => {
    const carriers = await Promise.all(Array.from({ length: 8 }, () => bench.open()))
    carriers[0]?.agent.destroy()
    const rest = carriers.slice(1)
    const arrived = rest.map(({ hub }) => collect(hub, 65_536))
    for (const { agent } of rest) agent.write(randomBytes(65_536))
    t.ok((await Promise.all(arrived)).length === 7, 'seven of eight still carry bytes')
  })

  test('half-close works both ways, and a reset is not an end', async (t, bench) => {
    const tunnel = await bench.tunnel((socket) => {
      const chunks: Buffer[] = []
      socket.on('data', (chunk) => {
        if (chunk.includes('reset')) socket.resetAndDestroy()
        chunks.push(chunk)
      })
      socket.on('end', () => socket.end(Buffer.concat(chunks)))
    })
    const body = randomBytes(300_000)
    const pipe = await tunnel.dial()
    const echoed = ended(pipe)
    pipe.write(body)
    pipe.end()
    t.ok((await echoed).equals(body), 'the reply comes after our end')
    const broken = await tunnel.dial()
    const lost = ended(broken)
    broken.write(Buffer.from('reset'))
    await rejects(t, lost, 'a reset by the app')
    tunnel.close()
  })

  // Each exchange has the deadline, since how long all take says only how busy the machine is.
  slowTest(
    '10,000 streams, 200 at a time',
    async (t, bench) => {
      const tunnel = await bench.tunnel('echo')
      const exchange = async (): Promise<string> => {
        const pipe = await tunnel.dial()
        const echoed = ended(pipe)
        pipe.write(Buffer.from('ping'))
        pipe.end()
        return (await echoed).toString()
      }
      let done = 0
      const worker = async (): Promise<void> => {
        for (let n = 0; n < IN_A_ROW; n++)
          if ((await inTime(exchange(), 'one of 10,000 streams', deadlineMs)) === 'ping') done += 1
      }
      await Promise.all(Array.from({ length: 200 }, worker))
      t.ok(done === 10_000, `${done} of 10000 echoed`)
      tunnel.close()
    },
    IN_A_ROW * deadlineMs,
  )

  slowTest('stalled streams delay neither a busy one nor a small request', async (t, bench) => {
    const tunnel = await bench.tunnel((socket) => {
      socket.once('data', (chunk) => {
        if (chunk.toString() === 'small') socket.end('reply')
        else socket.end(Buffer.alloc(chunk.toString() === 'big' ? BIG : 1 << 20))
      })
    })
    const get = async (what: string): Promise<StreamPipe> => {
      const pipe = await tunnel.dial()
      pipe.write(Buffer.from(what))
      return pipe
    }
    for (let n = 0; n < 200; n++) (await get('stalled')).pause()
    const small = await ended(await get('small'))
    t.ok(small.toString() === 'reply', 'a small request beside 200 stalled streams')
    const big = await ended(await get('big'))
    t.ok(big.length === BIG, 'a download beside them')
    tunnel.close()
  })

  slowTest('a dead peer is noticed, and a drained one finishes its streams', async (t, bench) => {
    const path = await openSlowPath(bench.port, { delayMs: 1 })
    const dead = await bench.tunnel((socket) => void socket.pipe(socket), path.port)
    const noticed = new Promise<void>((onDead) => {
      const bytesRead = (): number => (dead.session.socket as { bytesRead?: number }).bytesRead ?? 0
      startHeartbeat(dead.session, { clock: systemClock, bytesRead, onDead, intervalMs: 100 })
    })
    path.silence()
    await noticed
    dead.close()
    path.close()
    const tunnel = await bench.tunnel((socket) => void socket.pipe(socket))
    const pipe = await tunnel.dial()
    const echoed = ended(pipe)
    tunnel.session.close()
    pipe.write(Buffer.from('last'))
    pipe.end()
    t.ok((await echoed).toString() === 'last', 'the open stream ends after the drain has begun')
    tunnel.close()
  })

  slowTest('small exchanges are not held back (Nagle)', async (t, bench) => {
    const times = await timeSmallExchanges(bench)
    // Each exchange that is held back takes longer, on a busy machine some others too.
    const tenth = times[Math.floor(times.length / 10)] ?? Number.NaN
    t.ok(tenth < NAGLE_MS, `a tenth of them take up to ${tenth.toFixed(1)} ms`)
  })

  slowTest('a long way does not slow a stream down, and late packets break nothing', async (t, bench) => {
    for (const loss of [0, 0.01]) {
      const { received, rateMBs } = await download(bench, 2 * BIG, loss)
      t.ok(received === 2 * BIG, 'whole')
      const rate = `${rateMBs.toFixed(1)} MB/s at 50 ms round-trip time, ${loss * 100} % late`
      t.ok(loss > 0 || rateMBs >= SLOW_PATH_MBS, rate)
    }
  })
}

async function rejects(t: ConformTest, promise: Promise<unknown>, what: string): Promise<void> {
  t.ok(
    await promise.then(
      () => false,
      () => true,
    ),
    what,
  )
}

function collect(stream: Duplex, length: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  return new Promise((resolve, reject) => {
    stream.once('close', () => reject(new Error(`closed after ${size} of ${length} bytes`)))
    stream.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      size += chunk.length
      if (size >= length) resolve(Buffer.concat(chunks))
    })
  })
}

/** True if the stream drains within `ms`. */
function drained(stream: Duplex, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const late = setTimeout(() => resolve(false), ms)
    stream.once('drain', () => {
      clearTimeout(late)
      resolve(true)
    })
  })
}

/** All bytes up to a clean end; rejects on a reset. */
function ended(pipe: StreamPipe): Promise<Buffer> {
  const chunks: Buffer[] = []
  return new Promise((resolve, reject) => {
    pipe.ondata = (chunk) => void chunks.push(chunk)
    pipe.onend = () => pipe.end()
    pipe.onclose = (error) => (error ? reject(error) : resolve(Buffer.concat(chunks)))
  })
}
