import { confirm, escapeText, path } from '@mezite/cli-shared'
import { Args, Flags } from '@oclif/core'
import { AdminCommand } from '../../admin-command.ts'
import { cutText } from '../../cut-summary.ts'

interface Reset {
  readonly keys: number
  readonly links: number
  readonly cut: { readonly sessions: number }
}

export default class UsersResetWebauthn extends AdminCommand {
  static override summary = 'remove the keys of a person, revoke open links, and end their sessions'
  static override args = { name: Args.string({ required: true, description: 'name of the person' }) }
  static override flags = {
    id: Flags.string({ description: 'only this key or link, as list-mfa shows it' }),
    yes: Flags.boolean({ char: 'y', description: 'do not ask' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(UsersResetWebauthn)
    const what = flags.id === undefined ? 'all keys and links' : 'this key or link'
    await confirm(`Remove ${what} of ${args.name}? Their sessions end when a key goes.`, flags.yes)
    const query = flags.id === undefined ? {} : { id: flags.id }
    const reset = (await this.call(flags, 'DELETE', path`/users/${args.name}/mfa`, { query })) as Reset
    const { keys, links, cut } = reset
    await this.show(flags, reset, () =>
      escapeText(
        `reset ${args.name}: ${keys} keys and ${links} links removed, ${cut.sessions} sessions ended${cutText(reset)}`,
      ),
    )
  }
}
