import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Notification } from '@mezite/core'
import { conformJob, conformPlugin, conformTest, createTestHost, testJobs } from '@mezite/core/testing'
import plugin from './hub.ts'

const stands = { catalog: {}, notifications: {}, sessions: {}, users: {} }
conformPlugin(conformTest(test), plugin, {
  use: { ...stands, jobs: testJobs() },
  refused: [{ every: '1m' }],
})

function openHost() {
  const jobs = testJobs()
  const sent: Notification[] = []
  const apps = [
    { name: 'wiki', enabled: true },
    { name: 'old', enabled: false },
  ]
  const use = {
    ...{ jobs, catalog: { list: () => apps }, users: { list: () => ['ann'] } },
    ...{
      sessions: { list: () => [] },
      notifications: { send: async (one: Notification) => void sent.push(one) },
    },
  }
  const { clock, stop } = createTestHost(plugin, { use })
  return { jobs, sent, clock, job: jobs.list[0]!, close: stop }
}
conformJob(conformTest(test), async () => openHost())

test('it sends one report a day, however often it runs', async () => {
  const { clock, jobs, sent } = openHost()
  assert.match((await jobs.run('daily-report')) ?? '', /^reported for \d{4}-/)
  await jobs.run('daily-report')
  clock.advance(24 * 3_600_000)
  await jobs.run('daily-report')
  assert.equal(sent[0]?.text, '1 people, 0 sessions\n2 applications\nSwitched off: old')
  assert.equal(new Set(sent.map(({ key }) => key)).size, 2)
})
