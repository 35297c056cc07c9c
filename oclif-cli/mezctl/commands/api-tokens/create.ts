import { CliError, parseDurationSeconds, showCell, showTime } from '@mezite/cli-shared'
import { Flags } from '@oclif/core'
import { AdminCommand } from '../../admin-command.ts'
import type { Flat } from '../../resource.ts'
import { parseRoles } from '../../role-list.ts'

export default class ApiTokensCreate extends AdminCommand {
  static override summary = 'make a credential with which a program uses this command line or the API'
  static override description =
    'The token is shown once. Programs give it in MEZITE_AUTH_TOKEN, beside MEZITE_PROXY. It never has a role that its maker does not have, now or later.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> --name ci --roles admin --ttl 7d',
    '<%= config.bin %> <%= command.id %> --name ci --roles admin --json | jq -r .token',
  ]
  static override flags = {
    name: Flags.string({ required: true, description: 'what it is called in lists and in the audit trail' }),
    roles: Flags.string({ required: true, description: 'roles of yours that it gets: admin' }),
    ttl: Flags.string({ default: '30d', description: 'how long it is valid: 12h, 30d, from 1m to 366d' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(ApiTokensCreate)
    const roles = parseRoles(flags.roles)
    if (roles.length === 0) throw new CliError('MEZ_USAGE', '--roles names no role')
    const ttl_seconds = parseDurationSeconds(flags.ttl, '--ttl', { min: '1m', max: '366d' })
    const body = { name: flags.name, roles, ttl_seconds }
    const token = (await this.call(flags, 'POST', '/api-tokens', { body })) as Flat
    await this.show(
      flags,
      token,
      () => `Token: ${showCell(token.token)}\nID: ${showCell(token.id)}\nExpires: ${showTime(token.expires)}`,
    )
  }
}
