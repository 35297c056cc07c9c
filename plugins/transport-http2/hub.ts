import { defineHubPlugin } from '@mezite/core'
import { transports } from '@mezite/core/protocol'

/** Carriers are TLS connections to the public port, which the core accepts by their ALPN name. */
export default defineHubPlugin({
  name: 'transport-http2',
  api: 1,
  summary: 'Carries tunnels on TLS connections to the public port',
  provides: { transports },
  setup({ provide }) {
    provide.transports({ name: 'http2', alpn: true })
  },
})
