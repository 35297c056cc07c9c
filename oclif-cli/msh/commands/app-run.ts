import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { CliError, messageOf, reportError } from '@mezite/cli'
import { MshCommand } from '@mezite/cli/identity'
import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'
import { wordsAfterDashes } from '../command-line.ts'
import type { OpenApp } from '../local-apps.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export class AppRun extends MshCommand {
  static override summary = 'Open an app for one command, and close it when the command ends'
  static override description =
    'Opens a free local port. The command gets it in MEZITE_APP_PORT (with MEZITE_APP_HOST, and MEZITE_APP_URL for an HTTP app), in the variables that psql and mysql read, and wherever {port} stands in its arguments. Exits with the status of the command.'
  static override examples = [
    '<%= config.bin %> app run orders-db -- psql -U app orders',
    '<%= config.bin %> app run redis-internal -- redis-cli -p {port} ping',
    "<%= config.bin %> app run grafana -- sh -c 'curl $MEZITE_APP_URL/api/health'",
  ]
  static override strict = false
  static override args = {
    app: Args.string({ required: true, description: 'Name of an app' }),
    command: Args.string({ required: true, description: 'The command with its arguments, after --' }),
  }
  static override flags = {
    port: Flags.integer({ char: 'p', min: 1, max: 65_535, description: 'Local port', helpValue: 'PORT' }),
  }

  async run(): Promise<void> {
    const { flags, args: given } = await this.parse(AppRun)
    const { app } = given
    const [command, ...args] = wordsAfterDashes(this.argv) ?? []
    if (command === undefined)
      throw new CliError('MEZ_USAGE_WRONG', 'the command is missing', {
        hint: 'Put it after --, such as: msh app run orders-db -- psql -U app orders',
      })
    const { openForCommand } = await import('../open-session.ts')
    let exit = 1
    let close = (): void => {}
    try {
      const opened = await openForCommand({
        identity: this.identity(flags),
        apps: [app],
        port: flags.port ?? null,
        remember: false,
        note: (text) => this.note(text),
      })
      close = opened.close
      exit = await runCommand(command, args, opened.apps[0]!, opened.over)
    } catch (error) {
      exit = await reportError(error, { command: 'msh app run' })
    }
    close()
    process.exit(exit)
  }
}

/** Resolves to the exit status of the command. It is ended if the login ends; then it throws. */
async function runCommand(
  command: string,
  args: readonly string[],
  { protocol, port }: OpenApp,
  over: Promise<CliError>,
): Promise<number> {
  const host = '127.0.0.1'
  const text = String(port)
  // A terminal sends Ctrl-C to the command as well; the command decides what it means. Set up first: the command may run, and
  // a signal arrive, before `spawn` returns.
  for (const signal of SIGNALS)
    process.on(signal, () => {
      if (signal !== 'SIGINT') child.kill(signal)
    })
  const child = spawn(
    command,
    args.map((arg) => arg.replaceAll('{port}', text)),
    {
      stdio: 'inherit',
      env: {
        ...process.env,
        MEZITE_APP_HOST: host,
        MEZITE_APP_PORT: text,
        ...(protocol === 'http'
          ? { MEZITE_APP_URL: `http://${host}:${text}` }
          : { PGHOST: host, PGPORT: text, MYSQL_HOST: host, MYSQL_TCP_PORT: text }),
      },
    },
  )
  let ended: CliError | null = null
  over.then((error) => {
    ended = error
    child.kill('SIGTERM')
  })
  const status = await new Promise<number>((resolve, reject) => {
    child.once('error', (error) =>
      reject(new CliError('MEZ_USAGE_WRONG', `cannot run ${JSON.stringify(command)}: ${messageOf(error)}`)),
    )
    child.once('close', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)))
  })
  if (ended !== null) throw ended
  return status
}
