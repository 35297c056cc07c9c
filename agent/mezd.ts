import { mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isSea } from 'node:sea'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import {
  agentHooks,
  agentPartChecks,
  agentTransports,
  createKernel,
  createLog,
  hubHooks,
  installService,
  type Log,
  lockFile,
  MezError,
  messageOf,
  type ProveCarrier,
  printError,
  proveAgent,
  proveJoin,
  releaseStartupMemory,
  reportCrash,
  reportServiceState,
  systemClock,
} from '@mezite/core/agent'
import { createAgent } from './agent.ts'
import { type AgentConfig, readAgentConfig } from './agent-config.ts'
import { openDiagnostics } from './diagnostics.ts'
import { examineHub } from './doctor.ts'
import { type HubAddress, readHubAddress } from './hub-address.ts'
import { createIdentityStore } from './identity-store.ts'
import { writeConfiguration } from './init.ts'
import { selectTransports } from './transport-choice.ts'
import { isSupervised, reportLink } from './updates/supervisor.ts'

const HELP = `mezd keeps a tunnel to a Mezite hub and dials applications for it.

Usage: mezd init --proxy HOST:PORT --ca-pin sha256:... [--token-file FILE|-] [--config mezd.yaml]
       mezd init --service --proxy HOST:PORT --ca-pin sha256:... [--token-file FILE|-]
       mezd start --config mezd.yaml
       mezd start --proxy HOST:PORT [--token-file FILE|-] [--ca-pin sha256:...]
       mezd config check --config mezd.yaml
       mezd doctor --config mezd.yaml | --proxy HOST:PORT

  init                write a configuration and the join token, and test the way to the hub
  init --service      the same in /etc/mezite, and run the agent as a service of this machine (as root)
  start               connect to the hub and serve applications
  config check        report every problem of the configuration, and do nothing else
  doctor              test DNS, TCP, TLS, proxy, clock and each transport against the hub

  --config FILE       read settings from a file; flags override it
  --proxy HOST:PORT   the hub
  --token-file FILE   one-use join token, - for standard input (first start only)
  --ca-pin PIN        pin of the hub's authority, printed by mezctl tokens create
  --hostname NAME     name of this agent (default: the machine's)
  --data-dir DIR      where key and certificate are kept (default: /var/lib/mezite-agent)
  --transport NAME    how to reach the hub; may be given several times
  --help, --version

Environment: MEZITE_JOIN_TOKEN or MEZITE_JOIN_TOKEN_FILE (join token), NODE_EXTRA_CA_CERTS, MEZITE_LOG_LEVEL (debug, info, warn, error)
Exit codes: 0 stopped, 1 failed (such as a refused token or pin), 2 wrong usage
`

/** Folder of this package: this folder in a checkout, its parent when built. */
const here = dirname(fileURLToPath(import.meta.url))

function version(): string {
  for (const folder of [here, dirname(here)]) {
    try {
      return String(
        (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }).version,
      )
    } catch {
      // Look one folder up.
    }
  }
  return '0.0.0'
}

/** Runs the program until a signal stops it, and sets the exit code. */
export async function runMezd(args: readonly string[]): Promise<void> {
  if (args.includes('--help') || args.includes('-h')) return void process.stdout.write(HELP)
  if (args.includes('--version')) return void process.stdout.write(`mezd ${version()}\n`)
  const [command = '', ...rest] = args
  const check = command === 'config' && rest[0] === 'check'
  if (!['init', 'start', 'doctor'].includes(command) && !check) {
    const what = command ? `unknown command '${args.slice(0, 2).join(' ')}'` : 'a command is missing'
    process.exitCode = printError(new MezError('MEZ_USAGE_WRONG', what))
    return
  }
  try {
    if (command === 'start') await start(rest)
    else if (command === 'init') await init(rest)
    else if (command === 'doctor') await doctor(rest)
    else await checkConfiguration(rest.slice(1))
  } catch (error) {
    process.exit(printError(error))
  }
}

