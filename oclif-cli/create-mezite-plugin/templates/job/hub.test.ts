import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Notification } from '@mezite/core'
import { conformJob, conformPlugin, conformTest, createTestHost, testJobs } from '@mezite/core/testing'
import plugin from './hub.ts'

const stands = { catalog: {}, notifications: {} }
conformPlugin(conformTest(test), plugin, {
  use: { ...stands, jobs: testJobs() },
  refused: [{ before: '1m' }],
})

function openHost() {
  const jobs = testJobs()
  const sent: Notification[] = []
  const apps: { name: string; expires: number | null }[] = []
  const notifications = { send: async (one: Notification) => void sent.push(one) }
  const host = createTestHost(plugin, { use: { jobs, notifications, catalog: { list: () => apps } } })
  const after = (days: number) => host.clock.now() + days * 24 * 3_600_000
  apps.push(
    { name: 'old', expires: after(1) },
    { name: 'new', expires: after(30) },
    { name: 'wiki', expires: null },
  )
  return { jobs, sent, job: jobs.list[0]!, close: host.stop }
}
conformJob(conformTest(test), async () => openHost())

test('it tells of applications that expire soon', async () => {
  const { jobs, sent } = openHost()
  assert.equal(await jobs.run('my-plugin'), '1 expire soon')
  assert.match(sent[0]?.title ?? '', /^old expires at \d{4}-/)
  assert.equal(sent.length, 1)
})
