import type { KeyObject } from 'node:crypto'
import { readFileSync, readSync } from 'node:fs'
import { hostname as machineName } from 'node:os'
import { dirname, isAbsolute, resolve } from 'node:path'
import { isatty } from 'node:tty'
import { parseArgs } from 'node:util'
import {
  type ConfigProblem,
  checkConfig,
  checkPluginConfig,
  configError,
  isHostname,
  type LoadedPlugin,
  loadEachPlugin,
  loadPlugins,
  MezError,
  messageOf,
  readConfigFile,
  runtimeProblems,
  secretVariable,
  type ValueProblem,
} from '@mezite/core/agent'
import { type AgentFile, agentSchema, CONFIG_HINT } from './agent-schema.ts'
import { createAllowList } from './allow-list.ts'
import { readHubAddress } from './hub-address.ts'
import { releaseKey } from './updates/release.ts'

const STANDARD = ['transport-http2', 'transport-websocket', 'transport-webtransport']
const LOG_LEVELS = ['info', 'debug', 'warn', 'error'] as const
const PIN = /^sha256:[0-9a-f]{64}$/i

type LogLevel = (typeof LOG_LEVELS)[number]

export interface AgentConfig {
  readonly proxyAddr: string
  readonly token: string | null
  /** Why the token file cannot be used; null if it can, or if there is none. */
  readonly tokenProblem: string | null
  readonly caPin: string | null
  readonly hostname: string
  readonly dataDir: string
  readonly transports: readonly string[] | null
  readonly allow: readonly string[] | null
  /** The plugins, each with its own checked configuration, defaults filled in. */
  readonly plugins: readonly LoadedPlugin[]
  /** `diagnostics.listen_addr`, or null if there is no diagnostics listener. */
  readonly diagnosticsAddr: string | null
  /** Where newer versions come from, and who must have signed them; null: this agent never replaces itself. */
  readonly updates: {
    readonly source: string
    readonly keys: readonly KeyObject[]
    readonly threshold: number
  } | null
  readonly logLevel: LogLevel
  /** Warnings to log once the log exists. */
  readonly warnings: readonly string[]
}

const flagOptions = {
  config: { type: 'string' },
  proxy: { type: 'string' },
  'token-file': { type: 'string' },
  'ca-pin': { type: 'string' },
  hostname: { type: 'string' },
  'data-dir': { type: 'string' },
  transport: { type: 'string', multiple: true },
} as const

/**
 * Settings of `mezd start`: flags override the file, and the token comes from the environment if neither names a token
 * file. Throws all problems together: `MEZ_CONFIG_INVALID` with the file, line and path of each, and the errors of
 * plugins. Also throws `MEZ_CONFIG_UNREADABLE`, or a parse error of `node:util`.
 */
