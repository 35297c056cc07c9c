import { randomUUID } from 'node:crypto'
import { auditSinks, defineHubPlugin, Type } from '@mezite/core'

const DEADLINE_MS = 10_000

/** Sends audit events to a URL, as JSON lines. The hub tries a batch again that was not accepted. */
export default defineHubPlugin({
  name: 'my-plugin',
  api: 1,
  summary: 'Sends audit events to a URL',
  config: Type.Closed({ url: Type.String({ pattern: '^https?://' }) }),
  provides: { auditSinks },
  setup({ config, provide }) {
    const hub = randomUUID()
    provide.auditSinks({
      name: 'my-plugin',
      // `enforced` would refuse requests while the URL cannot be reached.
      guarantee: 'best-effort',
      async write(lines, batch) {
        // A batch that failed comes again with its number: the receiver stores each key once.
        const headers = { 'content-type': 'application/x-ndjson', 'idempotency-key': `${hub}-${batch}` }
        const signal = AbortSignal.timeout(DEADLINE_MS)
        const { ok, status } = await fetch(config.url, { method: 'POST', headers, body: lines, signal })
        if (!ok) throw new Error(`${config.url} responded with ${status}`)
      },
      async flush() {},
    })
  },
})
