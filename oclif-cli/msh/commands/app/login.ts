import { CliError, reportError, showJsonLine } from '@mezite/cli-shared'
import { Args, Flags } from '@oclif/core'
import { createHubLine } from '../../hub-connection.ts'
import { hubClientOf } from '../../identity-choice.ts'
import { openApps } from '../../local-apps.ts'
import { mshHome } from '../../login-store.ts'
import { LOOPBACK } from '../../loopback-listener.ts'
import { MshCommand } from '../../msh-command.ts'
import { createNotes } from '../../notes.ts'
import { createPortMemory } from '../../port-memory.ts'

const APP_NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

export default class AppLogin extends MshCommand {
  static override summary = 'open a port on this machine for each app, and serve it until Ctrl-C'
  static override description =
    'A TCP app is at 127.0.0.1:PORT; an HTTP app at http://127.0.0.1:PORT, for curl and SDKs, closed to web pages. Only programs on this machine can connect. An app keeps its port; --port chooses it.'
  static override examples = [
    '<%= config.bin %> app login redis-internal --port 6380',
    '<%= config.bin %> app login orders-db grafana',
    '<%= config.bin %> -i ci.pem app login orders-db',
  ]
  static override strict = false
  static override args = {
    app: Args.string({ required: true, description: 'name of an app; several are allowed' }),
  }
  static override flags = {
    port: Flags.integer({
      char: 'p',
      min: 1,
      max: 65_535,
      description: 'the port on this machine, for one app',
    }),
  }

  async run(): Promise<void> {
    const { flags, argv } = await this.parse(AppLogin)
    const apps = [...new Set(argv.map(String))]
    const wrong = apps.find((app) => !APP_NAME.test(app))
    if (wrong !== undefined) throw new CliError('MEZ_USAGE', `${JSON.stringify(wrong)} is no name of an app`)
    if (flags.port !== undefined && apps.length > 1) {
      throw new CliError('MEZ_USAGE', '--port is for one app', {
        hint: 'Leave it out: each app gets a port, and keeps it.',
      })
    }
    const identity = this.identity(flags)
    const client = hubClientOf(identity)
    const over = Promise.withResolvers<CliError | null>()
    const note = createNotes((text) => this.note(text))
    const line = createHubLine({
      identity,
      note,
      onEnded: (error) => over.resolve(error),
      hasEnded: async () => {
        try {
          await client?.call('GET', '/me', { deadlineMs: 5_000 })
          return false
        } catch (error) {
          return error instanceof CliError && error.status === 401
        }
      },
    })
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.once(signal, () => over.resolve(null))
    let exit = 0
    try {
      const opened = await Promise.race([
        openApps({
          apps,
          port: flags.port ?? null,
          identity,
          client,
          line,
          note,
          ports: createPortMemory(mshHome()),
        }),
        over.promise.then((error) => {
          if (error) throw error
          return []
        }),
      ])
      for (const { app, protocol, port } of opened) {
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
      exit = reportError(error, 'msh app login')
    }
    line.close()
    // Listeners and what hangs on them end with the program.
    process.exit(exit)
  }
}
