import { showTime } from '@mezite/cli-shared'
import { ListCommand } from '../../list-command.ts'
import type { Flat } from '../../resource.ts'

export default class TokensLs extends ListCommand {
  static override summary = 'list the join tokens'

  async run(): Promise<void> {
    const { flags } = await this.parse(TokensLs)
    await this.list<Flat>(flags, {
      path: '/tokens',
      empty:
        'No join tokens. Make one for a new agent: mezctl tokens create --roles=app --agent-hostname HOST',
      columns: [
        ['id', (token) => token.id],
        ['roles', (token) => token.roles],
        ['agent', (token) => token.agent_hostname ?? 'any new'],
        ['created', (token) => showTime(token.created)],
        ['expires', (token) => showTime(token.expires)],
        ['used', (token) => showTime(token.used_at)],
      ],
    })
  }
}