export async function readAgentConfig(
  args: readonly string[],
  options: {
    readonly program: string
    readonly env?: NodeJS.ProcessEnv
    /** Problems of the runtime. Default: the result of `runtimeProblems`. */
    readonly runtime?: readonly string[]
  },
): Promise<AgentConfig> {
  const env = options.env ?? process.env
  const { values: flags } = parseArgs({ args: [...args], options: flagOptions })
  const read = flags.config === undefined ? null : await readConfigFile(flags.config)
  if (read && read.problems.length > 0) throw invalid(read.problems)
  const folder = flags.config === undefined ? process.cwd() : dirname(resolve(flags.config))
  const checked = checkConfig(agentSchema, read?.value ?? {})
  const problems: (ConfigProblem | ValueProblem)[] = []
  const add = (...found: readonly ValueProblem[]) =>
    problems.push(...found.map((problem) => read?.locate(problem) ?? problem))
  add(...checked.problems)
  // Flags, and values that depend on each other, are checked once the file fits its schema.
  if (checked.problems.length > 0) throw invalid(problems)
  const file = checked.value as AgentFile
  const complain = (flag: keyof typeof flags, key: string, message: string): void => {
    if (flags[flag] === undefined) add({ path: [key], message })
    else problems.push({ path: [`--${flag}`], message })
  }

  const proxyAddr = flags.proxy ?? file.proxy_addr
  if (proxyAddr === undefined) {
    add({ path: ['proxy_addr'], message: 'is missing, and there is no --proxy' })
  } else if (!readHubAddress(proxyAddr)) {
    complain('proxy', 'proxy_addr', 'must be host:port')
  }
  const caPin = flags['ca-pin'] ?? file.ca_pin
  if (caPin !== undefined && !caPin.split(',').every((pin) => PIN.test(pin.trim()))) {
    complain('ca-pin', 'ca_pin', 'must be sha256: and 64 hexadecimal digits')
  }
  const hostname = (flags.hostname ?? file.hostname ?? machineName()).toLowerCase()
  if (!isHostname(hostname)) {
    complain('hostname', 'hostname', 'must be letters, digits, dots, hyphens, underscores')
  }
  const logLevel = env.MEZITE_LOG_LEVEL || 'info'
  if (!isLogLevel(logLevel)) {
    const message = `must be ${LOG_LEVELS.join(' or ')}`
    problems.push({ file: 'environment', line: 0, path: 'MEZITE_LOG_LEVEL', message })
  }
  for (const [at, entry] of (file.apps.allow ?? []).entries()) {
    try {
      createAllowList([entry])
    } catch {
      add({
        path: ['apps', 'allow', String(at)],
        message: 'must be host:port, address:port or cidr:port, with * for any port',
      })
    }
  }

  const diagnosticsAddr = file.diagnostics?.listen_addr
  if (diagnosticsAddr !== undefined && !/:\d+$/.test(diagnosticsAddr)) {
    add({ path: ['diagnostics', 'listen_addr'], message: 'must be host:port' })
  }

  const updates = file.updates === undefined ? null : readUpdates(file.updates, add)
  const tokenFile = flags['token-file'] ?? (file.join_token && resolve(folder, file.join_token.file))
  if (updates !== null && tokenFile === '-')
    add({
      path: ['updates'],
      message: 'needs the join token in a file or a variable: it starts several processes',
    })

  const { runtime = runtimeProblems() } = options
  const errors: unknown[] = file.strict_runtime
    ? runtime.map((what) => new MezError('MEZ_RUNTIME_UNSAFE', what))
    : []
  const load = {
    side: 'agent',
    standard: STANDARD,
    plugins: file.plugins,
    folder,
    program: options.program,
  } as const
  const loaded = await loadPlugins(load).catch((error: unknown) => {
    errors.push(...(error instanceof AggregateError ? error.errors : [error]))
    return loadEachPlugin(load)
  })
  const plugins = loaded.map((one) => {
    const slice = checkPluginConfig(one.plugin, one.config, one.key)
    add(...slice.problems)
    return { ...one, config: slice.value }
  })
  if (problems.length > 0) {
    const line = (problem: ConfigProblem | ValueProblem): number => ('line' in problem ? problem.line : 0)
    errors.unshift(invalid(problems.toSorted((a, b) => line(a) - line(b))))
  }
  if (errors.length > 1) throw new AggregateError(errors, 'the configuration is not valid')
  if (errors.length === 1) throw errors[0]

  const { token, problem: tokenProblem } = readToken(
    tokenFile,
    // Once the agent has joined, the token may be gone.
    secretVariable('MEZITE_JOIN_TOKEN', env, { optional: true }),
  )
  return {
    proxyAddr: proxyAddr ?? '',
    token,
    tokenProblem,
    caPin: caPin ?? null,
    hostname,
    dataDir: flags['data-dir'] ?? resolve(folder, file.data_dir),
    transports: flags.transport ?? file.tunnel.transports ?? null,
    allow: file.apps.allow ?? null,
    plugins,
    diagnosticsAddr: file.diagnostics?.listen_addr ?? null,
    updates,
    logLevel: logLevel as LogLevel,
    warnings: file.strict_runtime ? [] : runtime,
  }
}

function invalid(problems: readonly (ConfigProblem | ValueProblem)[]): MezError {
  return new MezError('MEZ_CONFIG_INVALID', configError(problems).message, { hint: CONFIG_HINT })
}

/** Keys that are not valid are left out and added as problems. */
function readUpdates(
  { source, keys, threshold }: NonNullable<AgentFile['updates']>,
  add: (problem: ValueProblem) => void,
): NonNullable<AgentConfig['updates']> {
  const read = keys.map((text, at) => {
    const key = keys.indexOf(text) < at ? null : releaseKey(text)
    const message = keys.indexOf(text) < at ? 'is listed twice' : 'must be ed25519: and 32 bytes in base64'
    if (key === null) add({ path: ['updates', 'keys', String(at)], message })
    return key
  })
  if (!isAbsolute(source) && !/^https:\/\/.+\/$/.test(source))
    add({
      path: ['updates', 'source'],
      message: 'must be an https URL that ends with /, or an absolute path',
    })
  if (threshold > keys.length)
    add({ path: ['updates', 'threshold'], message: `is more than the number of keys (${keys.length})` })
  return { source, threshold, keys: read.filter((key) => key !== null) }
}

const isLogLevel = (text: string): text is LogLevel => LOG_LEVELS.some((level) => level === text)

/**
 * `-` is standard input. After joining, the token file may be missing or empty, so the problem is reported only if a
 * token is needed.
 */
function readToken(
  file: string | undefined,
  fromEnvironment: string | undefined,
): { readonly token: string | null; readonly problem: string | null } {
  if (file === undefined) return { token: fromEnvironment?.trim() || null, problem: null }
  const name = file === '-' ? 'standard input' : `the token file ${file}`
  try {
    const text = file !== '-' ? readFileSync(file, 'utf8') : isatty(0) ? typedLine() : readFileSync(0, 'utf8')
    const token = text.trim() || null
    return { token, problem: token === null ? `${name} is empty` : null }
  } catch (error) {
    return { token: null, problem: `${name} cannot be read: ${messageOf(error)}` }
  }
}

/** Reads one typed or pasted line: a terminal does not end the input. */
function typedLine(): string {
  process.stderr.write('Join token: ')
  const line = Buffer.alloc(4_096)
  return line.toString('utf8', 0, readSync(0, line))
}
