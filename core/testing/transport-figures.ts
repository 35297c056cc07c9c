import { mkdtempSync, rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StreamPipe } from '../wire/stream-pipe.ts'
import { openSlowPath } from './slow-path.ts'
import { openTransportBench, type TransportBench, type TransportUnderTest } from './transport-bench.ts'

const DELAY_MS = 25
const EXCHANGES = 300
const BULK = 192 << 20
/** Enough for the compiler of Node.js. */
const WARM_UP = 16 << 20

/** The figures of one transport. Comparable only on a machine that does nothing else. */
export interface TransportFigures {
  /** 99th percentile of an exchange of 200 bytes for 100, on loopback, in milliseconds. */
  readonly smallP99Ms: number
  /** One stream at 50 ms round-trip time, in MB/s. */
  readonly slowPathMBs: number
  /** The same while 1 % of the packets are lost. */
  readonly lossyPathMBs: number
}

/** Measures a transport with the tunnel of the core on it, in about 15 seconds. */
export async function measureTransport(parts: TransportUnderTest): Promise<TransportFigures> {
  const dataDir = mkdtempSync(join(tmpdir(), 'mezite-transport-'))
  const bench = await openTransportBench(parts, dataDir)
  try {
    await download(bench, WARM_UP, 0)
    const times = await timeSmallExchanges(bench)
    return {
      smallP99Ms: times[Math.ceil(EXCHANGES * 0.99) - 1] ?? Number.NaN,
      slowPathMBs: (await download(bench, BULK, 0)).rateMBs,
      lossyPathMBs: (await download(bench, BULK, 0.01)).rateMBs,
    }
  } finally {
    await bench.close()
    rmSync(dataDir, { recursive: true, force: true })
  }
}

/** Durations of small exchanges in two writes, in milliseconds, shortest first. Two writes wait for Nagle's algorithm. */
export async function timeSmallExchanges(bench: TransportBench): Promise<readonly number[]> {
  const tunnel = await bench.tunnel((socket) => {
    let have = 0
    socket.on('data', (chunk) => {
      have += chunk.length
      if (have % 200 === 0) socket.write(Buffer.alloc(100))
    })
  })
  const pipe = await tunnel.dial()
  const times: number[] = []
  for (let n = 0; n < EXCHANGES; n++) {
    const began = performance.now()
    const replied = new Promise<void>((resolve) => {
      pipe.ondata = () => resolve()
    })
    pipe.write(Buffer.alloc(100))
    await new Promise(setImmediate)
    pipe.write(Buffer.alloc(100))
    await replied
    times.push(performance.now() - began)
  }
  pipe.destroy()
  tunnel.close()
  return times.sort((a, b) => a - b)
}

/** One download of `bytes` at 50 ms round-trip time, while the share `loss` of the packets is lost. */
export async function download(
  bench: TransportBench,
  bytes: number,
  loss: number,
): Promise<{ readonly received: number; readonly rateMBs: number }> {
  const path = await openSlowPath(bench.port, { delayMs: DELAY_MS, loss })
  const tunnel = await bench.tunnel((socket: Socket) => socket.end(Buffer.alloc(bytes)), path.port)
  const pipe = await tunnel.dial()
  const began = performance.now()
  const received = await countBytes(pipe)
  const rateMBs = bytes / 1_000 / (performance.now() - began)
  tunnel.close()
  path.close()
  return { received, rateMBs }
}

function countBytes(pipe: StreamPipe): Promise<number> {
  let count = 0
  return new Promise((resolve, reject) => {
    pipe.ondata = (chunk) => {
      count += chunk.length
    }
    pipe.onend = () => pipe.end()
    pipe.onclose = (error) => (error ? reject(error) : resolve(count))
  })
}
