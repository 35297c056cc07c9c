import { connect, isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import {
  type AgentTransport,
  type AnyPlugin,
  agentHooks,
  agentTransports,
  type Clock,
  createKernel,
  isMezError,
  type Log,
  lookupLocalhost,
  MezError,
  messageOf,
  systemClock,
  TUNNEL_ALPN,
} from '@mezite/core/agent'
import { createAllowList } from './allow-list.ts'
import { connectHub } from './connect-hub.ts'
import { dialApp } from './dial-app.ts'
import { type HubLink, type Message, openHubLink } from './hub-link.ts'
import { createIdentityStore, type Identity, validity } from './identity-store.ts'
import { joinCluster } from './join-cluster.ts'
import { makeKeyRequest } from './key-request.ts'

export interface AgentOptions {
  /** `host:port` of the hub. */
  readonly proxyAddr: string
  /** One-use join token; read only while there is no valid certificate. */
  readonly token?: string
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

const FATAL = ['MEZ_TOKEN_REFUSED', 'MEZ_PIN_MISMATCH', 'MEZ_IDENTITY_MISSING'] as const
const FIRST_RETRY_MS = 200
const LONGEST_RETRY_MS = 10_000
const DIAL_MS = 10_000
const RENEW_CHECK_MS = 60_000

/** An agent that can run inside another program. Throws `MEZ_ALLOW_INVALID`. */
export function createAgent(options: AgentOptions): RunningAgent {
  const { log, dataDir, hostname } = options
  const clock = options.clock ?? systemClock
  const allow = createAllowList(options.allow)
  const store = createIdentityStore(dataDir)
  const { host, port } = splitAddress(options.proxyAddr)
  const kernel = createKernel({
    tree: agentHooks,
    side: 'agent',
    plugins: options.plugins,
    configs: options.configs ?? {},
    log,
    clock,
  })
  const stopped = new AbortController()
  const links = new Set<HubLink>()
  let transports: readonly AgentTransport[] = []
  let identity: Identity | null = null
  let current: HubLink | null = null
  let attempts = 0
  let retry: NodeJS.Timeout | undefined
  let renewTimer: NodeJS.Timeout | undefined
  let pendingKey: string | null = null
  let first: { resolve: () => void; reject: (error: unknown) => void } | null = null

  async function dial(target: Parameters<typeof dialApp>[0]): Promise<Duplex> {
    const own = kernel.calls.dial.open.empty ? null : await kernel.calls.dial.open(target)
    return own ?? dialApp(target, allow)
  }

  async function ensureIdentity(): Promise<Identity> {
    identity ??= store.read()
    if (identity && validity(identity).to > clock.now()) return identity
    const { token, caPin } = options
    const expired = identity ? 'its certificate has expired' : 'it has not joined yet'
    if (!token || !caPin) {
      throw new MezError(
        'MEZ_IDENTITY_MISSING',
        `${hostname} cannot connect: ${expired}, and there is no token`,
      )
    }
    const carrier = await dialTcp(host, port, AbortSignal.any([stopped.signal, AbortSignal.timeout(DIAL_MS)]))
    const joined = await joinCluster({ carrier, host, caPin, token, hostname })
    store.write(joined)
    log.info({ hostname, cluster: joined.clusterName }, 'joined the cluster')
    identity = joined
    return joined
  }

  async function attempt(): Promise<void> {
    const me = await ensureIdentity()
    let failure: unknown = new MezError('MEZ_HUB_UNREACHABLE', 'no transport is configured')
    for (const transport of transports) {
      try {
        const signal = AbortSignal.any([stopped.signal, AbortSignal.timeout(DIAL_MS)])
        const carrier = await transport.dial({ host, port, signal })
        const socket = await connectHub({ carrier, host, alpn: [TUNNEL_ALPN], ...me })
        if (stopped.signal.aborted) return void socket.destroy()
        return open(socket, transport.name)
      } catch (error) {
        failure = error
        log.debug({ transport: transport.name, error: messageOf(error) }, 'no link over this transport')
      }
    }
    throw failure
  }

  function open(socket: Parameters<typeof openHubLink>[0]['socket'], transport: string): void {
    let instance = 'unknown'
    let up = false
    const link = openHubLink({
      socket,
      dial,
      clock,
      log,
      version: options.version ?? '0.0.0',
      ...(options.heartbeatMs === undefined ? {} : { heartbeatMs: options.heartbeatMs }),
      onUp(greeting) {
        up = true
        instance = String(greeting.instance)
        current = link
        attempts = 0
        log.info({ instance, transport }, 'connected to the hub')
        kernel.calls.link.changed({ instance, connected: true, reason: null })
        first?.resolve()
        renewIfDue()
      },
      onMessage,
      onClosed(reason) {
        links.delete(link)
        if (up) kernel.calls.link.changed({ instance, connected: false, reason })
        // A link that a newer one has taken over may go quietly.
        if (current !== link && current !== null) return
        current = null
        log.warn({ instance, reason }, 'lost the hub')
        again()
      },
    })
    links.add(link)
  }

  /** Exponential backoff with full jitter; the first tries are quick. */
  function again(): void {
    if (stopped.signal.aborted) return
    clearTimeout(retry)
    const ceiling = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempts, 10))
    attempts += 1
    retry = setTimeout(run, Math.random() * ceiling)
  }

  function run(): void {
    attempt().catch((error: unknown) => {
      if (stopped.signal.aborted) return
      if (FATAL.some((code) => isMezError(error, code)) && first) return first.reject(error)
      const again_ = attempts < 3 || attempts % 10 === 0
      log[again_ ? 'warn' : 'debug']({ error: messageOf(error) }, 'the hub is not reachable yet')
      again()
    })
  }

  function renewIfDue(): void {
    const link = current
    if (!identity || !link || pendingKey !== null) return
    const { from, to } = validity(identity)
    if (clock.now() < from + ((to - from) * 2) / 3) return
    pendingKey = ''
    makeKeyRequest(identity.hostname).then(
      ({ key, csr }) => {
        pendingKey = key
        link.send({ type: 'renew', csr })
        // Without an answer another try is due later.
        setTimeout(() => {
          if (pendingKey === key) pendingKey = null
        }, RENEW_CHECK_MS).unref()
      },
      (error) => {
        pendingKey = null
        log.warn({ error: messageOf(error) }, 'certificate not renewed')
      },
    )
  }

  function onMessage(message: Message): void {
    if (message.type === 'renew_refused') {
      log.warn({ code: String(message.code) }, 'the hub does not renew the certificate')
      return
    }
    const { certificate, hub_ca: hubCa } = message
    if (message.type !== 'certificate' || typeof certificate !== 'string' || !identity || !pendingKey) return
    const key = pendingKey
    pendingKey = null
    const renewed: Identity = {
      ...identity,
      key,
      certificate,
      hubCa: Array.isArray(hubCa) && hubCa.length > 0 ? hubCa.map(String) : identity.hubCa,
    }
    try {
      validity(renewed)
      store.write(renewed)
      identity = renewed
      log.info('certificate renewed')
      // A second link on the new certificate; the hub lets this one finish what it carries.
      run()
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'certificate not renewed')
    }
  }

  return {
    get connected() {
      return current !== null
    },
    async start() {
      kernel.setup()
      transports = chooseTransports(kernel.slot(agentTransports), options.transports)
      await kernel.start()
      renewTimer = setInterval(renewIfDue, RENEW_CHECK_MS)
      try {
        await new Promise<void>((resolve, reject) => {
          first = { resolve, reject }
          stopped.signal.addEventListener('abort', () => resolve(), { once: true })
          run()
        })
      } catch (error) {
        stopped.abort()
        clearInterval(renewTimer)
        await kernel.stop()
        throw error
      }
      if (!stopped.signal.aborted) await kernel.ready()
    },
    async stop(graceMs = 25_000) {
      if (stopped.signal.aborted) return
      stopped.abort()
      clearTimeout(retry)
      clearInterval(renewTimer)
      const signal = AbortSignal.timeout(graceMs)
      const late = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
      await Promise.race([
        late,
        Promise.allSettled([kernel.drain(signal), ...[...links].map((link) => link.drain())]),
      ])
      for (const link of links) link.close()
      await kernel.stop()
    },
  }
}

