import type { TLSSocket } from 'node:tls'
import {
  type AgentTransport,
  type Clock,
  isMezError,
  type LinkChanged,
  type Log,
  MezError,
  messageOf,
  TUNNEL_ALPN,
} from '@mezite/core/agent'
import type { AgentIdentity } from './agent-identity.ts'
import { connectHub } from './connect-hub.ts'
import type { HubAddress } from './hub-address.ts'
import { type HubLink, openHubLink } from './hub-link.ts'
import { learnHubCa } from './learn-hub-ca.ts'
import { doubtsIdentity, nextStep } from './refusals.ts'
import { createRenewal } from './renew-certificate.ts'
import type { Dial } from './serve-stream.ts'

/** What no retry mends. */
const FATAL = [
  'MEZ_TOKEN_REFUSED',
  'MEZ_PIN_MISMATCH',
  'MEZ_IDENTITY_MISSING',
  'MEZ_IDENTITY_UNREADABLE',
  'MEZ_DATA_DIR_UNWRITABLE',
] as const
const FIRST_RETRY_MS = 200
const LONGEST_RETRY_MS = 10_000
/** A hub that restarts is back within seconds: the first tries wait no longer than this. */
const QUICK_RETRY_MS = 1_000
const QUICK_TRIES = 15
const DIAL_MS = 10_000
/** A link that ends sooner counts as a try that failed: two agents of one identity would cut each other all the time. */
const STEADY_MS = 1_000

/** Keeps one link to the hub, for ever. */
export interface LinkKeeper {
  readonly connected: boolean
  /** No new links and streams; resolves when the streams under way have ended. */
  drain(): Promise<void>
  close(): void
}

/** Starts to connect. All that fails is tried again, with exponential backoff and full jitter. */
export function keepLink(options: {
  readonly identity: AgentIdentity
  readonly address: HubAddress
  readonly transports: readonly AgentTransport[]
  readonly dial: Dial
  readonly version: string
  readonly heartbeatMs?: number
  readonly onChanged: (event: LinkChanged) => void
  /** The certificate is gone and the token does not help. Tries go on all the same. */
  readonly onFatal: (error: unknown) => void
  readonly clock: Clock
  readonly log: Log
}): LinkKeeper {
  const { identity, address, transports, clock, log } = options
  const stopped = new AbortController()
  const links = new Set<HubLink>()
  let current: HubLink | null = null
  let attempts = 0
  let retry: NodeJS.Timeout | undefined

  async function attempt(): Promise<void> {
    const me = await identity.ensure(stopped.signal)
    let failure: unknown = new MezError('MEZ_HUB_UNREACHABLE', 'no transport is configured')
    for (const transport of transports) {
      try {
        const signal = AbortSignal.any([stopped.signal, AbortSignal.timeout(DIAL_MS)])
        const carrier = await transport.dial({ ...address, signal })
        const socket = await connectHub({ carrier, host: address.host, alpn: [TUNNEL_ALPN], ...me })
        if (stopped.signal.aborted) return void socket.destroy()
        return open(socket, transport.name)
      } catch (error) {
        failure = error
        log.debug({ transport: transport.name, error: messageOf(error) }, 'no link over this transport')
      }
    }
    throw failure
  }

  function open(socket: TLSSocket, transport: string): void {
    let instance: string | null = null
    let upSince = Number.POSITIVE_INFINITY
    const link = openHubLink({
      socket,
      dial: options.dial,
      clock,
      log,
      version: options.version,
      ...(options.heartbeatMs === undefined ? {} : { heartbeatMs: options.heartbeatMs }),
      onUp(greeting) {
        instance = String(greeting.instance)
        current = link
        upSince = clock.monotonic()
        log.info({ instance, transport }, 'connected to the hub')
        options.onChanged({ instance, connected: true, reason: null })
        renewal.check()
      },
      onMessage(message) {
        renewal.told(message)
        learnHubCa(message, { identity, send: link.send, log })
      },
      onClosed(reason) {
        links.delete(link)
        if (instance !== null) options.onChanged({ instance, connected: false, reason })
        else if (doubtsIdentity(reason)) identity.doubt()
        // A link that a newer one has taken over may go quietly.
        if (current !== link && current !== null) return
        current = null
        // One that takes the hub from this agent again and again would find it back at once.
        if (clock.monotonic() - upSince >= STEADY_MS && reason !== 'replaced') attempts = 0
        const hint = nextStep(reason)
        const what = instance === null ? 'no link to the hub' : 'lost the hub'
        log.warn({ instance: instance ?? 'unknown', reason, ...(hint && { hint }) }, what)
        again()
      },
    })
    links.add(link)
  }

  function again(): void {
    if (stopped.signal.aborted) return
    clearTimeout(retry)
    const longest = attempts < QUICK_TRIES ? QUICK_RETRY_MS : LONGEST_RETRY_MS
    const ceiling = Math.min(longest, FIRST_RETRY_MS * 2 ** Math.min(attempts, 10))
    attempts += 1
    retry = setTimeout(run, Math.random() * ceiling)
  }

  function run(): void {
    attempt().catch((error: unknown) => {
      if (stopped.signal.aborted) return
      const loud = attempts < 3 || attempts % 10 === 0
      if (FATAL.some((code) => isMezError(error, code))) options.onFatal(error)
      else log[loud ? 'warn' : 'debug']({ error: messageOf(error) }, 'the hub is not reachable yet')
      again()
    })
  }

  const renewal = createRenewal({
    identity,
    send: () => current?.send ?? null,
    // A second link on the new certificate; the hub lets the first one finish what it carries.
    onRenewed: run,
    clock,
    log,
  })
  const stop = (): void => {
    stopped.abort()
    clearTimeout(retry)
    renewal.stop()
  }
  run()
  return {
    get connected() {
      return current !== null
    },
    async drain() {
      stop()
      await Promise.all([...links].map((link) => link.drain()))
    },
    close() {
      stop()
      for (const link of links) link.close()
    },
  }
}
