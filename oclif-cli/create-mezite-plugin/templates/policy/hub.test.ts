import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  conformPlugin,
  conformPolicy,
  conformTest,
  createTestHost,
  fakeClock,
  testQuery,
} from '@mezite/core/testing'
import plugin from './hub.ts'

const config = { days: [0, 6] }
conformPlugin(conformTest(test), plugin, { config, refused: [{}, { days: [7] }] })
conformPolicy(conformTest(test), plugin, { config })

test('it denies on the configured days only', async () => {
  const saturday = new Date(2026, 7, 1, 12).getTime()
  const host = createTestHost(plugin, { config, clock: fakeClock(saturday) })
  const denials: string[] = []
  const ballot = {
    allow() {},
    require() {},
    rule() {},
    byRequest() {},
    deny: (reason: string) => void denials.push(reason),
  }
  await host.calls.access.decide(testQuery(), () => ballot)
  host.clock.advance(2 * 24 * 3_600_000)
  await host.calls.access.decide(testQuery(), () => ballot)
  assert.deepEqual(denials, ['closed_today'])
})
