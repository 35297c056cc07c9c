import { dirname, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { version } from '../base/loader/runtime-check.ts'
import { createLog } from '../base/log/program-log.ts'
import { loadConfig, readConfig } from '../hub/config/config-loader.ts'
import type { HubConfig } from '../hub/config/hub-config.ts'
import { readConfigFile } from '../kernel/config-file.ts'
import { MezError, printError } from '../kernel/error.ts'
import { configSchema } from './config-schema.ts'
import type { ProgramCommand } from './index.ts'

/** Runs the hub for `mezhub start`. */
export type StartHub = (loaded: Awaited<ReturnType<typeof loadConfig>>) => Promise<void>

export interface CliOptions {
  readonly args: readonly string[]
  readonly start: StartHub
  /** Runs several processes instead; without it, this program is one of them. */
  readonly startGroup?: (config: HubConfig) => Promise<void>
  readonly print?: (text: string) => void
  readonly printToStderr?: (text: string) => void
}

const CONFIG = { config: { type: 'string', short: 'c' }, help: { type: 'boolean', short: 'h' } } as const

const HELP = {
  '': `Usage: mezhub <command>

  init                         write a configuration and create the first administrator
  start --config FILE          run the hub
  config check --config FILE   list all problems of a configuration
  config schema                print the JSON Schema of the configuration
  doctor --config FILE         examine this machine and the running hub
  plugins add PACKAGE          show what a plugin of others asks for, install it and lock it
  plugins accept               lock the plugins of others as they are now
  version --verify             compare the files of this program with their attestation
  backup FILE                  back up the cluster while it runs
  restore FILE                 restore a backup into an empty database
  database move                move the cluster to another database
  upgrade --check              say what this version would change
  dev --plugin PATH            run a hub for developing a plugin

  --version, --help
`,
  start: `Usage: mezhub start --config FILE

Runs the hub until SIGTERM or SIGINT, which drain it; a second signal stops it at once. SIGHUP reopens log files.
With proxy.processes, SIGUSR2 replaces one process after the other, so that a new configuration applies.
Every key of FILE except those under plugins can be set as an environment variable: proxy.apps_domain is
MEZITE_PROXY_APPS_DOMAIN.
`,
  'config check': `Usage: mezhub config check --config FILE

Checks FILE, the environment and the configured plugins. Exits 1 when it finds a problem.
`,
  'config schema': `Usage: mezhub config schema [--config FILE]

Prints the JSON Schema of the configuration, with the plugins of FILE if given.
`,
  dev: `Usage: mezhub dev --plugin PATH [--config FILE] [--agent-config FILE] [--port PORT]

Runs a hub with a plugin on 127.0.0.1, prints a link that signs you in, and restarts when a file changes. --config has the
plugin's configuration; --agent-config that of the agent's half, if it differs.
`,
} as const

/** Commands with flags of their own, by first word. Each is loaded when it runs. */
const LOADED: Readonly<Record<string, () => Promise<ProgramCommand>>> = {
  init: async () => (await import('./init.ts')).init,
  doctor: async () => (await import('./doctor.ts')).doctor,
}
/** Those of the package backup. */
const PACKAGED = ['backup', 'restore', 'database', 'upgrade', 'version', 'plugins']

const asksForHelp = (args: readonly string[]) => args.some((arg) => arg === '--help' || arg === '-h')

async function packagedCommand(word: string): Promise<ProgramCommand> {
  const name = '@mezite/plugin-backup'
  try {
    const { commands } = (await import(`${name}/program`)) as { commands: Record<string, ProgramCommand> }
    return commands[word]!
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause
    const message = `mezhub ${word} needs the package ${name}, which is not installed`
    throw new MezError('MEZ_PLUGIN_NOT_FOUND', message, { hint: `Run npm install ${name}.`, cause })
  }
}

type Command = keyof typeof HELP

/** Runs one command of mezhub and resolves with the exit code: 0, 1 for a failure, 2 for wrong usage. */
export async function runCli(options: CliOptions): Promise<0 | 1 | 2> {
  const { print = (text) => process.stdout.write(text), printToStderr } = options
  try {
    await run(options, print, printToStderr ?? ((text) => process.stderr.write(text)))
    return 0
  } catch (error) {
    return printError(error, printToStderr)
  }
}

async function run(
  { args, start, startGroup }: CliOptions,
  print: (text: string) => void,
  warn: (text: string) => void,
): Promise<void> {
  const [word = '', ...rest] = args
  if (word === 'dev' && !asksForHelp(args)) return (await import('./dev/dev-command.ts')).runDev(rest, print)
  if (PACKAGED.includes(word) || Object.hasOwn(LOADED, word)) {
    const command = await (LOADED[word]?.() ?? packagedCommand(word))
    if (asksForHelp(args)) return print(command.help)
    return command.run(rest, print, warn)
  }
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { ...CONFIG, version: { type: 'boolean' } },
  })
  const command = positionals.join(' ')
  if (values.version) return print(`mezhub ${await version()}\n`)
  if (values.help || (command === '' && args.length === 0))
    return print(HELP[isCommand(command) ? command : ''])
  if (command === '') throw usage('a command is missing')
  if (!isCommand(command)) throw usage(wrongCommand(command))
  const file = values.config
  if (command === 'config schema') {
    const schema = await configSchema(file === undefined ? {} : await pluginsOf(file))
    return print(`${JSON.stringify(schema, null, 2)}\n`)
  }
  if (file === undefined) throw usage(`mezhub ${command} needs --config FILE`)
  // The parent of several processes stays small: it loads no plugins, and the processes report every problem.
  const own = command === 'start' && startGroup ? await readConfig(file) : null
  if (own && own.proxy.processes > 1) return startGroup?.(own)
  if (own?.database.driver === 'embedded')
    (await import('../state/database/embedded-client.ts')).prepareEngine()
  const loaded = await loadConfig({ file })
  if (command === 'start') return start(loaded)
  for (const warning of loaded.warnings) warn(`warning: ${warning}\n`)
  print(`${file} is valid; it loads ${loaded.plugins.length} plugins\n`)
}

const isCommand = (text: string): text is Command => Object.hasOwn(HELP, text)

/** The message for a command that is unknown or incomplete, or followed by a file without --config. */
function wrongCommand(given: string): string {
  const begun = Object.keys(HELP).filter((known) => known.startsWith(`${given} `))
  if (begun.length > 0) return `mezhub ${given} is not complete: ${begun.join(' or ')}`
  const whole = Object.keys(HELP).find((known) => given.startsWith(`${known} `))
  return whole === undefined
    ? `unknown command '${given}'`
    : `mezhub ${whole} does not take '${given.slice(whole.length + 1)}'; files are given with --config FILE`
}

const usage = (message: string) => new MezError('MEZ_USAGE_WRONG', message)

async function pluginsOf(file: string) {
  const { value } = await readConfigFile(file)
  const { plugins = {} } = (value ?? {}) as { plugins?: Record<string, unknown> }
  return { plugins, folder: dirname(resolve(file)) }
}

/** Creates the configured log and writes the warnings of the configuration to it. */
export function startLog({ config, warnings }: Pick<Parameters<StartHub>[0], 'config' | 'warnings'>) {
  const log = createLog(config.log)
  for (const warning of warnings) log.warn(warning)
  return log
}
