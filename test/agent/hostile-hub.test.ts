// together: tunnels
/** What a hub sends in a WebTransport session costs the agent its carrier at most, and little memory and time. */
import { once } from 'node:events'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { limitCapsules, streamHead } from '../../plugins/transport-webtransport/capsules.ts'
import { startStopwatch } from '../stopwatch.ts'
import { until } from '../until.ts'
import { capsule, closed, fuzzCarriers, number, openHostileHub } from './hostile-hub.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
/** Bytes that are held now, in MB. */
function held(): number {
  collect()
  const { heapUsed, external, arrayBuffers } = process.memoryUsage()
  return (heapUsed + external + arrayBuffers) / 1e6
}
const hub = await openHostileHub()
t.teardown(() => hub.close())

type Hub = Awaited<ReturnType<typeof hub.open>>['hub']
/** Sends as fast as HTTP/2 takes it, until the stream is closed. */
async function send(stream: Hub, bytes: Buffer, times: number): Promise<void> {
  const ended = closed(stream)
  for (let n = 0; n < times && !stream.destroyed; n++)
    if (!stream.write(bytes)) await Promise.race([once(stream, 'drain'), ended])
}
const alive = async (carrier: Awaited<ReturnType<typeof hub.open>>['carrier'], stream: Hub) => {
  stream.write(Buffer.concat([streamHead(1, 5), Buffer.from('alive')]))
  const chunk = await new Promise((resolve) => carrier.once('data', resolve))
  return String(chunk) === 'alive' && !carrier.destroyed
}

t.test('R190 capsules of any kind, cut anywhere, end one carrier at most', async (t) => {
  const seed = Date.now() % 1_000_000
  const capsules = await fuzzCarriers(seed, 300)
  t.ok(capsules > 10_000, `seed ${seed}: ${capsules} capsules`)
})

const ends: Readonly<Record<string, Buffer>> = {
  'a close without a reason': Buffer.from('68430100000000', 'hex'),
  'a stream id of the agent': Buffer.from('990b4d3b020016', 'hex'),
  'a second stream of the agent': streamHead(5, 0),
  'a stream of the hub': streamHead(0, 0),
  'a reset': capsule(0x190b4d39, Buffer.concat([number(1), number(7)])),
  'a stop': capsule(0x190b4d3a, Buffer.concat([number(1), number(7)])),
  'a refused stream with a reset': Buffer.concat([
    streamHead(4, 0),
    capsule(0x190b4d39, Buffer.concat([number(4), number(7)])),
  ]),
  'more than a stream may carry': Buffer.concat([number(0x190b4d3b), number(2 ** 40), number(1)]),
  'data after the end': Buffer.concat([streamHead(1, 0, true), streamHead(1, 1), Buffer.from('x')]),
  'data after the close': Buffer.concat([
    capsule(0x2843, Buffer.alloc(4)),
    streamHead(1, 1),
    Buffer.from('x'),
  ]),
  'a capsule of which 4 KiB are not enough': capsule(0x2843, Buffer.alloc(5_000), 10_000),
}
for (const [name, bytes] of Object.entries(ends))
  t.test(`${name} ends the carrier`, async (t) => {
    const { carrier, hub: stream } = await hub.open()
    carrier.resume()
    stream.write(bytes)
    await closed(carrier)
    t.pass('it is closed')
  })

t.test('datagrams, empty capsules and unknown ones are not kept while nobody reads', async (t) => {
  for (const [name, bytes] of [
    ['datagrams', Buffer.concat(Array(64).fill(capsule(0, Buffer.alloc(1_000))))],
    ['empty capsules', Buffer.concat(Array(4_000).fill(streamHead(1, 0)))],
    ['unknown capsules', Buffer.concat(Array(4_000).fill(capsule(0x78ad, Buffer.alloc(1))))],
    ['limits', Buffer.concat(Array(2_000).fill(limitCapsules(1, 99)))],
  ] as const) {
    const { carrier, hub: stream } = await hub.open()
    const before = held()
    const watch = startStopwatch()
    await send(stream, bytes, 200)
    t.ok(await alive(carrier, stream), `${name}: the carrier lives`)
    const took = watch.took()
    t.ok(took < 10_000, `${name}: ${(bytes.length * 200) / 1e6} MB in ${took} ms`)
    // What is kept stays; other tests of this process leave garbage for a moment.
    let grown = held() - before
    for (let tries = 0; tries < 20 && grown >= 20; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 100))
      grown = held() - before
    }
    t.ok(grown < 20, `${name}: ${grown.toFixed(1)} MB are held`)
    carrier.destroy()
  }
})

t.test('data in capsules of one byte is held back while nobody reads', async (t) => {
  const { carrier, hub: stream } = await hub.open()
  const before = held()
  const bytes = Buffer.concat(Array(4_000).fill(Buffer.concat([streamHead(1, 1), Buffer.from('x')])))
  void send(stream, bytes, 1_000)
  await until(() => stream.writableNeedDrain, 'the hub must wait')
  await new Promise((resolve) => setTimeout(resolve, 200))
  const grown = held() - before
  t.ok(grown < 60, `${grown.toFixed(1)} MB are held`)
  t.ok(carrier.readableLength < 200_000, `${carrier.readableLength} bytes wait`)
  stream.close()
  carrier.resume()
  await closed(carrier)
})

t.test('a limit that grows by single bytes lets that many through', async (t) => {
  const poor = await openHostileHub({ 11105: 16 << 20, 11109: 1 })
  t.teardown(() => poor.close())
  const { carrier, hub: stream } = await poor.open()
  let bytes = 0
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length
  })
  carrier.write(Buffer.alloc(1 << 20))
  const raises = 5_000
  for (let limit = 1; limit <= raises; limit++) stream.write(limitCapsules(1, limit).subarray(-20))
  await until(() => bytes >= raises, 'the bytes arrive')
  t.equal(carrier.destroyed, false)
  carrier.destroy()
})
