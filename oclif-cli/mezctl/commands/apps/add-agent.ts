import { escapeText, path } from '@mezite/cli-shared'
import { Args } from '@oclif/core'
import { AdminCommand } from '../../admin-command.ts'

export default class AppsAddAgent extends AdminCommand {
  static override summary = 'let an agent serve an app'
  static override args = {
    name: Args.string({ required: true, description: 'the app' }),
    hostname: Args.string({ required: true, description: 'host name of the agent' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(AppsAddAgent)
    const answer = await this.call(flags, 'PUT', path`/apps/${args.name}/agents/${args.hostname}`)
    await this.show(flags, answer ?? { name: args.name, hostname: args.hostname }, () =>
      escapeText(`agent ${args.hostname} may serve app ${args.name}`),
    )
  }
}
