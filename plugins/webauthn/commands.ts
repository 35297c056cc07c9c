import {
  AdminCommand,
  confirm,
  count,
  cutText,
  type EnrolmentLink,
  enrolmentText,
  escapeText,
  type Flat,
  ListCommand,
  path,
  yesFlag,
} from '@mezite/cli'
import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'

const args = { name: Args.string({ required: true, description: 'Name of the user' }) }

class UsersAddMfa extends AdminCommand {
  static override summary = 'Create a one-use link with which a user adds a passkey'
  static override examples = ['<%= config.bin %> <%= command.id %> alice@example.com --type=webauthn']
  static override args = args
  static override flags = {
    type: Flags.string({ required: true, options: ['webauthn'], description: 'Kind of credential' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(UsersAddMfa)
    const body = { type: flags.type }
    const link = (await this.call(flags, 'POST', path`/users/${args.name}/mfa`, { body })) as EnrolmentLink
    await this.show(flags, link, () => enrolmentText(link))
  }
}

class UsersListMfa extends ListCommand {
  static override summary = 'List the passkeys of a user, and the links that can still add one'
  static override examples = ['<%= config.bin %> <%= command.id %> alice@example.com']
  static override args = args

  async run(): Promise<void> {
    const { args, flags } = await this.parse(UsersListMfa)
    await this.list<Flat>(flags, {
      path: path`/users/${args.name}/mfa`,
      empty: 'No passkeys and no open links. Create a link: mezctl users add-mfa NAME --type=webauthn',
      columns: [
        ['id', ({ id }) => id],
        ['kind', ({ kind }) => (kind === 'key' ? 'passkey' : kind)],
        ['name', ({ name }) => name],
        ['last used', ({ last_used }) => last_used, 'time'],
        ['expires', ({ expires }) => expires, 'deadline'],
        ['created', ({ created }) => created, 'time'],
        ['level', ({ level }) => level],
      ],
    })
  }
}

interface Reset {
  readonly keys: number
  readonly links: number
  readonly cut: { readonly sessions: number }
}

class UsersResetWebauthn extends AdminCommand {
  static override summary = 'Remove the passkeys of a user, revoke open links, and end the user’s sessions'
  static override examples = ['<%= config.bin %> <%= command.id %> alice@example.com']
  static override args = args
  static override flags = {
    id: Flags.string({ description: 'Only this passkey or link; list-mfa shows the ids', helpValue: 'ID' }),
    ...yesFlag,
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(UsersResetWebauthn)
    const target = path`/users/${args.name}/mfa`
    const what = flags.id === undefined ? 'all passkeys and links' : `passkey or link ${flags.id}`
    await confirm(`Remove ${what} of ${args.name}? Removing a passkey ends the user’s sessions.`, flags.yes)
    const query = flags.id === undefined ? {} : { id: flags.id }
    const reset = (await this.call(flags, 'DELETE', target, { query })) as Reset
    const { keys, links, cut } = reset
    await this.show(flags, reset, () => {
      const removed = `removed ${count(keys, 'passkey')} and ${count(links, 'link')}`
      const ended = `ended ${count(cut.sessions, 'session')}`
      return escapeText(`Reset ${args.name}: ${removed}, ${ended}.${cutText(reset)}`)
    })
  }
}

/** The commands of `mezctl` by id. */
export const COMMANDS = {
  'users:add-mfa': UsersAddMfa,
  'users:list-mfa': UsersListMfa,
  'users:reset-webauthn': UsersResetWebauthn,
}
