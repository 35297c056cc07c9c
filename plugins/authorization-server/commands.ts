import { AdminCommand, CliError, type Flat, listOf, path, resourceCommands, showCell } from '@mezite/cli'
import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'
import { settingsOf } from './commands/app-settings.ts'

interface AppClient {
  readonly app: string
  readonly client_id: string
  readonly client_secret: string | null
  readonly issuer: string
  readonly redirect_uris: readonly string[]
  readonly logout_uri: string | null
}

class AppsOidc extends AdminCommand {
  static override summary = 'Let an app with a sign-in of its own sign people in through the hub'
  static override description =
    'Makes the OpenID client of the app, or shows it, with the settings of Grafana, Gitea, GitLab, Argo CD, Jenkins and Nextcloud, which it knows by their redirect URIs. The secret is printed once. The hub decides at each sign-in: who may not open the app is not signed in.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> grafana --redirect-uri https://grafana.apps.example.com/login/generic_oauth',
    '<%= config.bin %> <%= command.id %> grafana --rotate-secret',
  ]
  static override args = { name: Args.string({ required: true, description: 'Name of the app' }) }
  static override flags = {
    'redirect-uri': Flags.string({
      multiple: true,
      description: 'Where the app receives people after the sign-in; repeatable',
      helpValue: 'URI',
    }),
    'logout-uri': Flags.string({
      description:
        'Where the hub tells the app that a sign-in has ended (back-channel logout); "" for nowhere',
      helpValue: 'URI',
    }),
    'rotate-secret': Flags.boolean({ description: 'Replace the secret; the former one ends at once' }),
    off: Flags.boolean({
      description: 'Remove the client, and end what it holds',
      exclusive: ['redirect-uri', 'logout-uri', 'rotate-secret'],
    }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(AppsOidc)
    const target = path`/app-clients/${args.name}`
    if (flags.off) {
      await this.call(flags, 'DELETE', target)
      return this.show(
        flags,
        { app: args.name },
        () => `${showCell(args.name)} signs nobody in through the hub.`,
      )
    }
    const uris = flags['redirect-uri']
    const logout = flags['logout-uri']
    const changes = uris !== undefined || logout !== undefined || flags['rotate-secret']
    const body = {
      ...(uris !== undefined && { redirect_uris: uris }),
      ...(logout !== undefined && { logout_uri: logout === '' ? null : logout }),
      rotate_secret: flags['rotate-secret'],
    }
    const client = (
      changes ? await this.call(flags, 'PUT', target, { body }) : await this.call(flags, 'GET', target)
    ) as AppClient
    await this.show(flags, client, () =>
      [
        `Client ID:     ${showCell(client.client_id)}`,
        ...(client.client_secret === null ? [] : [`Client secret: ${showCell(client.client_secret)}`]),
        `Issuer:        ${showCell(client.issuer)}`,
        `Discovery:     ${showCell(client.issuer)}/.well-known/openid-configuration`,
        `Redirect URIs: ${client.redirect_uris.map(showCell).join(' ')}`,
        ...(client.logout_uri === null ? [] : [`Logout URI:    ${showCell(client.logout_uri)}`]),
        'Scopes:        openid profile email groups',
        ...settingsLines(client),
      ].join('\n'),
    )
  }
}

/** The settings of an application that is known by its redirect URIs; every other one reads the lines above. */
function settingsLines(client: AppClient): readonly string[] {
  const settings = settingsOf(client)
  if (settings === null) return []
  const { title, where, text } = settings
  return ['', `Settings of ${title}, for ${where}:`, '', ...text.split('\n').map(showCell)]
}

class ClientsCreate extends AdminCommand {
  static override summary = 'Make a program known that people may let in, without a secret'
  static override description =
    'For programs that publish no metadata, and instead of a registration that is open to everybody. The program proves by PKCE (S256) that it redeems its own code. Prints the client ID, which `clients rm` takes to remove the program and to end its tokens.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> orders-mobile --redirect-uri com.example.orders:/done',
    '<%= config.bin %> <%= command.id %> deploy-cli --redirect-uri http://127.0.0.1/callback --device',
  ]
  static override args = {
    name: Args.string({ required: true, description: 'Name of the program, as people see it' }),
  }
  static override flags = {
    'redirect-uri': Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      description:
        'Where people are sent with the code: https, http to 127.0.0.1 (any port), or a private scheme; again for another',
      helpValue: 'URI',
    }),
    device: Flags.boolean({ description: 'Let it also get in by a code that people type, as TVs do' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ClientsCreate)
    const { 'redirect-uri': uris = [], device } = flags
    if (uris.length === 0 && !device)
      throw new CliError('MEZ_USAGE_WRONG', 'give --redirect-uri URI, --device, or both')
    const body = { name: args.name, redirect_uris: uris, device }
    const made = (await this.call(flags, 'POST', '/clients', { body })) as Flat
    await this.show(flags, made, () =>
      [
        `Created program ${showCell(made.name)}. People let it in when they start it.`,
        '',
        `Client ID:     ${showCell(made.client_id)}`,
        `Issuer:        ${showCell(made.issuer)}`,
        `Redirect URIs: ${showCell(made.redirect_uris)}`,
        'Secret:        none; it uses PKCE (S256)',
      ].join('\n'),
    )
  }
}

/** The commands of `mezctl` by id. */
export const COMMANDS = {
  'apps:oidc': AppsOidc,
  'clients:create': ClientsCreate,
  ...resourceCommands<Flat>({
    topic: 'clients',
    noun: 'program',
    key: 'id',
    example: '01a2177e-3930-733d-b419-54bdf06c4dcb',
    ls: {
      summary: 'List the programs that people let in, and the clients of apps',
      examples: ['<%= config.bin %> <%= command.id %> --state unused'],
      empty: 'No programs. People let them in when they start them.',
      columns: [
        ['client id', ({ client_id }) => client_id],
        ['name', ({ name }) => name],
        ['kind', ({ kind }) => kind],
        ['people', ({ people }) => people],
        ['created', ({ created }) => created, 'time'],
      ],
      states: {
        used: ({ people }) => Number(people) > 0,
        unused: ({ people }) => !(Number(people) > 0),
      },
    },
    actions: {
      rm: {
        summary: 'Remove a program, and end its tokens on all hubs at once',
        description: '`clients ls` shows the id.',
        method: 'DELETE',
        path: '',
        question: (id) => `Remove the program ${id}? Its tokens and connections end now.`,
        done: (id) => `Removed the program ${id}.`,
        result: (id) => ({ client_id: id }),
      },
    },
  }),
  ...resourceCommands<Flat>({
    topic: 'programs',
    collection: '/clients/now',
    noun: 'program',
    key: 'id',
    example: 'alice@example.com',
    ls: {
      summary: 'List the programs that have access now, for whom, and when they last used it',
      examples: [
        '<%= config.bin %> <%= command.id %> --sort last-used --limit 20',
        '<%= config.bin %> <%= command.id %> --q alice@example.com',
      ],
      empty: 'No program has access now.',
      below: () => ['End the access of one: mezctl sessions revoke ID'],
      columns: [
        ['id', ({ id }) => id],
        ['program', ({ program }) => program],
        ['apps', ({ apps }) => apps],
        ['user', ({ user }) => user],
        ['last used', ({ last_used: used }) => used, 'time'],
        ['until', ({ expires }) => expires, 'deadline'],
      ],
      states: {
        person: ({ user }) => !String(user).startsWith('bot:'),
        bot: ({ user }) => String(user).startsWith('bot:'),
      },
      apps: ({ apps }) => listOf(apps),
    },
  }),
}
