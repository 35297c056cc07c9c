import type { AnyPlugin } from '@mezite/core'
import { agentTransports, transports } from '@mezite/core/protocol'
import { createTestHost, type TransportUnderTest } from '@mezite/core/testing'

/** The slot entries of the two plugins of a transport. */
export const transportParts = (hub: AnyPlugin, agent: AnyPlugin): TransportUnderTest => ({
  hub: createTestHost(hub).slot(transports)[0]!,
  agent: createTestHost<'agent'>(agent).slot(agentTransports)[0]!,
})
