import { showTime } from '@mezite/cli-shared'
import { ListCommand } from '../../list-command.ts'
import type { Flat } from '../../resource.ts'

export default class AgentsLs extends ListCommand {
  static override summary = 'list the agents and their tunnels'

  async run(): Promise<void> {
    const { flags } = await this.parse(AgentsLs)
    await this.list<Flat>(flags, {
      path: '/agents',
      empty: 'No agents yet. Make a token for one: mezctl tokens create --roles=app --agent-hostname HOST',
      columns: [
        ['hostname', (agent) => agent.hostname],
        ['connected', (agent) => agent.connected],
        ['since', (agent) => showTime(agent.since)],
        ['version', (agent) => agent.version],
        ['transport', (agent) => agent.transport],
        ['rtt', (agent) => (typeof agent.rtt_ms === 'number' ? `${Math.round(agent.rtt_ms)} ms` : null)],
        ['streams', (agent) => agent.streams],
        ['apps', (agent) => agent.apps],
        ['certificate ends', (agent) => showTime(agent.cert_expires)],
      ],
    })
  }
}
