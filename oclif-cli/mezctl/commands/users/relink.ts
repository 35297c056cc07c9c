import { confirm, escapeText, path } from '@mezite/cli-shared'
import { Args, Flags } from '@oclif/core'
import { AdminCommand } from '../../admin-command.ts'
import { cutText } from '../../cut-summary.ts'

export default class UsersRelink extends AdminCommand {
  static override summary = 'free a name for the next identity that signs in with it'
  static override description =
    'A name belongs to the first identity that took it. After relink, the next sign-in with this name takes it, with the roles given by hand: use it when the identity provider was changed.'
  static override args = { name: Args.string({ required: true, description: 'name of the person' }) }
  static override flags = { yes: Flags.boolean({ char: 'y', description: 'do not ask' }) }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(UsersRelink)
    await confirm(`Give ${args.name} to whoever signs in next with this name?`, flags.yes)
    const answer = await this.call(flags, 'POST', path`/users/${args.name}/relink`)
    await this.show(flags, answer ?? { name: args.name, relinked: true }, () =>
      escapeText(`relinked user ${args.name}, the next sign-in with this name takes it${cutText(answer)}`),
    )
  }
}
