import {
  AdminCommand,
  CliError,
  cutText,
  type EnrolmentLink,
  enrolmentText,
  escapeText,
  type Flat,
  formatTime,
  nameOf,
  parseRoles,
  path,
  type Resource,
  resourceCommands,
  strictFlag,
  unknownRoles,
} from '@mezite/cli'
import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'

const args = { name: Args.string({ required: true, description: 'Name of the user' }) }

class UsersCreate extends AdminCommand {
  static override summary = 'Give roles to a user before the first sign-in'
  static override description = 'Warns about roles that do not exist.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> alice@example.com --roles platform',
    '<%= config.bin %> <%= command.id %> erin --roles access --passkey',
  ]
  static override args = args
  static override flags = {
    roles: Flags.string({ required: true, description: 'Roles to assign: a,b', helpValue: 'ROLES' }),
    passkey: Flags.boolean({
      description: 'For a user without an identity provider: print a link to create a passkey for signing in',
    }),
    ...strictFlag,
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(UsersCreate)
    const roles = parseRoles(flags.roles)
    if (roles.length === 0) throw new CliError('MEZ_USAGE_WRONG', '--roles is empty')
    await this.checkNames(flags, unknownRoles(this.hub(flags), roles))
    const response = await this.call(flags, 'POST', '/users', { body: { name: args.name, roles } })
    const created = escapeText(`Created user ${args.name} with roles ${roles.join(', ')}.`)
    if (!flags.passkey) {
      return this.show(flags, response ?? { name: args.name, roles }, () => created)
    }
    const body = { type: 'webauthn', sign_in: true }
    const link = (await this.call(flags, 'POST', path`/users/${args.name}/mfa`, { body })) as EnrolmentLink
    const result = { ...(response as object), enrolment: link }
    await this.show(flags, result, () => `${created}\n${enrolmentText(link)}`)
  }
}

class UsersUpdate extends AdminCommand {
  static override summary = 'Replace the roles that were assigned to a user'
  static override description =
    'Roles that a connector maps from claims stay. Warns about roles that do not exist.'
  static override args = args
  static override flags = {
    roles: Flags.string({
      required: true,
      description: 'Roles to assign: a,b; "" removes all of them',
      helpValue: 'ROLES',
    }),
    ...strictFlag,
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(UsersUpdate)
    const roles = parseRoles(flags.roles)
    const target = path`/users/${args.name}`
    await this.checkNames(flags, unknownRoles(this.hub(flags), roles))
    const response = await this.call(flags, 'PATCH', target, { body: { roles } })
    await this.show(flags, response ?? { name: args.name, roles }, () => {
      const assigned = roles.length === 0 ? 'no assigned roles' : `assigned roles ${roles.join(', ')}`
      return escapeText(`Updated user ${args.name}: ${assigned}.${cutText(response)}`)
    })
  }
}

/** The commands of users by id. */
export const COMMANDS = {
  'users:create': UsersCreate,
  'users:update': UsersUpdate,
  ...resourceCommands<Resource & Flat>({
    topic: 'users',
    noun: 'user',
    ls: {
      summary: 'List the users who have signed in or were assigned roles',
      empty:
        'No users yet. Users appear when they sign in. To assign roles beforehand: mezctl users create NAME --roles ROLE',
      columns: [
        ['name', nameOf],
        ['state', (user) => (user.locked === true ? 'locked' : null)],
        ['roles', (user) => user.roles ?? user.spec?.roles],
        ['connector', (user) => user.connector ?? user.spec?.connector],
        ['created', (user) => formatTime(user.created)],
        ['last login', (user) => formatTime(user.last_login)],
      ],
    },
    get: 'Show a user, with assigned, mapped and granted roles',
    rm: {
      summary: 'Remove a user, and end the user’s sessions',
      effect: 'All sessions of the user end now.',
    },
    actions: {
      relink: {
        summary: 'Release a user name to the next identity that signs in with it',
        description:
          'A name belongs to the first identity that signed in with it. Use relink after the identity provider has changed: the next sign-in with this name takes it over, together with its assigned roles.',
        question: (user) => `Give the name ${user} to the next identity that signs in with it?`,
        done: (user) => `Relinked user ${user}: the next sign-in takes the name.`,
        result: (user) => ({ name: user, relinked: true }),
      },
      'drop-mapped-roles': {
        summary: 'Drop the roles that were mapped from claims at the last sign-in',
        description:
          'Assigned roles stay. The next sign-in maps claims again; to keep it from giving the same roles, change the connector or the user’s groups at the provider. `users get` shows mapped roles and their connector.',
        method: 'DELETE',
        path: '/mapped-roles',
        question: (user) => `Drop the mapped roles of ${user}? Access that only they give ends now.`,
        done: (user) => `Dropped the mapped roles of ${user}.`,
        result: (user) => ({ name: user, mapped_roles: [] }),
      },
    },
  }),
}
