import { type Flat, listOf, resourceCommands } from '@mezite/cli'

const stateOf = (agent: Flat) => (agent.locked === true ? 'locked' : agent.connected ? 'up' : 'down')
const isIn = (state: string) => (agent: Flat) => stateOf(agent) === state

/** The commands of agents by id. */
export const COMMANDS = resourceCommands<Flat>({
  topic: 'agents',
  noun: 'agent',
  key: 'hostname',
  example: 'node-1',
  ls: {
    summary: 'List the agents and their tunnels',
    examples: ['<%= config.bin %> <%= command.id %> --state down'],
    empty: 'No agents yet. Create a token for one: mezctl tokens create --roles=app --agent-hostname HOST',
    columns: [
      ['hostname', (agent) => agent.hostname],
      ['state', stateOf],
      ['since', (agent) => agent.since, 'time'],
      ['version', (agent) => agent.version],
      ['transport', (agent) => agent.transport],
      ['rtt', (agent) => (typeof agent.rtt_ms === 'number' ? `${Math.round(agent.rtt_ms)} ms` : null)],
      ['apps', ({ apps }) => (Array.isArray(apps) ? apps.length : null)],
    ],
    states: { up: isIn('up'), down: isIn('down'), locked: isIn('locked') },
    apps: ({ apps }) => listOf<unknown>(apps),
  },
  get: 'Show an agent and its tunnel',
  rm: {
    summary: 'Remove an agent; to return, it must join with a new token',
    effect: 'Its tunnel closes now, and its certificate is revoked.',
  },
})
