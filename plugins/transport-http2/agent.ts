import { defineAgentPlugin } from '@mezite/core'
import { agentTransports } from '@mezite/core/protocol'

/** A TCP connection to the hub's public port is the carrier; the agent runs TLS and the tunnel on it. */
export default defineAgentPlugin({
  name: 'transport-http2',
  api: 1,
  summary: 'Connects to the hub over TCP',
  provides: { agentTransports },
  setup({ provide }) {
    provide.agentTransports({ name: 'http2', dial: ({ connect }) => connect() })
  },
})
