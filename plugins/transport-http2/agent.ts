import { defineAgentPlugin } from '@mezite/core'
import { agentTransports } from '@mezite/core/protocol'
import { dialTcp } from './tcp-dialer.ts'

/** Dials the hub's public port over TCP; the agent runs TLS and the tunnel on it. */
export default defineAgentPlugin({
  name: 'transport-http2',
  api: 1,
  summary: 'Dials the hub over TCP',
  provides: { agentTransports },
  setup({ provide }) {
    provide.agentTransports({ name: 'http2', dial: dialTcp })
  },
})
