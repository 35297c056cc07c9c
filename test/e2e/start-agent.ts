import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { AdminClient } from '../../core/testing/index.ts'
import { type Program, startProgram } from '../../examples/cluster/program.ts'
import { programFile } from '../../examples/cluster/program-file.ts'
import { until } from '../until.ts'
import './plain-programs.ts'

export const MEZD = programFile('mezd')

export interface AgentOptions {
  readonly hostname: string
  /** HOST:PORT of the hub. */
  readonly proxy: string
  /** The hub that gives the token and says when the tunnel is up. */
  readonly api: AdminClient
  /** Where its data and its log go. */
  readonly dir: string
  /** What it may dial; everything when left out. */
  readonly allow?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Another build of mezd. */
  readonly file?: string
  /** Puts its command into another network. */
  readonly inside?: (...command: readonly string[]) => readonly [string, ...string[]]
}

/** `MEZITE_TEST_TRANSPORT=websocket npm test` runs every test with agents over that transport. */
const TRANSPORT = process.env.MEZITE_TEST_TRANSPORT

/** Joins an agent of its own process and waits until its tunnel is up. */
export async function startAgent(options: AgentOptions): Promise<Program> {
  const { hostname, proxy, api, dir, allow } = options
  const folder = join(dir, hostname)
  mkdirSync(folder, { recursive: true })
  const config = {
    proxy_addr: proxy,
    hostname,
    ...(allow ? { apps: { allow } } : {}),
    ...(TRANSPORT ? { tunnel: { transports: [TRANSPORT] } } : {}),
  }
  writeFileSync(join(folder, 'mezd.yaml'), stringify(config))
  const { token, ca_pin: pin } = await joinToken(api, hostname)
  return launch(options, ['--ca-pin', pin], { MEZITE_JOIN_TOKEN: token })
}

/** Starts an agent again that has joined before and has ended; waits until its tunnel is up. */
export const restartAgent = (options: AgentOptions): Promise<Program> => launch(options, [], {})

function launch(
  { hostname, api, dir, env, file = MEZD, inside }: AgentOptions,
  args: readonly string[],
  joining: Readonly<Record<string, string>>,
): Promise<Program> {
  const folder = join(dir, hostname)
  const own = ['start', '--config', join(folder, 'mezd.yaml'), '--data-dir', join(folder, 'data'), ...args]
  const [program, ...rest] = inside?.(process.execPath, '--conditions=mezite-source', file, ...own) ?? [
    file,
    ...own,
  ]
  return startProgram({
    name: hostname,
    file: program,
    args: rest,
    env: { ...env, ...joining },
    logFile: join(folder, 'log'),
    ready: () => until(() => isConnected(api, hostname), `${hostname} connects`),
  })
}

export function joinToken(api: AdminClient, hostname: string) {
  return api<{ token: string; ca_pin: string }>('POST', '/tokens', {
    roles: ['app'],
    ttl_seconds: 600,
    agent_hostname: hostname,
  })
}

export async function isConnected(api: AdminClient, hostname: string): Promise<boolean> {
  const agents = await api<{ hostname: string; connected: boolean }[]>('GET', '/agents')
  return agents.some((agent) => agent.hostname === hostname && agent.connected)
}
