import type { Duplex } from 'node:stream'
import {
  type AnyPlugin,
  agentHooks,
  agentPartChecks,
  agentTransports,
  appSources,
  type Clock,
  createKernel,
  DialRefusal,
  type DialTarget,
  hubHooks,
  type Log,
  MezError,
  messageOf,
  systemClock,
} from '@mezite/core/agent'
import { type AgentIdentity, createAgentIdentity } from './agent-identity.ts'
import { createAllowList } from './allow-list.ts'
import { dialApp } from './app-dialer.ts'
import { type AppProposals, collectProposals } from './app-proposals.ts'
import { readHubAddress } from './hub-address.ts'
import { createHubDialer } from './hub-dialer.ts'
import { validity } from './identity-store.ts'
import { type LinkSupervisor, superviseLinks } from './link-supervisor.ts'
import { outboundProxy } from './outbound-connection.ts'
import { createTransportChoice, selectTransports, type TransportChoice } from './transport-choice.ts'

export interface AgentOptions {
  /** `host:port` of the hub. */
  readonly proxyAddr: string
  /** One-use join token, used only while there is no valid certificate. */
  readonly token?: string
  /** Why there is no token, for the error when one is needed. */
  readonly tokenProblem?: string
  /** Required with a token. */
  readonly caPin?: string
  readonly hostname: string
  readonly dataDir: string
  /** Names of transports, tried in order. Default: all transports of the plugins. */
  readonly transports?: readonly string[]
  /** `apps.allow`; undefined allows all addresses except link-local and metadata addresses. */
  readonly allow?: readonly string[]
  readonly plugins: readonly AnyPlugin[]
  readonly configs?: Readonly<Record<string, unknown>>
  readonly version?: string
  readonly heartbeatMs?: number
  /**
   * How long to wait after a fallback before trying the preferred transport again, in milliseconds. Default: 10 s, then
   * doubling.
   */
  readonly returnMs?: number
  /** Environment with `HTTPS_PROXY` and `NO_PROXY`. Default: the environment of the process. */
  readonly env?: NodeJS.ProcessEnv
  /** Called when the certificate is invalid and retrying cannot help. The agent keeps trying; a program should exit. */
  readonly onFatal?: (error: unknown) => void
  readonly clock?: Clock
  readonly log: Log
}

export interface RunningAgent {
  /**
   * Starts the plugins and keeps links to the hubs. Resolves when the first link is up; rejects for a refused token, a
   * wrong pin or a missing identity, which retrying cannot solve. Retries after other failures without limit.
   */
  start(): Promise<void>
  /** Drains for at most `graceMs` (default 25 s), then closes. Safe at any time. */
  stop(graceMs?: number): Promise<void>
  /** Number of hubs with a link. */
  readonly links: number
  /** When the certificate expires, in milliseconds since the epoch; null if the agent has not joined. */
  readonly certificateExpires: number | null
  /** True if at least one hub has a link. */
  readonly connected: boolean
}

const GRACE_MS = 25_000

/** Creates an agent, which can run inside another program. Throws `MEZ_ALLOW_INVALID` and `MEZ_CONFIG_INVALID`. */
export function createAgent(options: AgentOptions): RunningAgent {
  const { log } = options
  const clock = options.clock ?? systemClock
  const allow = createAllowList(options.allow)
  const address = readHubAddress(options.proxyAddr)
  if (!address) {
    throw new MezError(
      'MEZ_CONFIG_INVALID',
      `proxy_addr: ${JSON.stringify(options.proxyAddr)} is not host:port`,
    )
  }
  const { env = process.env } = options
  // Throws now the error that every dial would throw.
  outboundProxy(address, env)
  const kernel = createKernel({
    tree: agentHooks,
    side: 'agent',
    otherHalf: hubHooks,
    plugins: options.plugins,
    configs: options.configs ?? {},
    checks: agentPartChecks,
    log,
    clock,
  })
  const { calls } = kernel
  let supervisor: LinkSupervisor | null = null
  let identity: AgentIdentity | null = null
  let proposals: AppProposals | null = null
  let stopping: Promise<void> | null = null
  let release: () => void = () => {}
  kernel.tap('the links to the hub').lifecycle.drain(() => supervisor?.drain())

  async function dial(target: DialTarget): Promise<Duplex> {
    if (calls.dial.open.empty) return dialApp(target, allow)
    const own = await calls.dial.open(target).catch((error) => {
      throw error.cause instanceof DialRefusal ? error.cause : error
    })
    return own ?? dialApp(target, allow)
  }

  function connect(choice: TransportChoice): Promise<void> {
    const { hostname, token, tokenProblem, caPin } = options
    const own = createAgentIdentity({
      dataDir: options.dataDir,
      hostname,
      address: address!,
      choice,
      token,
      tokenProblem,
      caPin,
      clock,
      log,
    })
    identity = own
    return new Promise((resolve, reject) => {
      let up = false
      release = resolve
      supervisor = superviseLinks({
        identity: own,
        dialer: createHubDialer({ identity: own, address: address!, choice, clock }),
        choice,
        dial,
        version: options.version ?? '0.0.0',
        ...(options.heartbeatMs === undefined ? {} : { heartbeatMs: options.heartbeatMs }),
        ...(options.returnMs === undefined ? {} : { returnMs: options.returnMs }),
        opening: () => proposals?.messages() ?? [],
        onChanged(event) {
          calls.link.changed(event)
          if (!event.connected) return
          up = true
          resolve()
        },
        onFatal(error) {
          if (!up) return reject(error)
          log.error({ error: messageOf(error) }, 'this agent cannot reconnect by itself')
          options.onFatal?.(error)
        },
        clock,
        log,
      })
    })
  }

  async function stop(graceMs: number): Promise<void> {
    release()
    proposals?.stop()
    const signal = AbortSignal.timeout(graceMs)
    await kernel.drain(signal, graceMs)
    supervisor?.close()
    await kernel.stop()
  }

  return {
    get links() {
      return supervisor?.links ?? 0
    },
    get certificateExpires() {
      return identity?.current ? validity(identity.current).to : null
    },
    get connected() {
      return supervisor?.connected ?? false
    },
    async start() {
      kernel.setup()
      try {
        await kernel.start()
        proposals = collectProposals({
          sources: kernel.slot(appSources),
          changed: (message) => supervisor?.send(message),
          clock,
          log,
        })
        const transports = selectTransports(kernel.slot(agentTransports), options.transports)
        if (!stopping) await connect(createTransportChoice({ address, transports, env, log }))
      } catch (error) {
        supervisor?.close()
        await kernel.stop()
        throw error
      }
      if (stopping) return
      proposals.start()
      await kernel.ready()
    },
    stop: (graceMs = GRACE_MS) => (stopping ??= stop(graceMs)),
  }
}
