import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { test } from 'node:test'
import { notifiers } from '@mezite/core'
import { conformNotifier, conformPlugin, conformTest, createTestHost } from '@mezite/core/testing'
import agent from './agent.ts'
import hub from './hub.ts'

conformPlugin(conformTest(test), hub, { config: { url: 'http://127.0.0.1:1' }, refused: [{}] })
conformPlugin(conformTest(test), agent, { config: { file: '/run/x' }, refused: [{}] })

conformNotifier(conformTest(test), async () => {
  const received: string[] = []
  let hangs = false
  const server = createServer(async (request, response) => {
    if (hangs) return
    const { title, text, url } = (await json(request)) as Record<string, string | null>
    received.push([title, text, url].join('\n'))
    response.end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const [notifier] = createTestHost(hub, { config: { url } }).slot(notifiers)
  return {
    notifier: notifier!,
    received: async () => received,
    hang() {
      hangs = true
    },
    close: async () => void server.close().closeAllConnections(),
  }
})
