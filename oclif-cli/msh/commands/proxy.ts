import { type CliError, reportError, showJsonLine } from '@mezite/cli'
import { MshCommand } from '@mezite/cli/identity'
import * as Flags from '@oclif/core/flags'

const DEFAULT_PORT = 6_389

export class LocalProxy extends MshCommand {
  static override summary = 'Open one local port for all web applications, and serve it until Ctrl-C'
  static override description =
    'Each application is at http://NAME.localhost:PORT, for curl, SDKs and a browser, and is closed to web pages of other origins. curl and browsers find NAME.localhost by themselves; other programs may need the port of msh app login.'
  static override examples = ['<%= config.bin %> proxy', '<%= config.bin %> proxy --port 8080']
  static override flags = {
    port: Flags.integer({
      char: 'p',
      min: 0,
      max: 65_535,
      default: DEFAULT_PORT,
      description: 'Local port; 0 for a free one',
      helpValue: 'PORT',
    }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(LocalProxy)
    const identity = this.identity(flags)
    const [{ openSession }, { createLocalProxy }, { LOOPBACK, listenOn }] = await Promise.all([
      import('../open-session.ts'),
      import('../local-proxy.ts'),
      import('../local-apps.ts'),
    ])
    const session = openSession(identity, (text) => this.note(text))
    const over = Promise.withResolvers<CliError | null>()
    session.over.then(over.resolve)
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.once(signal, () => over.resolve(null))
    let exit = 0
    try {
      await session.hub.connect()
      const port = await listenOn(createLocalProxy(session), flags.port)
      this.write(
        this.formatOf(flags) === 'text'
          ? `Proxy open: http://NAME.localhost:${port}`
          : showJsonLine({ host: LOOPBACK, port }),
      )
      const error = await over.promise
      if (error) throw error
    } catch (error) {
      exit = await reportError(error, { command: 'msh proxy' })
    }
    session.close()
    process.exit(exit)
  }
}
