import { escapeText, path } from '@mezite/cli-shared'
import { Args, Flags } from '@oclif/core'
import { AdminCommand } from '../../admin-command.ts'
import { cutText } from '../../cut-summary.ts'
import { parseRoles } from '../../role-list.ts'
import { unknownRoles } from '../../unknown-roles.ts'

export default class UsersUpdate extends AdminCommand {
  static override summary = 'replace the roles that a person has by hand'
  static override args = { name: Args.string({ required: true, description: 'name of the person' }) }
  static override flags = {
    roles: Flags.string({
      required: true,
      description: 'roles given by hand: a,b; an empty text takes them all',
    }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(UsersUpdate)
    const roles = parseRoles(flags.roles)
    const unknown = await unknownRoles(this.hub(flags), roles)
    const answer = await this.call(flags, 'PATCH', path`/users/${args.name}`, { body: { roles } })
    if (unknown !== null) this.note(unknown)
    await this.show(flags, answer ?? { name: args.name, roles }, () =>
      escapeText(`updated user ${args.name} with roles ${roles.join(', ') || 'none'}${cutText(answer)}`),
    )
  }
}
