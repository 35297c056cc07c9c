import {
  AdminCommand,
  type Flat,
  formatTime,
  ListCommand,
  parseDurationSeconds,
  path,
  RemoveCommand,
  showCell,
} from '@mezite/cli'
import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'

export class TokensCreate extends AdminCommand {
  static override summary = 'Create a one-use token with which an agent joins the cluster'
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

export class TokensLs extends ListCommand {
  static override summary = 'List the join tokens'

  async run(): Promise<void> {
    const { flags } = await this.parse(TokensLs)
    await this.list<Flat>(flags, {
      path: '/tokens',
      empty:
        'No join tokens. Create one for a new agent: mezctl tokens create --roles=app --agent-hostname HOST',
      columns: [
        ['id', (token) => token.id],
        ['agent', (token) => token.agent_hostname ?? 'any new'],
        ['created', (token) => formatTime(token.created)],
        ['expires', (token) => formatTime(token.expires)],
        ['used', (token) => formatTime(token.used_at)],
      ],
    })
  }
}

export class TokensRm extends RemoveCommand {
  static override summary = 'Revoke a join token'
  static override args = { id: Args.string({ required: true, description: 'Id of the join token' }) }

  protected removal(id: string) {
    return {
      method: 'DELETE',
      path: path`/tokens/${id}`,
      question: `Revoke join token ${id}? No agent can join with it afterwards.`,
      done: `Revoked join token ${id}.`,
      result: { id, removed: true },
    }
  }
}
