import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { type ConformTest, inTime } from './conformance-test.ts'
import { openTransportBench, type TransportUnderTest } from './transport-bench.ts'
import { conformTransportLoad, ended, type TransportTest } from './transport-load.ts'

const BIG = 8 << 20
const DEADLINE_MS = 120_000

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
  const test: TransportTest = (name, run, limitMs = deadlineMs) =>
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

  if (!quick) conformTransportLoad(test, deadlineMs)
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