function chooseTransports(
  found: readonly AgentTransport[],
  wanted: readonly string[] | undefined,
): readonly AgentTransport[] {
  if (!wanted || wanted.length === 0) return found
  return wanted.map((name) => {
    const transport = found.find((each) => each.name === name)
    if (transport) return transport
    const known = found.map((each) => each.name).join(', ') || 'none'
    throw new MezError('MEZ_CONFIG_INVALID', `tunnel.transports: there is no ${name}; there is ${known}`)
  })
}

function splitAddress(text: string): { host: string; port: number } {
  const url = `https://${text}`
  const bare = URL.canParse(url) ? new URL(url) : null
  if (bare?.pathname !== '/' || bare.search || bare.username || !bare.hostname) {
    throw new MezError('MEZ_CONFIG_INVALID', `proxy_addr: ${JSON.stringify(text)} is not host:port`)
  }
  return { host: bare.hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(bare.port) || 443 }
}

function dialTcp(host: string, port: number, signal: AbortSignal): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const lookup = isIP(host) === 0 ? { lookup: lookupLocalhost } : {}
    const socket = connect({ host, port, signal, noDelay: true, ...lookup })
    socket.on('error', (error) => reject(new MezError('MEZ_HUB_UNREACHABLE', messageOf(error))))
    socket.once('connect', () => resolve(socket))
  })
}
