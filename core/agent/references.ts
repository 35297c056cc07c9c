import type { AgentTransport } from '../hub/tunnel/transport.ts'
import { slotRef } from '../kernel/reference.ts'

/** How a byte stream to the hub can be dialled; `tunnel.transports` picks and orders them. */
export const agentTransports = slotRef<AgentTransport>('agentTransports')
