import {
  AdminCommand,
  CliError,
  confirm,
  count,
  cutText,
  type EnrolmentLink,
  enrolmentText,
  escapeText,
  type Flat,
  formatTime,
  ListCommand,
  parseDurationSeconds,
  parseRoles,
  path,
  resourceCommands,
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

interface Invitation extends Flat {
  readonly name: string
  readonly roles: readonly string[]
  readonly link: string
  readonly expires: string
}

class UsersInvite extends AdminCommand {
  static override summary = 'Invite a person without an identity provider by a link'
  static override description =
    'The link works once. Who opens it creates a passkey, and gets the account with these roles. It works only while you have the right to invite and all rights that the roles give.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> erin@example.com --roles team',
    '<%= config.bin %> <%= command.id %> erin@example.com --roles team --expires 12h',
  ]
  static override args = { name: Args.string({ required: true, description: 'Name of the new user' }) }
  static override flags = {
    roles: Flags.string({ required: true, description: 'Roles to assign: a,b', helpValue: 'ROLES' }),
    expires: Flags.string({
      default: '3d',
      description: 'How long the link works, 5m to 30d',
      helpValue: 'DURATION',
    }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(UsersInvite)
    const roles = parseRoles(flags.roles)
    if (roles.length === 0) throw new CliError('MEZ_USAGE_WRONG', '--roles is empty')
    const ttl_seconds = parseDurationSeconds(flags.expires, '--expires', { min: '5m', max: '30d' })
    const body = { name: args.name, roles, ttl_seconds }
    const made = (await this.call(flags, 'POST', '/invitations', { body })) as Invitation
    await this.show(flags, made, () => {
      const { name, link, expires } = made
      const what = escapeText(`Invited ${name} with roles ${made.roles.join(', ')}.`)
      const how = `Send it to this person alone. It works once and expires ${formatTime(expires)}.`
      return `${what}\nLink: ${escapeText(link)}\n${how}`
    })
  }
}

/** The commands of `mezctl` by id. */
export const COMMANDS = {
  'users:add-mfa': UsersAddMfa,
  'users:list-mfa': UsersListMfa,
  'users:reset-webauthn': UsersResetWebauthn,
  'users:invite': UsersInvite,
  ...resourceCommands<Flat>({
    topic: 'invitations',
    noun: 'invitation',
    key: 'id',
    example: '3f1b8c52-6a0e-4a58-9d8e-2f4f9f0f7a11',
    ls: {
      summary: 'List invitations that nobody has used yet, and whether they work',
      examples: ['<%= config.bin %> <%= command.id %> --q erin'],
      empty: 'No open invitations. Invite somebody: mezctl users invite NAME --roles ROLE',
      columns: [
        ['id', ({ id }) => id],
        ['name', ({ name }) => name],
        ['roles', ({ roles }) => roles],
        ['state', ({ state }) => state],
        ['invited by', ({ inviter }) => inviter],
        ['created', ({ created }) => created, 'time'],
        ['expires', ({ expires }) => expires, 'deadline'],
      ],
    },
    rm: {
      summary: 'Remove an invitation: its link does not work any more',
      effect: 'Its link does not work any more.',
    },
  }),
}
