// together: hubs
import { defineHubPlugin } from '@mezite/core'
import { createTestHub, memoryLog } from '@mezite/core/testing'
import t from 'tap'
import { createLifetime } from '../../core/kernel/lifetime.ts'
import { startStopwatch } from '../stopwatch.ts'

t.test('a stop waits for a start that hangs, and then closes all that it opened', async (t) => {
  const { log, lines } = memoryLog()
  const seen: string[] = []
  const hanging = Promise.withResolvers<{ drain(): Promise<void> }>()
  const lifetime = createLifetime(
    async (onClose) => {
      onClose(() => seen.push('first'))
      const opened = await hanging.promise
      onClose(() => seen.push('second'))
      return opened
    },
    log,
    20,
  )
  const started = lifetime.start()
  await lifetime.stop()
  t.strictSame(seen, ['first'])
  t.match(lines, [/ERROR start-up timed out/])
  hanging.resolve({ drain: async () => {} })
  await started
  await new Promise((resolve) => setImmediate(resolve))
  t.strictSame(seen, ['first', 'second'], 'what it opens after all is closed, too')
})

t.test('plugins that fail to drain, or never end, are named and do not hold up the stop', async (t) => {
  const plugin = (name: string, drain: () => Promise<void>) =>
    defineHubPlugin({
      name,
      api: 1,
      summary: 'Drains badly',
      setup: ({ tap }) => tap.lifecycle.drain(drain),
    })
  const stuck = Promise.withResolvers<void>()
  t.teardown(() => stuck.resolve())
  const hub = await createTestHub({
    config: { shutdown_grace: '1s' },
    plugins: [
      plugin('broken', async () => Promise.reject(new Error('boom'))),
      plugin('hanging', () => stuck.promise),
    ],
  })
  const watch = startStopwatch()
  await hub.stop()
  t.ok(watch.took() < 30_000, 'the deadline of the tap is 60 s')
  t.ok(hub.log.some((line) => /ERROR draining failed part=broken .*boom/.test(line)))
  t.ok(hub.log.some((line) => /ERROR draining timed out.*hanging/.test(line)))
})
