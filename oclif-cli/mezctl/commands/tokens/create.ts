import { parseDurationSeconds, showCell } from '@mezite/cli-shared'
import { Flags } from '@oclif/core'
import { AdminCommand } from '../../admin-command.ts'
import type { Flat } from '../../resource.ts'

export default class TokensCreate extends AdminCommand {
  static override summary = 'make a one-use token with which an agent joins'
  static override flags = {
    roles: Flags.string({ required: true, options: ['app'], description: 'what joins with it' }),
    ttl: Flags.string({ default: '1h', description: 'how long it can be used: 30m, 12h, at most 30d' }),
    'agent-hostname': Flags.string({ description: 'admit this host name only' }),
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
