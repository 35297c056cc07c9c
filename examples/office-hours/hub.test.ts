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

const config = { from: 9, to: 17 }
conformPlugin(conformTest(test), plugin, {
  config,
  refused: [{ from: 9 }, { ...config, to: 25 }, { ...config, exempt_networks: ['10.0.0.0/33'] }],
})
conformPolicy(conformTest(test), plugin, { config })

test('it denies outside the hours of the application, or of all', async () => {
  const clock = fakeClock(new Date(2030, 1, 1, 20).getTime())
  const exempt = { ...config, exempt_networks: ['203.0.113.0/24'] }
  const denied = async (app = {}, configured: object = config) => {
    const host = createTestHost(plugin, { config: configured, clock })
    const denials: string[] = []
    const deny = (reason: string) => void denials.push(reason)
    const ballot = { allow() {}, require() {}, rule() {}, byRequest() {}, meet() {}, deny }
    await host.calls.access.decide(testQuery({ app }), () => ballot)
    return denials.length > 0
  }
  const night = { plugins: { 'office-hours': { from: 19, to: 6 } } }
  assert.deepEqual([await denied(), await denied(night), await denied({}, exempt)], [true, false, false])
  clock.advance(16 * 3_600_000)
  assert.deepEqual([await denied(), await denied(night)], [false, true])
})
