import {
  type Arrangement,
  addressOf,
  CliError,
  chosen,
  escapeText,
  type HubClient,
  listFlags,
  reportError,
  showJsonLine,
  showRows,
} from '@mezite/cli'
import { MshCommand, PersonCommand } from '@mezite/cli/identity'
import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'
import { type ListedApp, listApps } from '../app-lookup.ts'

const APP_NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

const isIn = (state: string) => (app: ListedApp) => app.state === state
const arrangement: Arrangement<ListedApp> = {
  columns: [
    ['name', ({ name }) => name],
    ['protocol', ({ protocol }) => protocol],
    ['public address', (app) => addressOf(app.url, app.public_addr)],
    ['labels', ({ labels }) => labels],
  ],
  states: { ready: isIn('ready'), unreachable: isIn('unreachable'), disabled: isIn('disabled') },
}

export class AppLs extends PersonCommand {
  static override summary = 'List the apps that you may open'
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --label team=data --sort protocol',
  ]
  static override flags = listFlags(arrangement)
  /** For completion. */
  static names = async (client: HubClient) => (await listApps(client)).map(({ name }) => name)

  async run(): Promise<void> {
    const { flags } = await this.parse(AppLs)
    const client = this.hub(flags)
    const apps = await listApps(client)
    const found = chosen(apps, flags, arrangement)
    await this.show(flags, found, async () => {
      if (apps.length === 0) return await whyNone(client)
      return found.length === 0
        ? 'No apps match. To list all of them: msh app ls'
        : showRows(found, arrangement)
    })
  }
}

/** Why no app is listed. An older hub does not report locks. */
async function whyNone(client: HubClient): Promise<string> {
  const me = (await client.call('GET', '/me')) as { locked?: { message?: string | null } | null }
  if (!me.locked) return 'You have no applications yet. Ask your administrator for access.'
  const message = me.locked.message ? `: ${escapeText(me.locked.message)}` : ''
  return `Your access is locked. Ask your administrator${message}`
}

export class AppLogin extends MshCommand {
  static override summary = 'Open a local port for each app, and serve it until Ctrl-C'
  static override description =
    'A TCP app is at 127.0.0.1:PORT. An HTTP app is at http://127.0.0.1:PORT for curl and SDKs, and closed to web pages. Only programs on this machine can connect. An app keeps its port from one run to the next; --port chooses another.'
  static override examples = [
    '<%= config.bin %> app login redis-internal --port 6380',
    '<%= config.bin %> app login orders-db grafana',
    '<%= config.bin %> -i ci.pem app login orders-db',
  ]
  static override strict = false
  static override args = {
    app: Args.string({ required: true, description: 'Name of an app; several are allowed' }),
  }
  static override flags = {
    port: Flags.integer({
      char: 'p',
      min: 1,
      max: 65_535,
      description: 'Local port, for a single app',
      helpValue: 'PORT',
    }),
  }

  async run(): Promise<void> {
    const { flags, argv } = await this.parse(AppLogin)
    const apps = [...new Set(argv.map(String))]
    const wrong = apps.find((app) => !APP_NAME.test(app))
    if (wrong !== undefined)
      throw new CliError('MEZ_USAGE_WRONG', `${JSON.stringify(wrong)} is not the name of an app`)
    if (flags.port !== undefined && apps.length > 1) {
      throw new CliError('MEZ_USAGE_WRONG', '--port works with a single app only', {
        hint: 'Leave --port out: each app gets a port of its own, and keeps it.',
      })
    }
    const identity = this.identity(flags)
    // Listing apps needs none of this, and help neither.
    const [{ openForCommand }, { LOOPBACK }] = await Promise.all([
      import('../open-session.ts'),
      import('../local-apps.ts'),
    ])
    const over = Promise.withResolvers<CliError | null>()
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.once(signal, () => over.resolve(null))
    let exit = 0
    let close = (): void => {}
    try {
      const opening = openForCommand({
        identity,
        apps,
        port: flags.port ?? null,
        remember: true,
        note: (text) => this.note(text),
      })
      const opened = await Promise.race([opening, over.promise])
      if (opened === null || opened instanceof CliError) process.exit(0)
      close = opened.close
      opened.over.then(over.resolve)
      for (const { app, protocol, port } of opened.apps) {
        const address = `${LOOPBACK}:${port}`
        const local = protocol === 'http' ? `http://${address}` : address
        this.write(
          this.formatOf(flags) === 'text'
            ? `Tunnel open: ${local} -> ${app}`
            : showJsonLine({ app, protocol, host: LOOPBACK, port }),
        )
      }
      const error = await over.promise
      if (error) throw error
    } catch (error) {
      exit = await reportError(error, { command: 'msh app login', format: this.formatOf(flags) })
    }
    close()
    // Ends the listeners and their connections too.
    process.exit(exit)
  }
}
