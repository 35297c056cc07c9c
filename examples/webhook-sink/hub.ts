import { createHmac } from 'node:crypto'
import { auditSinks, defineHubPlugin, Type } from '@mezite/core'

/**
 * Posts audit events to a webhook, as JSON lines with their HMAC-SHA-256. A batch that fails comes again with the same
 * number, by which the receiver recognises events that it has stored already.
 */
export default defineHubPlugin({
  name: 'webhook-sink',
  api: 1,
  summary: 'Posts audit events to a webhook',
  config: Type.Object(
    {
      url: Type.String({ pattern: '^https?://', description: 'Where events are posted' }),
      secret: Type.Secret({ description: 'Key of the signature' }),
      timeout: Type.Duration({
        default: '5s',
        min: '100ms',
        max: '9s',
        description: 'Longest time of a call',
      }),
    },
    { additionalProperties: false },
  ),
  provides: { auditSinks },
  setup({ config: { url, secret, timeout }, provide }) {
    provide.auditSinks({
      name: 'webhook-sink',
      guarantee: 'best-effort',
      async write(lines, batch) {
        const headers = {
          'content-type': 'application/jsonl',
          'mezite-batch': String(batch),
          'mezite-signature': createHmac('sha256', secret).update(`${batch}\n${lines}`).digest('hex'),
        }
        const signal = AbortSignal.timeout(timeout)
        const response = await fetch(url, { method: 'POST', headers, body: lines, signal, redirect: 'error' })
        await response.body?.cancel()
        if (!response.ok) throw new Error(`the webhook responded with status ${response.status}`)
      },
      flush: async () => {},
    })
  },
})
