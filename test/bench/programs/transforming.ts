/**
 * Downloads through a hub and an agent in this process: of an app as it is, and of one whose bodies a plugin changes. Tells
 * when it is ready and then, for each message, a rate in MB/s, or how many bytes the app could send while the reader of a
 * changed body did not read. Ends when told.
 */
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { defineHubPlugin } from '@mezite/core'
import { openProtocolBench } from '../../../core/testing/index.ts'
import type { TransformingOrder } from '../rows/transforming.ts'

const BODY_BYTES = 64 << 20
const CHUNK = Buffer.alloc(256 << 10, 'x')
/** Long enough for every buffer on the way to fill. */
const PAUSE_MS = 1_500

let sent = 0
async function send(response: ServerResponse, bytes: number): Promise<void> {
  for (let left = bytes; left > 0 && !response.destroyed; left -= CHUNK.length) {
    sent += CHUNK.length
    if (!response.write(CHUNK)) await drained(response)
  }
  response.end()
}
async function drained(response: ServerResponse): Promise<void> {
  const over = new AbortController()
  const { signal } = over
  await Promise.race([once(response, 'drain', { signal }), once(response, 'close', { signal })])
  // The other one would stay as a listener.
  over.abort()
}
const app = createServer((request, response) => {
  response.on('error', () => {})
  void send(response, request.url === '/endless' ? Number.POSITIVE_INFINITY : BODY_BYTES)
})
app.listen(0, '127.0.0.1')
await once(app, 'listening')

/** Changes each byte of the bodies of one app, as a plugin that rewrites them would. */
const changing = defineHubPlugin({
  name: 'bench-transforming',
  api: 1,
  summary: 'Changes bodies',
  setup({ tap }) {
    tap.http.response((response, { app, transform }) => {
      if (app.name === 'changed')
        transform(() => ({
          write: (chunk) => Buffer.from(chunk).fill('y'),
          end: () => Buffer.alloc(0),
        }))
      return response
    })
  },
})

const bench = await openProtocolBench([{ plugin: changing }])
const { hub, agent } = bench
process.on('SIGTERM', () => {
  app.closeAllConnections()
  app.close()
  void bench.close().then(() => process.exit(0))
})
for (const name of ['plain', 'changed'])
  await hub.api('PUT', `/apps/${name}`, {
    kind: 'app',
    version: 'v1',
    metadata: { name, labels: { conform: 'yes' } },
    spec: { uri: `http://127.0.0.1:${(app.address() as AddressInfo).port}`, agents: [agent.hostname] },
  })
const ann = await bench.person('ann', ['reaches'])

async function rateOf(name: 'plain' | 'changed'): Promise<number> {
  const response = await ann.stream(`${hub.appUrl(name)}/body`)
  const begun = performance.now()
  let bytes = 0
  for await (const chunk of response) bytes += (chunk as Buffer).length
  if (bytes !== BODY_BYTES) throw new Error(`${bytes} bytes of ${name}`)
  return bytes / 1_000 / (performance.now() - begun)
}
for (const name of ['plain', 'changed'] as const) {
  await ann.open(`${hub.appUrl(name)}/body`)
  await rateOf(name)
}

async function heldBytes(): Promise<number> {
  const response = await ann.stream(`${hub.appUrl('changed')}/endless`)
  response.on('error', () => {}).pause()
  sent = 0
  await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
  response.destroy()
  return sent
}

process.on('message', async (order: TransformingOrder) => {
  process.send?.(await (order === 'held' ? heldBytes() : rateOf(order)))
})
process.send?.({ ready: true })
