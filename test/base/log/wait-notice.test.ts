// together: quick
import t from 'tap'
import { sayWhatWaits } from '../../../core/base/log/wait-notice.ts'
import { memoryLog } from '../../../core/testing/index.ts'
import { until } from '../../until.ts'

t.test('a long wait is reported again and again until it ends', async (t) => {
  const { log, lines } = memoryLog()
  const work = Promise.withResolvers<number>()
  const ended = sayWhatWaits('the table', work.promise, log, 10)
  const keepAlive = setInterval(() => {}, 1_000)
  t.teardown(() => clearInterval(keepAlive))
  await until(() => lines.length > 1, 'it is said')
  t.match(lines[0], /WARN +still waiting for the table/)
  work.resolve(7)
  t.equal(await ended, 7)
  t.equal(await sayWhatWaits('x', Promise.resolve(1), log, 10), 1)
  const before = lines.length
  await new Promise((resolve) => setTimeout(resolve, 50))
  t.equal(lines.length, before)
})
