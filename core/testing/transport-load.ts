import { systemClock } from '../kernel/clock.ts'
import { startHeartbeat } from '../wire/heartbeat.ts'
import type { StreamPipe } from '../wire/stream-pipe.ts'
import { type ConformTest, inTime } from './conformance-test.ts'
import { openSlowPath } from './slow-path.ts'
import type { TransportBench } from './transport-bench.ts'
import { download, timeSmallExchanges } from './transport-figures.ts'

/** A small exchange takes 40 ms if it waits for TCP's delayed acknowledgement (Nagle). */
const NAGLE_MS = 20
/** At a round-trip time of 50 ms a window of 64 KiB limits a stream to 1.3 MB/s. */
const SLOW_PATH_MBS = 2
/** A busy machine is slow at times, a slow transport each time. */
const DOWNLOADS = 3
const BIG = 8 << 20
/** Of the 10,000 streams, how many one of 200 workers opens. */
const IN_A_ROW = 50

/** Registers a test with a bench of its own. It fails after `limitMs`; default: the deadline of the suite. */
export type TransportTest = (
  name: string,
  run: (t: ConformTest, bench: TransportBench) => Promise<void>,
  limitMs?: number,
) => unknown

/** The tests of `conformTransport` that take seconds: many streams, slow and broken ways. */
export function conformTransportLoad(test: TransportTest, deadlineMs: number): void {
  // Each exchange has the deadline, since how long all take says only how busy the machine is.
  test(
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

  test('stalled streams delay neither a busy one nor a small request', async (t, bench) => {
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

  test('a dead peer is noticed, and a drained one finishes its streams', async (t, bench) => {
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

  test('small exchanges are not held back (Nagle)', async (t, bench) => {
    const times = await timeSmallExchanges(bench)
    // Each exchange that is held back takes longer, on a busy machine some others too.
    const tenth = times[Math.floor(times.length / 10)] ?? Number.NaN
    t.ok(tenth < NAGLE_MS, `a tenth of them take up to ${tenth.toFixed(1)} ms`)
  })

  test('a long way does not slow a stream down, and late packets break nothing', async (t, bench) => {
    for (const loss of [0, 0.01]) {
      let fastest = 0
      const most = loss > 0 ? 1 : DOWNLOADS
      for (let at = 0; at < most && fastest < SLOW_PATH_MBS; at++) {
        const { received, rateMBs } = await download(bench, 2 * BIG, loss)
        t.ok(received === 2 * BIG, 'whole')
        fastest = Math.max(fastest, rateMBs)
      }
      const rate = `${fastest.toFixed(1)} MB/s at 50 ms round-trip time, ${loss * 100} % late`
      t.ok(loss > 0 || fastest >= SLOW_PATH_MBS, rate)
    }
  })
}

/** All bytes up to a clean end; rejects on a reset. */
export function ended(pipe: StreamPipe): Promise<Buffer> {
  const chunks: Buffer[] = []
  return new Promise((resolve, reject) => {
    pipe.ondata = (chunk) => void chunks.push(chunk)
    pipe.onend = () => pipe.end()
    pipe.onclose = (error) => (error ? reject(error) : resolve(Buffer.concat(chunks)))
  })
}
