import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type LoadedPlugin, loadPlugins } from '../../base/loader/plugin-loader.ts'
import type { Clock } from '../../kernel/clock.ts'
import { MezError } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import type { AnyPlugin } from '../../kernel/plugin.ts'

/** Differences from an agent with the default configuration. */
export interface LocalAgentOptions {
  /** Default: `node-1`. */
  readonly hostname?: string
  /** Names of the only transports to use, in this order. Default: all that are loaded. */
  readonly transports?: readonly string[]
  /** `apps.allow` of `mezd.yaml`. */
  readonly allow?: readonly string[]
  /** `host:port` at which it reaches the hub. Default: that of the hub's URL. */
  readonly proxyAddr?: string
  /** Environment with `HTTPS_PROXY` and `NO_PROXY`. Default: empty. */
  readonly env?: NodeJS.ProcessEnv
  /** How long to wait after a fallback before trying the preferred transport again, in milliseconds. */
  readonly returnMs?: number
  readonly clock?: Clock
}

/** An agent in this process. */
export interface LocalAgent {
  readonly hostname: string
  /** True if it has a link to a hub. */
  readonly connected: boolean
  /** Drains for at most `graceMs` (default 200), closes, and removes its files. Safe to call twice. */
  stop(graceMs?: number): Promise<void>
}

interface AgentPackage {
  createAgent(options: {
    readonly proxyAddr: string
    readonly token: string
    readonly caPin: string
    readonly hostname: string
    readonly dataDir: string
    readonly plugins: readonly AnyPlugin[]
    readonly configs: Readonly<Record<string, unknown>>
    readonly log: Log
  }): { readonly connected: boolean; start(): Promise<void>; stop(graceMs: number): Promise<void> }
}

/** A variable, because the package of the agent depends on this one. */
const AGENT: string = '@mezite/agent'
const TRANSPORTS = ['transport-http2', 'transport-websocket', 'transport-webtransport']
const GRACE_MS = 200
const POLL_MS = 20

/**
 * Joins a complete agent in this process and resolves when the hub has its link: the transports of `mezd`, and the given
 * plugins. Needs the package `@mezite/agent`. Stop it before the hub. `api`: calls the hub as its operator.
 */
export async function startLocalAgent(
  hub: {
    readonly url: string
    readonly api: <T>(method: string, path: string, body?: unknown) => Promise<T>
  },
  given: readonly { readonly plugin: AnyPlugin; readonly config?: unknown }[],
  log: Log,
  options: LocalAgentOptions = {},
): Promise<LocalAgent> {
  const { hostname = 'node-1', proxyAddr = new URL(hub.url).host, ...more } = options
  const { createAgent, standard } = await loadAgent()
  const joining = { roles: ['app'], agent_hostname: hostname }
  const { token, ca_pin } = await hub.api<{ token: string; ca_pin: string }>('POST', '/tokens', joining)
  const dataDir = await mkdtemp(join(tmpdir(), 'mezite-test-agent-'))
  let agent: ReturnType<AgentPackage['createAgent']> | undefined
  const stop = async (graceMs = GRACE_MS) => {
    await agent?.stop(graceMs)
    await rm(dataDir, { recursive: true, force: true })
  }
  try {
    agent = createAgent({
      env: {},
      proxyAddr,
      token,
      caPin: ca_pin,
      hostname,
      dataDir,
      log,
      ...more,
      plugins: [...standard, ...given].map(({ plugin }) => plugin),
      configs: Object.fromEntries(given.map(({ plugin, config }) => [plugin.name, config])),
    })
    await agent.start()
    while (!(await hub.api<{ connected: boolean }>('GET', `/agents/${hostname}`)).connected)
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  } catch (error) {
    await stop()
    throw error
  }
  const running = agent
  return {
    hostname,
    get connected() {
      return running.connected
    },
    stop,
  }
}

/** Loads the code of the agent and its transports. Throws `MEZ_PLUGIN_DEPENDENCY` without the package `@mezite/agent`. */
export async function loadAgent(): Promise<AgentPackage & { readonly standard: readonly LoadedPlugin[] }> {
  const { createAgent }: AgentPackage = await import(AGENT).catch((cause) => {
    throw new MezError('MEZ_PLUGIN_DEPENDENCY', `cannot load ${AGENT}`, {
      hint: `Run npm install --save-dev ${AGENT}.`,
      cause,
    })
  })
  const load = { side: 'agent', standard: TRANSPORTS, plugins: {}, program: import.meta.dirname } as const
  return { createAgent, standard: await loadPlugins({ ...load, folder: process.cwd() }) }
}
