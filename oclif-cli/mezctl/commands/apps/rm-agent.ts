import { confirm, escapeText, path } from '@mezite/cli-shared'
import { Args, Flags } from '@oclif/core'
import { AdminCommand } from '../../admin-command.ts'

export default class AppsRmAgent extends AdminCommand {
  static override summary = 'stop an agent from serving an app'
  static override args = {
    name: Args.string({ required: true, description: 'the app' }),
    hostname: Args.string({ required: true, description: 'host name of the agent' }),
  }
  static override flags = { yes: Flags.boolean({ char: 'y', description: 'do not ask' }) }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(AppsRmAgent)
    await confirm(`Take agent ${args.hostname} from app ${args.name}? Its streams are cut now.`, flags.yes)
    const answer = await this.call(flags, 'DELETE', path`/apps/${args.name}/agents/${args.hostname}`)
    await this.show(flags, answer ?? { name: args.name, hostname: args.hostname }, () =>
      escapeText(`agent ${args.hostname} no longer serves app ${args.name}`),
    )
  }
}
