import type { TransportUnderTest } from '@mezite/core/testing'
import { memoryLog } from '@mezite/core/testing'

/** The slot entries of the two plugins of a transport. */
export function transportParts(
  hubPlugin: { setup(host: never): void },
  agentPlugin: { setup(host: never): void },
): TransportUnderTest {
  const found: { hub?: TransportUnderTest['hub']; agent?: TransportUnderTest['agent'] } = {}
  const { log } = memoryLog()
  const provide = {
    transports: (part: TransportUnderTest['hub']) => {
      found.hub = part
    },
    agentTransports: (part: TransportUnderTest['agent']) => {
      found.agent = part
    },
  }
  hubPlugin.setup({ provide, log } as never)
  agentPlugin.setup({ provide, log } as never)
  return found as TransportUnderTest
}
