import { type Flat, formatTime, resourceCommands } from '@mezite/cli'

/** The commands of agents by id. */
export const COMMANDS = resourceCommands<Flat>({
  topic: 'agents',
  noun: 'agent',
  key: 'hostname',
  ls: {
    summary: 'List the agents and their tunnels',
    empty: 'No agents yet. Create a token for one: mezctl tokens create --roles=app --agent-hostname HOST',
    columns: [
      ['hostname', (agent) => agent.hostname],
      ['state', (agent) => (agent.locked === true ? 'locked' : agent.connected ? 'up' : 'down')],
      ['since', (agent) => formatTime(agent.since)],
      ['version', (agent) => agent.version],
      ['transport', (agent) => agent.transport],
      ['rtt', (agent) => (typeof agent.rtt_ms === 'number' ? `${Math.round(agent.rtt_ms)} ms` : null)],
      ['apps', ({ apps }) => (Array.isArray(apps) ? apps.length : null)],
    ],
  },
  get: 'Show an agent and its tunnel',
  rm: {
    summary: 'Remove an agent; to return, it must join with a new token',
    effect: 'Its tunnel closes now, and its certificate is revoked.',
  },
})
