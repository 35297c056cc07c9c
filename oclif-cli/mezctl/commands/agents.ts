import { type Flat, formatTime, GetCommand, ListCommand, path, RemoveCommand } from '@mezite/cli'
import * as Args from '@oclif/core/args'

const args = { hostname: Args.string({ required: true, description: 'Host name of the agent' }) }

export class AgentsLs extends ListCommand {
  static override summary = 'List the agents and their tunnels'

  async run(): Promise<void> {
    const { flags } = await this.parse(AgentsLs)
    await this.list<Flat>(flags, {
      path: '/agents',
      empty: 'No agents yet. Create a token for one: mezctl tokens create --roles=app --agent-hostname HOST',
      columns: [
        ['hostname', (agent) => agent.hostname],
        ['up', (agent) => agent.connected],
        ['since', (agent) => formatTime(agent.since)],
        ['version', (agent) => agent.version],
        ['transport', (agent) => agent.transport],
        ['rtt', (agent) => (typeof agent.rtt_ms === 'number' ? `${Math.round(agent.rtt_ms)} ms` : null)],
        ['streams', (agent) => agent.streams],
        ['apps', (agent) => agent.apps],
        ['cert expires', (agent) => formatTime(agent.cert_expires)],
      ],
    })
  }
}

export class AgentsGet extends GetCommand {
  static override summary = 'Show an agent and its tunnel'
  static override args = args

  protected target(hostname: string): string {
    return path`/agents/${hostname}`
  }
}

export class AgentsRm extends RemoveCommand {
  static override summary = 'Remove an agent; to return, it must join with a new token'
  static override args = args

  protected removal(hostname: string) {
    return {
      method: 'DELETE',
      path: path`/agents/${hostname}`,
      question: `Remove agent ${hostname}? Its tunnel closes now, and its certificate is revoked.`,
      done: `Removed agent ${hostname}.`,
      result: { hostname, removed: true },
    }
  }
}
