import {
  AdminCommand,
  type AdminFlags,
  CliError,
  count,
  cutText,
  type EnrolmentLink,
  enrolmentText,
  escapeText,
  type Flat,
  listOf,
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

const rolesArgs = {
  name: args.name,
  roles: Args.string({ required: true, description: 'Roles, separated by commas or spaces' }),
}

/** Changes the assigned roles of a user by what the user has now; nothing of somebody else's change is lost. */
abstract class RolesCommand extends AdminCommand {
  /** `change` returns the new roles, out of those before and the given ones; `done` is for the person; `check` runs before anything is sent. */
  protected async change(
    { flags, argv }: { readonly flags: AdminFlags; readonly argv: readonly unknown[] },
    change: (before: readonly string[], given: readonly string[]) => readonly string[],
    done: (given: string) => string,
    check: (given: readonly string[]) => Promise<void> = async () => {},
  ): Promise<void> {
    const [name = '', ...words] = argv.map(String)
    const given = parseRoles(words.join(','))
    if (given.length === 0) throw new CliError('MEZ_USAGE_WRONG', 'no role is named')
    await check(given)
    const target = path`/users/${name}`
    const user = (await this.call(flags, 'GET', target)) as Flat
    const before = listOf<string>(user.own_roles)
    const roles = change(before, given)
    const ifMatch = typeof user.etag === 'string' ? user.etag : undefined
    const response = await this.call(flags, 'PATCH', target, { body: { roles }, ifMatch })
    await this.show(flags, response ?? { name, roles }, () => {
      const all = roles.length === 0 ? 'no assigned roles' : `assigned roles ${roles.join(', ')}`
      return escapeText(
        `${done(`${count(given.length, 'role')} ${given.join(', ')}`)} ${name} now has ${all}.${cutText(response)}`,
      )
    })
  }
}

class UsersAddRole extends RolesCommand {
  static override summary = 'Assign roles to a user, beside those that the user has'
  static override description = 'Warns about roles that do not exist.'
  static override examples = ['<%= config.bin %> <%= command.id %> alice@example.com developers oncall']
  static override strict = false
  static override args = rolesArgs
  static override flags = strictFlag

  async run(): Promise<void> {
    const add = (before: readonly string[], given: readonly string[]) => [...new Set([...before, ...given])]
    const parsed = await this.parse(UsersAddRole)
    const { flags } = parsed
    const check = (given: readonly string[]) => this.checkNames(flags, unknownRoles(this.hub(flags), given))
    await this.change(parsed, add, (given) => `Assigned ${given}.`, check)
  }
}

class UsersRemoveRole extends RolesCommand {
  static override summary = 'Take assigned roles away from a user'
  static override description =
    'Roles that a connector maps from claims stay: `users drop-mapped-roles`. Access that only these roles give ends now.'
  static override examples = ['<%= config.bin %> <%= command.id %> alice@example.com oncall']
  static override strict = false
  static override args = rolesArgs

  async run(): Promise<void> {
    await this.change(await this.parse(UsersRemoveRole), without, (given) => `Took ${given} away.`)
  }
}

function without(before: readonly string[], given: readonly string[]): readonly string[] {
  const absent = given.filter((role) => !before.includes(role))
  if (absent.length === 0) return before.filter((role) => !given.includes(role))
  const has = before.length === 0 ? 'none' : before.join(', ')
  throw new CliError(
    'MEZ_NAME_UNKNOWN',
    `the user was not assigned ${absent.join(', ')} (assigned: ${has})`,
    {
      hint: 'Nothing was changed. A role that a connector maps is removed at the provider, or with users drop-mapped-roles.',
    },
  )
}

class UsersUpdate extends AdminCommand {
  static override summary = 'Replace the roles that were assigned to a user'
  static override description =
    'Roles that a connector maps from claims stay. `users add-role` and `remove-role` change single ones. Warns about roles that do not exist.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> alice@example.com --roles developers,oncall',
  ]
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
  'users:add-role': UsersAddRole,
  'users:remove-role': UsersRemoveRole,
  'users:update': UsersUpdate,
  ...resourceCommands<Resource & Flat>({
    topic: 'users',
    noun: 'user',
    example: 'alice@example.com',
    ls: {
      summary: 'List the users who have signed in or were assigned roles',
      examples: [
        '<%= config.bin %> <%= command.id %> --q bauer',
        '<%= config.bin %> <%= command.id %> --state never-signed-in --sort created',
      ],
      empty:
        'No users yet. Users appear when they sign in. To assign roles beforehand: mezctl users create NAME --roles ROLE',
      columns: [
        ['name', nameOf],
        ['state', (user) => (user.locked === true ? 'locked' : null)],
        ['roles', (user) => user.roles ?? user.spec?.roles],
        ['connector', (user) => user.connector ?? user.spec?.connector],
        ['last login', (user) => user.last_login, 'time'],
        ['created', (user) => user.created, 'time'],
      ],
      states: {
        active: (user) => user.locked !== true,
        locked: (user) => user.locked === true,
        'never-signed-in': (user) => !user.last_login,
      },
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
