import { Duplex } from 'node:stream'
import {
  type AnyPlugin,
  agentHooks,
  agentPartChecks,
  agentTransports,
  type Clock,
  createKernel,
  type DialTarget,
  type Log,
  MezError,
  messageOf,
  systemClock,
} from '@mezite/core/agent'
import { createAgentIdentity } from './agent-identity.ts'
import { createAllowList } from './allow-list.ts'
import { dialApp } from './app-dialer.ts'
import { readHubAddress } from './hub-address.ts'
import { keepLinks, type LinkKeeper } from './link-supervisor.ts'
import { chooseTransports } from './transport-selection.ts'

export interface AgentOptions {
  /** `host:port` of the hub. */
  readonly proxyAddr: string
  /** One-use join token; read only while there is no valid certificate. */
  readonly token?: string
  /** Why there is no token, for the error when one is needed. */
  readonly tokenProblem?: string
  /** Needed with a token. */
  readonly caPin?: string
  readonly hostname: string
  readonly dataDir: string
  /** Names of transports, tried in order. Default: all that plugins contribute. */
  readonly transports?: readonly string[]
  /** `apps.allow`; undefined admits all but link-local and metadata addresses. */
  readonly allow?: readonly string[]
  readonly plugins: readonly AnyPlugin[]
  readonly configs?: Readonly<Record<string, unknown>>
  readonly version?: string
  readonly heartbeatMs?: number
  /** Its certificate is void and no retry will mend that. It goes on trying; a program had better end. */
  readonly onFatal?: (error: unknown) => void
  readonly clock?: Clock
  readonly log: Log
}

export interface RunningAgent {
  /**
   * Starts the plugins and keeps a link to the hub. Resolves when the first link is up; rejects on a refused
   * token, pin or missing identity, which no retry mends. All else is retried for ever.
   */
  start(): Promise<void>
  /** Drains for at most `graceMs` (default 25 s), then closes. Safe at any time. */
  stop(graceMs?: number): Promise<void>
  /** The hub's link is up. */
  readonly connected: boolean
}

const GRACE_MS = 25_000

/** An agent that can run inside another program. Throws `MEZ_ALLOW_INVALID` and `MEZ_CONFIG_INVALID`. */
export function createAgent(options: AgentOptions): RunningAgent {
  const { log, dataDir, hostname, token, tokenProblem, caPin } = options
  const clock = options.clock ?? systemClock
  const allow = createAllowList(options.allow)
  const found = readHubAddress(options.proxyAddr)
  if (!found) {
    throw new MezError(
      'MEZ_CONFIG_INVALID',
      `proxy_addr: ${JSON.stringify(options.proxyAddr)} is not host:port`,
    )
  }
  const address = found
  const identity = createAgentIdentity({ dataDir, hostname, address, token, tokenProblem, caPin, clock, log })
  const kernel = createKernel({
    tree: agentHooks,
    side: 'agent',
    plugins: options.plugins,
    configs: options.configs ?? {},
    checks: agentPartChecks,
    log,
    clock,
  })
  const { calls } = kernel
  let keeper: LinkKeeper | null = null
  let stopping: Promise<void> | null = null
  let release: () => void = () => {}
  kernel.tap('the links to the hub').lifecycle.drain(() => keeper?.drain())

  async function dial(target: DialTarget): Promise<Duplex> {
    const own = calls.dial.open.empty ? null : await calls.dial.open(target)
    if (own === null) return dialApp(target, allow)
    if (own instanceof Duplex) return own
    throw new MezError('MEZ_HOOK_FAILED', "a plugin's answer to dial.open is no stream")
  }

  function connect(): Promise<void> {
    return new Promise((resolve, reject) => {
      let up = false
      release = resolve
      keeper = keepLinks({
        identity,
        address,
        transports: chooseTransports(kernel.slot(agentTransports), options.transports),
        dial,
        version: options.version ?? '0.0.0',
        ...(options.heartbeatMs === undefined ? {} : { heartbeatMs: options.heartbeatMs }),
        onChanged(event) {
          calls.link.changed(event)
          if (!event.connected) return
          up = true
          resolve()
        },
        onFatal(error) {
          if (!up) return reject(error)
          log.error({ error: messageOf(error) }, 'this agent cannot come back by itself')
          options.onFatal?.(error)
        },
        clock,
        log,
      })
    })
  }

  async function stop(graceMs: number): Promise<void> {
    release()
    const signal = AbortSignal.timeout(graceMs)
    await kernel.drain(signal, graceMs)
    keeper?.close()
    await kernel.stop()
  }

  return {
    get connected() {
      return keeper?.connected ?? false
    },
    async start() {
      kernel.setup()
      try {
        await kernel.start()
        if (!stopping) await connect()
      } catch (error) {
        keeper?.close()
        await kernel.stop()
        throw error
      }
      if (!stopping) await kernel.ready()
    },
    stop: (graceMs = GRACE_MS) => (stopping ??= stop(graceMs)),
  }
}
