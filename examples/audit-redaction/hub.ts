import { isIPv4 } from 'node:net'
import { defineHubPlugin } from '@mezite/core'

/** Shortens client addresses in audit events to their network: IPv4 to /24, IPv6 to /48. Every sink receives the result. */
export default defineHubPlugin({
  name: 'audit-redaction',
  api: 1,
  summary: 'Shortens client addresses in audit events',
  setup({ tap }) {
    tap.audit.event((event) =>
      event.client_ip ? { ...event, client_ip: networkOf(event.client_ip) } : undefined,
    )
  },
})

function networkOf(address: string): string {
  if (isIPv4(address)) return `${address.split('.').slice(0, 3).join('.')}.0`
  const [head = ''] = address.split('::')
  return `${head.split(':').slice(0, 3).join(':')}::`
}
