import { CliError, escapeText, parseList } from '@mezite/cli-shared'
import { Args, Flags } from '@oclif/core'
import { AdminCommand } from '../../admin-command.ts'

export default class UsersCreate extends AdminCommand {
  static override summary = 'give roles to a name before its first login'
  static override args = { name: Args.string({ required: true, description: 'name of the person' }) }
  static override flags = { roles: Flags.string({ required: true, description: 'roles given by hand: a,b' }) }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(UsersCreate)
    const roles = parseList(flags.roles)
    if (roles.length === 0) throw new CliError('MEZ_USAGE', '--roles names no role')
    const answer = await this.call(flags, 'POST', '/users', { body: { name: args.name, roles } })
    await this.show(flags, answer ?? { name: args.name, roles }, () =>
      escapeText(`created user ${args.name} with roles ${roles.join(', ') || 'none'}`),
    )
  }
}
