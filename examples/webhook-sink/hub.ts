import { createHmac } from 'node:crypto'
import { isIPv4 } from 'node:net'
import { auditSinks, defineHubPlugin, Type } from '@mezite/core'

/**
 * Posts audit events to a webhook, as JSON lines with their HMAC-SHA-256. A batch that fails comes again with the same
 * number, by which the receiver recognises events that it has stored already. It can shorten the addresses of clients to their
 * network, in the events of every sink.
 */
export default defineHubPlugin({
  name: 'webhook-sink',
  api: 1,
  summary: 'Posts audit events to a webhook',
  config: Type.Closed({
    url: Type.String({ pattern: '^https?://', description: 'Where events are posted' }),
    secret: Type.Secret({ description: 'Key of the signature' }),
    timeout: Type.Duration({
      default: '5s',
      min: '100ms',
      max: '9s',
      description: 'Longest time of a call',
    }),
    shorten_addresses: Type.Boolean({
      default: false,
      description: 'Client addresses become their network: /24 for IPv4, /48 for IPv6',
    }),
  }),
  provides: { auditSinks },
  setup({ config: { url, secret, timeout, shorten_addresses: shortens }, provide, tap }) {
    if (shortens)
      tap.audit.event((event) =>
        event.client_ip ? { ...event, client_ip: networkOf(event.client_ip) } : undefined,
      )
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

function networkOf(address: string): string {
  if (isIPv4(address)) return `${address.split('.').slice(0, 3).join('.')}.0`
  const [head = ''] = address.split('::')
  return `${head.split(':').slice(0, 3).join(':')}::`
}
