// together: quick
import { Writable } from 'node:stream'
import t from 'tap'
import { LaneWriter, SlowClients } from '../../../core/traffic/http/lane-response.ts'

const CHUNK = Buffer.alloc(16 * 1024)

/** A response to a client that takes nothing until `take` is called. */
function slowResponse(slow = new SlowClients()) {
  let take: (() => void) | null = null
  const socket = new Writable({
    highWaterMark: 1 << 20,
    write(_chunk, _encoding, done) {
      take = done
    },
  })
  const lane = { slow, closing: false, onflushed() {}, cork() {}, uncork() {}, hurry() {} }
  const response = new LaneWriter({ ...lane, socket: socket as never })
  let drained = 0
  response.watcher = {
    onclientdrain() {
      drained += 1
    },
    onclientgone() {},
  } as never
  response.head(200, 'OK', [], 'sized')
  return {
    response,
    /** Bytes that it takes before it says that the client is slow. */
    fill(): number {
      while (response.write(CHUNK));
      return socket.writableLength
    },
    get drained() {
      return drained
    },
    /** The client reads everything. */
    async takeAll(): Promise<void> {
      while (socket.writableLength > 0) {
        const done = take
        take = null
        done?.()
        await new Promise((resolve) => setImmediate(resolve))
      }
    },
  }
}

t.test('fault 22: a response holds less for its slow client, the more of them there are', async (t) => {
  const slow = new SlowClients()
  const responses = Array.from({ length: 400 }, () => slowResponse(slow))
  const held = responses.map((one) => one.fill())
  t.ok(held[0]! >= 32 * 1024, 'one alone is kept busy')
  t.ok(held.at(-1)! <= CHUNK.length + 1_024, 'among hundreds, one chunk')
  const all = held.reduce((sum, bytes) => sum + bytes, 0)
  t.ok(all < 400 * 32 * 1024, `${all} bytes`)
  for (const one of responses) one.response.finish()
  const next = slowResponse(slow)
  t.equal(next.fill(), held[0], 'they no longer count once they are over')
  next.response.finish()
})

t.test('a response asks for more as soon as its client has read', async (t) => {
  const one = slowResponse()
  const first = one.fill()
  t.equal(one.drained, 0)
  await one.takeAll()
  t.equal(one.drained, 1)
  t.ok(one.fill() > first - 1_024, 'and takes as much again')
  one.response.finish()
  await one.takeAll()
  t.equal(one.drained, 1, 'a response that is over asks for nothing')
})
