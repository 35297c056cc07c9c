import type { AnyPlugin } from '../kernel/plugin.ts'
import { type LocalAgent, type LocalAgentOptions, startLocalAgent } from '../program/dev/local-agent.ts'
import { memoryLog } from './memory-log.ts'
import type { PluginUnderTest, TestHub } from './test-hub.ts'

/** Differences from an agent with the default configuration. */
export interface TestAgentOptions extends LocalAgentOptions {
  /** Additional plugins as values: the halves of the agent. */
  readonly plugins?: readonly (AnyPlugin | PluginUnderTest)[]
}

/** An agent in this process. */
export interface TestAgent extends LocalAgent {
  /** Its log lines so far, of every level. */
  readonly log: readonly string[]
}

/**
 * Joins a complete agent in this process and resolves when the hub has its link: the transports of `mezd`, and your plugins.
 * Needs the package `@mezite/agent`. Stop it before the hub.
 */
export async function createTestAgent(
  hub: Pick<TestHub, 'api' | 'url'>,
  { plugins = [], ...options }: TestAgentOptions = {},
): Promise<TestAgent> {
  const { log, lines } = memoryLog()
  const given = plugins.map((one) => ('plugin' in one ? one : { plugin: one, config: undefined }))
  const agent = await startLocalAgent(hub, given, log, options)
  return Object.defineProperties({ log: lines } as TestAgent, Object.getOwnPropertyDescriptors(agent))
}
