import { showTime } from '@mezite/cli-shared'
import { ListCommand } from '../../list-command.ts'
import type { Flat } from '../../resource.ts'

export default class ApiTokensLs extends ListCommand {
  static override summary = 'list the API tokens'

  async run(): Promise<void> {
    const { flags } = await this.parse(ApiTokensLs)
    await this.list<Flat>(flags, {
      path: '/api-tokens',
      empty: 'No API tokens. Make one for a program: mezctl api-tokens create --name NAME --roles admin',
      columns: [
        ['id', (token) => token.id],
        ['name', (token) => token.name],
        ['roles', (token) => token.roles],
        ['made by', (token) => token.creator],
        ['created', (token) => showTime(token.created)],
        ['expires', (token) => showTime(token.expires)],
        ['last used', (token) => showTime(token.used_at)],
      ],
    })
  }
}
