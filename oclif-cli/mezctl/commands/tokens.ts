import {
  AdminCommand,
  type Flat,
  isPast,
  parseDurationSeconds,
  resourceCommands,
  showCell,
} from '@mezite/cli'
import * as Flags from '@oclif/core/flags'

class TokensCreate extends AdminCommand {
  static override summary = 'Create a one-use token with which an agent joins the cluster'
  static override examples = ['<%= config.bin %> <%= command.id %> --roles=app --agent-hostname node-1']
  static override flags = {
    roles: Flags.string({ required: true, options: ['app'], description: 'What joins: an agent for apps' }),
    ttl: Flags.string({
      default: '1h',
      description: 'Lifetime of the token: from 1s to 30d',
      helpValue: 'DURATION',
    }),
    'agent-hostname': Flags.string({ description: 'The only host name that may join', helpValue: 'HOST' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(TokensCreate)
    const agent = flags['agent-hostname']
    const body = {
      roles: [flags.roles],
      ttl_seconds: parseDurationSeconds(flags.ttl, '--ttl', { min: '1s', max: '30d' }),
      ...(agent === undefined ? {} : { agent_hostname: agent }),
    }
    const token = (await this.call(flags, 'POST', '/tokens', { body })) as Flat
    await this.show(flags, token, () =>
      [`Token: ${showCell(token.token)}`, `CA pin: ${showCell(token.ca_pin)}`, showCell(token.command)].join(
        '\n',
      ),
    )
  }
}

/** The commands of join tokens by id. */
export const COMMANDS = {
  'tokens:create': TokensCreate,
  ...resourceCommands<Flat>({
    topic: 'tokens',
    noun: 'join token',
    key: 'id',
    example: '01a2177e-3930-733d-b419-54bdf06c4dcb',
    ls: {
      summary: 'List the join tokens',
      examples: ['<%= config.bin %> <%= command.id %> --state open'],
      empty:
        'No join tokens. Create one for a new agent: mezctl tokens create --roles=app --agent-hostname HOST',
      columns: [
        ['id', (token) => token.id],
        ['agent', (token) => token.agent_hostname ?? 'any new'],
        ['expires', (token) => token.expires, 'deadline'],
        ['used', (token) => token.used_at, 'time'],
        ['created', (token) => token.created, 'time'],
      ],
      states: {
        open: ({ used_at, expires }) => !used_at && !isPast(expires),
        used: ({ used_at }) => Boolean(used_at),
        expired: ({ used_at, expires }) => !used_at && isPast(expires),
      },
    },
    rm: {
      summary: 'Revoke a join token',
      verb: 'Revoke',
      effect: 'No agent can join with it afterwards.',
    },
  }),
}
