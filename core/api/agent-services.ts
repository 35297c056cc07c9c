import { slotRef } from '../kernel/reference.ts'
import type { AgentTransport } from './transport.ts'

/** How a byte stream to the hub can be dialled; `tunnel.transports` picks and orders them. */
export const agentTransports = slotRef<AgentTransport>('agentTransports')
