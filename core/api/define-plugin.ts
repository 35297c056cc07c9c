import { type PluginDefiner, pluginDefiner } from '../kernel/plugin.ts'
import type { AgentHooks } from './agent-hooks.ts'
import type { HubHooks } from './hub-hooks.ts'

/** Defines the hub's half of a plugin: the default export of its `hub.ts`. */
export const defineHubPlugin: PluginDefiner<HubHooks> = pluginDefiner('hub')

/** Defines the agent's half of a plugin: the default export of its `agent.ts`. */
export const defineAgentPlugin: PluginDefiner<AgentHooks> = pluginDefiner('agent')
