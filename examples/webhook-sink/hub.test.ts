import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { auditSinks } from '@mezite/core'
import { conformAuditSink, conformPlugin, conformTest, createTestHost } from '@mezite/core/testing'
import plugin from './hub.ts'

process.env.WEBHOOK_SECRET = 'correct horse'
const secret = { env: 'WEBHOOK_SECRET' }
conformPlugin(conformTest(test), plugin, {
  config: { url: 'http://127.0.0.1:1', secret },
  refused: [{}, { url: 'ftp://x', secret }],
})

conformAuditSink(conformTest(test), async () => {
  const batches = new Map<unknown, string>()
  const server = createServer(async (request, response) => {
    batches.set(request.headers['mezite-batch'], await text(request))
    response.end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const [sink] = createTestHost(plugin, { config: { url, secret } }).slot(auditSinks)
  return {
    sink: sink!,
    read: async () => {
      const lines = [...batches.values()].join('').split('\n').filter(Boolean)
      return lines.map((line) => JSON.parse(line))
    },
    close: async () => void server.close().closeAllConnections(),
  }
})
