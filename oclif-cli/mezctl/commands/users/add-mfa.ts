import { path } from '@mezite/cli-shared'
import { Args, Flags } from '@oclif/core'
import { AdminCommand } from '../../admin-command.ts'
import { type EnrolmentLink, linkText } from '../../enrolment-link.ts'

export default class UsersAddMfa extends AdminCommand {
  static override summary = 'make a one-use link with which a person enrols a key'
  static override args = { name: Args.string({ required: true, description: 'name of the person' }) }
  static override flags = {
    type: Flags.string({ required: true, options: ['webauthn'], description: 'kind of key' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(UsersAddMfa)
    const body = { type: flags.type }
    const link = (await this.call(flags, 'POST', path`/users/${args.name}/mfa`, { body })) as EnrolmentLink
    await this.show(flags, link, () => linkText(link))
  }
}
