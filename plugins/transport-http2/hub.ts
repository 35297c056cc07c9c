import { defineHubPlugin } from '@mezite/core'
import { transports } from '@mezite/core/protocol'

/** Tunnels arrive at the public port, which hands them over itself; nothing else is needed. */
export default defineHubPlugin({
  name: 'transport-http2',
  api: 1,
  summary: 'Carries tunnels on TLS connections to the public port',
  provides: { transports },
  setup({ provide }) {
    provide.transports({ name: 'http2', publicPort: true })
  },
})
