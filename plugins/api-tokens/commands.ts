import {
  AdminCommand,
  CliError,
  type Flat,
  formatTime,
  isPast,
  parseDurationSeconds,
  parseRoles,
  resourceCommands,
  showCell,
  strictFlag,
  unknownRoles,
} from '@mezite/cli'
import * as Flags from '@oclif/core/flags'

class ApiTokensCreate extends AdminCommand {
  static override summary = 'Create a credential for a program that uses mezctl or the API'
  static override description =
    'The token is printed once. A program passes it in MEZITE_AUTH_TOKEN, together with MEZITE_PROXY. The token never has a role that its creator does not have, even if the creator loses roles later.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> --name ci --roles admin --ttl 7d',
    '<%= config.bin %> <%= command.id %> --name ci --roles admin --json | jq -r .token',
  ]
  static override flags = {
    name: Flags.string({
      required: true,
      description: 'Its name in lists and in the audit trail',
      helpValue: 'NAME',
    }),
    roles: Flags.string({
      required: true,
      description: 'Its roles, out of your own: a,b',
      helpValue: 'ROLES',
    }),
    ttl: Flags.string({
      default: '30d',
      description: 'Lifetime of the token: from 1m to 366d',
      helpValue: 'DURATION',
    }),
    ...strictFlag,
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(ApiTokensCreate)
    const roles = parseRoles(flags.roles)
    if (roles.length === 0) throw new CliError('MEZ_USAGE_WRONG', '--roles is empty')
    const ttl_seconds = parseDurationSeconds(flags.ttl, '--ttl', { min: '1m', max: '366d' })
    await this.checkNames(flags, unknownRoles(this.hub(flags), roles))
    const body = { name: flags.name, roles, ttl_seconds }
    const token = (await this.call(flags, 'POST', '/api-tokens', { body })) as Flat
    await this.show(flags, token, () =>
      [
        `Token: ${showCell(token.token)}`,
        `ID: ${showCell(token.id)}`,
        `Expires: ${formatTime(token.expires)}`,
      ].join('\n'),
    )
  }
}

/** The commands of `mezctl` by id. */
export const COMMANDS = {
  'api-tokens:create': ApiTokensCreate,
  ...resourceCommands<Flat>({
    topic: 'api-tokens',
    noun: 'API token',
    key: 'id',
    example: '01a2177e-3930-733d-b419-54bdf06c4dcb',
    ls: {
      summary: 'List the API tokens',
      examples: ['<%= config.bin %> <%= command.id %> --sort expires'],
      empty: 'No API tokens. Create one for a program: mezctl api-tokens create --name NAME --roles admin',
      columns: [
        ['id', (token) => token.id],
        ['name', (token) => token.name],
        ['roles', (token) => token.roles],
        ['expires', (token) => token.expires, 'deadline'],
        ['last used', (token) => token.used_at, 'time'],
        ['created by', (token) => token.creator],
        ['created', (token) => token.created, 'time'],
      ],
      states: {
        valid: ({ expires }) => !isPast(expires),
        expired: ({ expires }) => isPast(expires),
        'never-used': ({ used_at }) => !used_at,
      },
    },
    rm: {
      summary: 'Revoke an API token on all hubs at once',
      verb: 'Revoke',
      effect: 'Programs that use it are rejected from now on.',
    },
  }),
}
