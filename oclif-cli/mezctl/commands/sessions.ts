import {
  AdminCommand,
  CliError,
  confirm,
  count,
  cutText,
  escapeText,
  type Flat,
  path,
  resourceCommands,
  yesFlag,
} from '@mezite/cli'
import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'

/** The app, or what the session is; of the token of a program or a device, its name and its apps. */
function placeOf({ kind, app, apps, program }: Flat): unknown {
  if (kind !== 'token' && kind !== 'device') return app ?? kind
  const at = Array.isArray(apps) && apps.length > 0 ? ` at ${apps.join(', ')}` : ''
  return `${String(program ?? kind)}${at}`
}

class SessionsRevoke extends AdminCommand {
  static override summary = 'End a session, or all sessions of a user, at an app or of everybody, now'
  static override description =
    'Live connections are cut. Whoever still has access can sign in again: to keep somebody out, lock the user (`locks create --user NAME`), which also cuts everything.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> --user alice@example.com',
    '<%= config.bin %> <%= command.id %> --app grafana --yes',
    '<%= config.bin %> <%= command.id %> --all',
    '<%= config.bin %> <%= command.id %> 01a2177e-3930-733d-b419-54bdf06c4dcb',
  ]
  static override args = { id: Args.string({ description: 'Id of the session' }) }
  static override flags = {
    user: Flags.string({ description: 'All sessions of this user', helpValue: 'NAME' }),
    app: Flags.string({ description: 'All sessions at this app', helpValue: 'NAME' }),
    all: Flags.boolean({ description: 'All sessions of everybody, your own included' }),
    ...yesFlag,
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(SessionsRevoke)
    const { user, app, all } = flags
    const given = [args.id, user, app, all || undefined].filter((one) => one !== undefined)
    if (given.length !== 1)
      throw new CliError('MEZ_USAGE_WRONG', 'give ID, --user NAME, --app NAME or --all, and one of them only')
    if (given[0] === '')
      throw new CliError('MEZ_USAGE_WRONG', 'a name is empty', { hint: 'Is a shell variable unset?' })
    if (args.id !== undefined) {
      await confirm(`End session ${args.id}? Its live connections are cut now.`, flags.yes)
      const response = await this.call(flags, 'DELETE', path`/sessions/${args.id}`)
      return this.show(flags, response ?? { id: args.id, revoked: true }, () =>
        escapeText(`Revoked session ${args.id}.${cutText(response)}`),
      )
    }
    const whose = user !== undefined ? ` of ${user}` : app !== undefined ? ` at ${app}` : ' of everybody'
    await confirm(`End all sessions${whose}? Their live connections are cut now.`, flags.yes)
    const query = { user, app, all: all ? 'true' : undefined }
    const response = (await this.call(flags, 'DELETE', '/sessions', { query })) as {
      cut?: { sessions?: number }
    }
    await this.show(flags, response, () =>
      escapeText(`Revoked ${count(response?.cut?.sessions ?? 0, 'session')}${whose}.${cutText(response)}`),
    )
  }
}

/** The commands of sessions by id. */
export const COMMANDS = {
  'sessions:revoke': SessionsRevoke,
  ...resourceCommands<Flat>({
    topic: 'sessions',
    noun: 'session',
    key: 'id',
    example: 'alice@example.com',
    ls: {
      summary: 'List who is signed in, where, and until when',
      examples: [
        '<%= config.bin %> <%= command.id %> --user alice@example.com',
        '<%= config.bin %> <%= command.id %> --state connected --sort used --limit 20',
      ],
      filters: {
        user: Flags.string({ description: 'Only sessions of this user', helpValue: 'NAME' }),
        app: Flags.string({ description: 'Only sessions at this app', helpValue: 'NAME' }),
        program: Flags.string({
          description: 'Only tokens of programs whose name contains this',
          helpValue: 'TEXT',
        }),
      },
      empty: 'Nobody is signed in.',
      columns: [
        ['id', (session) => session.id],
        ['user', (session) => session.user],
        ['at', placeOf],
        ['used', (session) => session.last_used, 'time'],
        ['expires', (session) => session.expires, 'deadline'],
        ['from', (session) => session.client_ip],
      ],
      states: {
        connected: ({ streams }) => Number(streams) > 0,
        idle: ({ streams }) => !(Number(streams) > 0),
      },
      apps: ({ app, apps }) => [app, apps].flat(),
    },
  }),
}