async function checkConfiguration(args: readonly string[]): Promise<void> {
  const { warnings } = await readAgentConfig(args, { program: here })
  for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`)
  process.stdout.write('The configuration is valid.\n')
}

async function init(args: readonly string[]): Promise<void> {
  const { file, tokenFile, service } = await writeConfiguration(args, here)
  process.stdout.write(`Wrote ${file}. The way to the hub:\n`)
  await doctor(['--config', file], async () => {
    if (!service) return `Start the agent with: mezd start --config ${file}\n`
    const done = await installService({ name: 'mezd', configFile: file, files: [tokenFile] })
    return `${done.join('\n')}\n`
  })
}

/** @param next gives what is printed at the end, before the process exits */
async function doctor(args: readonly string[], next = async () => ''): Promise<void> {
  const config = await readAgentConfig(args, { program: here })
  const log = createLog({ level: 'error' })
  const kernel = createKernel({
    tree: agentHooks,
    side: 'agent',
    otherHalf: hubHooks,
    checks: agentPartChecks,
    log,
    clock: systemClock,
    plugins: config.plugins.map((each) => each.plugin),
    configs: Object.fromEntries(config.plugins.map((each) => [each.plugin.name, each.config])),
  })
  kernel.setup()
  const transports = selectTransports(kernel.slot(agentTransports), config.transports ?? undefined)
  const address = readHubAddress(config.proxyAddr) as HubAddress
  const { caPin } = config
  const prove = ownProof(config)
  const through = await examineHub({ address, transports, caPin, prove, env: process.env, log }, (finding) =>
    process.stdout.write(
      `${finding.ok ? 'ok  ' : finding.ok === null ? 'skip' : 'FAIL'}  ${finding.step}: ${finding.detail}\n`,
    ),
  )
  process.stdout.write(
    through ? 'An agent can reach this hub.\n' : 'No transport gets through to this hub.\n',
  )
  process.stdout.write(await next())
  process.exit(through ? 0 : 1)
}

/** Proves the stored identity, else the join token; null if there is neither, or this user cannot read them. */
function ownProof({ dataDir, token }: Pick<AgentConfig, 'dataDir' | 'token'>): ProveCarrier | null {
  const byToken = token === null ? null : proveJoin(token, systemClock)
  try {
    const identity = createIdentityStore(dataDir).read()
    return identity === null ? byToken : proveAgent(identity, systemClock)
  } catch {
    return byToken
  }
}

const UPDATE_EVERY_MS = 6 * 3_600_000
const UPDATE_LINK_MS = 60_000

/** Runs the agent in a process of its own that a newer version may replace, and ends with it. */
async function supervise(
  args: readonly string[],
  { dataDir, updates: { source, ...keys } }: AgentConfig & { updates: object },
  log: Log,
): Promise<never> {
  const [{ superviseAgent }, { openStagedReleases }] = await Promise.all([
    import('./updates/supervisor.ts'),
    import('./updates/staged-releases.ts'),
  ])
  const target = `${process.platform}-${process.arch}`
  const releases = openStagedReleases({
    dataDir,
    source,
    trust: () => ({ ...keys, target, now: Date.now() }),
  })
  const stop = new AbortController()
  const onSignal = (signal: NodeJS.Signals) => {
    if (stop.signal.aborted) {
      log.warn({ signal }, 'second signal, ending at once')
      process.exit(1)
    }
    void reportServiceState('STOPPING=1', log)
    stop.abort()
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, onSignal)
  const own = { version: version(), path: isSea() ? process.execPath : process.argv[1]! }
  const times = { everyMs: UPDATE_EVERY_MS, linkMs: UPDATE_LINK_MS }
  const options = { releases, own, args: ['start', ...args], ...times, log }
  process.exit(await superviseAgent(options, stop.signal))
}

async function start(args: readonly string[]): Promise<void> {
  const config = await readAgentConfig(args, { program: here })
  const log = createLog({ level: config.logLevel })
  const { updates } = config
  if (updates !== null && !isSupervised()) return supervise(args, { ...config, updates }, log)
  for (const warning of config.warnings) log.warn(warning)
  lockDataDir(config.dataDir)
  const agent = createAgent({
    proxyAddr: config.proxyAddr,
    ...(config.token === null ? {} : { token: config.token }),
    ...(config.tokenProblem === null ? {} : { tokenProblem: config.tokenProblem }),
    ...(config.caPin === null ? {} : { caPin: config.caPin }),
    hostname: config.hostname,
    dataDir: config.dataDir,
    ...(config.transports === null ? {} : { transports: config.transports }),
    ...(config.allow === null ? {} : { allow: config.allow }),
    plugins: config.plugins.map((each) => each.plugin),
    configs: Object.fromEntries(config.plugins.map((each) => [each.plugin.name, each.config])),
    version: version(),
    onFatal: (error) => process.exit(printError(error)),
    log,
  })
  let signals = 0
  const stop = (signal: NodeJS.Signals): void => {
    signals += 1
    if (signals > 1) {
      log.warn({ signal }, 'second signal, ending at once')
      process.exit(1)
    }
    log.info({ signal }, 'draining')
    // While a newer version replaces this one, the service does not stop.
    if (!isSupervised()) void reportServiceState('STOPPING=1', log)
    agent.stop().then(
      () => process.exit(0),
      (error) => {
        log.error({ error: messageOf(error) }, 'could not stop cleanly')
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  // An uncaught error leaves the agent in an unknown state: exit, so that a supervisor restarts it.
  const die = (error: unknown): void => {
    reportCrash(error, config.plugins, log)
    process.exit(1)
  }
  process.on('uncaughtException', die)
  process.on('unhandledRejection', die)
  const listenAddr = config.diagnosticsAddr
  if (listenAddr !== null) await openDiagnostics(listenAddr, agent, version(), log)
  const linked = agent.start()
  reportLink(linked, () => signals === 0 && stop('SIGTERM'))
  const late = new AbortController()
  await Promise.race([linked, setTimeout(READY_MS, undefined, { signal: late.signal })])
  late.abort()
  releaseStartupMemory()
  if (signals === 0) await reportServiceState('READY=1', log)
  await linked
}

/**
 * How long a service waits for the first link before it counts as started, in milliseconds. Without this limit, a machine
 * would not finish booting while the hub is unreachable.
 */
const READY_MS = 20_000

/** Referenced here, because garbage collection of the object would release the lock. */
let held: ReturnType<typeof lockFile> = null

/**
 * Locks the data directory until this process ends. Throws `MEZ_DATA_DIR_UNWRITABLE` if another mezd uses it: the two
 * would keep replacing each other's link to the hub.
 */
function lockDataDir(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
    held = lockFile(join(dataDir, 'lock'))
  } catch {
    // An agent that has joined does not need a writable directory.
    return
  }
  if (held !== null) return
  throw new MezError('MEZ_DATA_DIR_UNWRITABLE', `another mezd uses the data directory ${dataDir}`, {
    hint: 'Stop the other mezd, or give this one a data_dir of its own and a join token.',
  })
}
