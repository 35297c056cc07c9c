import { escapeText, path } from '@mezite/cli-shared'
import { Args } from '@oclif/core'
import { AdminCommand } from '../../admin-command.ts'

export default class AppsEnable extends AdminCommand {
  static override summary = 'put a disabled app back on the net'
  static override args = { name: Args.string({ required: true, description: 'the app' }) }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(AppsEnable)
    const answer = await this.call(flags, 'POST', path`/apps/${args.name}/enable`)
    await this.show(
      flags,
      answer ?? { name: args.name, enabled: true },
      () => `enabled app ${escapeText(args.name)}`,
    )
  }
}
