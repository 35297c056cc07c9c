// together: quick
/** Which streams of a connection are told to carry bulk transfers. */
import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { BulkStreams } from '../../core/wire/bulk-streams.ts'

const MIB = 1 << 20

/** The streams of one connection, and a clock. */
function start(t: Test) {
  let now = 0
  let calls = 0
  t.intercept(performance, 'now', { value: () => now })
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => mock.timers.reset())
  const streams = new BulkStreams(() => {
    calls += 1
  })
  return {
    streams,
    calls: () => calls,
    pass(ms: number) {
      now += ms
      mock.timers.tick(ms)
    },
  }
}

t.test('a stream carries a bulk transfer from 1 MiB in 5 s on, as long as it moves', (t) => {
  const { streams, calls, pass } = start(t)
  const meter = streams.meter()
  meter.moved(MIB - 1)
  t.same([streams.size, calls()], [0, 0])
  meter.moved(1)
  t.same([streams.size, calls()], [1, 1])
  for (let sweep = 0; sweep < 3; sweep++) {
    meter.moved(32 << 10)
    pass(2_000)
  }
  t.same([streams.size, calls()], [1, 4], 'told every 2 s')
  meter.moved((32 << 10) - 1)
  pass(2_000)
  t.same([streams.size, calls()], [0, 4], 'it hardly moves')
  meter.moved(MIB)
  t.equal(streams.size, 1, 'it goes on')
  meter.released()
  t.equal(streams.size, 0)
  t.end()
})

t.test('a stream that moves little at a time carries none, however much it moved in all', (t) => {
  const { streams, calls, pass } = start(t)
  const [slow, exchanges] = [streams.meter(), streams.meter()]
  for (let second = 0; second < 60; second++) {
    slow.moved(100 << 10)
    for (let exchange = 0; exchange < 10; exchange++) {
      exchanges.moved(MIB - 1)
      exchanges.released()
    }
    pass(1_000)
  }
  t.same([streams.size, calls()], [0, 0])
  t.end()
})

t.test('a connection that has closed has none', (t) => {
  const { streams, calls, pass } = start(t)
  streams.meter().moved(MIB)
  streams.close()
  pass(10_000)
  t.same([streams.size, calls()], [0, 1])
  t.end()
})
