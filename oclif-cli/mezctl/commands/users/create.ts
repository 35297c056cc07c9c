import { CliError, escapeText, path } from '@mezite/cli-shared'
import { Args, Flags } from '@oclif/core'
import { AdminCommand } from '../../admin-command.ts'
import { type EnrolmentLink, linkText } from '../../enrolment-link.ts'
import { parseRoles } from '../../role-list.ts'
import { unknownRoles } from '../../unknown-roles.ts'

export default class UsersCreate extends AdminCommand {
  static override summary = 'give roles to a name before its first login'
  static override args = { name: Args.string({ required: true, description: 'name of the person' }) }
  static override flags = {
    roles: Flags.string({ required: true, description: 'roles given by hand: a,b' }),
    passkey: Flags.boolean({
      description:
        'the person has no identity provider and signs in with a passkey; prints a link to make it',
    }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(UsersCreate)
    const roles = parseRoles(flags.roles)
    if (roles.length === 0) throw new CliError('MEZ_USAGE', '--roles names no role')
    const unknown = await unknownRoles(this.hub(flags), roles)
    const answer = await this.call(flags, 'POST', '/users', { body: { name: args.name, roles } })
    const created = escapeText(`created user ${args.name} with roles ${roles.join(', ') || 'none'}`)
    if (unknown !== null) this.note(unknown)
    if (!flags.passkey) {
      await this.show(flags, answer ?? { name: args.name, roles }, () => created)
      return
    }
    const body = { type: 'webauthn', sign_in: true }
    const link = (await this.call(flags, 'POST', path`/users/${args.name}/mfa`, { body })) as EnrolmentLink
    await this.show(flags, { ...(answer as object), enrolment: link }, () => `${created}\n${linkText(link)}`)
  }
}
