import { createHmac } from 'node:crypto'
import { type Notifier, type Static, Type } from '@mezite/core'
import { post } from './http-post.ts'
import { routing, wants } from './routing.ts'

/** Plain HTTP would show the notification to everybody on the way. */
const URL_PATTERN = '^(https://.|http://(localhost|127\\.\\d+\\.\\d+\\.\\d+|\\[::1\\])[:/])'

export const Webhook = Type.Closed({
  ...routing,
  url: Type.String({ pattern: URL_PATTERN, must: 'an https:// address', description: 'where it posts' }),
  secret: Type.Secret({ description: 'key of the signature; base64 after whsec_, or any text' }),
})

/**
 * Posts notifications as JSON, signed by the rules of Standard Webhooks: the receiver checks `webhook-signature` over id,
 * timestamp and body, refuses old timestamps, and drops an id that it has.
 */
export function webhook(config: Static<typeof Webhook>): Notifier {
  const { name, url, secret } = config
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : Buffer.from(secret)
  return {
    name,
    takes: (notification) => wants(config, notification),
    async deliver(message, signal) {
      const body = JSON.stringify(message)
      const timestamp = String(Math.floor(Date.now() / 1_000))
      const signature = createHmac('sha256', key)
        .update(`${message.id}.${timestamp}.${body}`)
        .digest('base64')
      const headers = {
        'webhook-id': message.id,
        'webhook-timestamp': timestamp,
        'webhook-signature': `v1,${signature}`,
      }
      await post(url, body, headers, signal)
    },
  }
}
