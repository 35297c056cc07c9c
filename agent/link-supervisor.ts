import { type Clock, isMezError, type LinkChanged, type Log, messageOf } from '@mezite/core/agent'
import type { AgentIdentity } from './agent-identity.ts'
import { createRenewal } from './certificate-renewal.ts'
import { type HubAddress, readHubAddress } from './hub-address.ts'
import { updateHubCa } from './hub-ca-update.ts'
import type { HubConnection, HubDialer } from './hub-dialer.ts'
import { type HubLink, type Message, openHubLink } from './hub-link.ts'
import { doubtsIdentity, isAboutTransport, nextStep } from './refusals.ts'
import type { Dial } from './stream-handler.ts'
import type { TransportChoice } from './transport-choice.ts'

/** Errors that no retry mends. */
const FATAL = [
  'MEZ_TOKEN_REFUSED',
  'MEZ_PIN_MISMATCH',
  'MEZ_IDENTITY_MISSING',
  'MEZ_IDENTITY_UNREADABLE',
  'MEZ_DATA_DIR_UNWRITABLE',
] as const
const FIRST_RETRY_MS = 200
const LONGEST_RETRY_MS = 10_000
/** A hub that restarts is back within seconds: the first retries wait at most this long. */
const QUICK_RETRY_MS = 1_000
const QUICK_TRIES = 15
/** A link that ends sooner counts as a failed try: two agents with one identity would cut each other continually. */
const STEADY_MS = 1_000
/** By then each hub has seen that the link to it is a new one. */
const MOVED_MS = 1_000
/** More hubs than a cluster has. */
const MOST_HUBS = 64
/** When the preferred transport is tried again after a fallback; doubles up to the longest. */
const RETURN_MS = 10_000
const LONGEST_RETURN_MS = 600_000

/** Keeps a link to each hub of the cluster. */
export interface LinkSupervisor {
  /** At least one hub has a link. */
  readonly connected: boolean
  /** How many hubs have a link. */
  readonly links: number
  /** Opens no new links and streams; resolves when the streams under way have ended. */
  drain(): Promise<void>
  close(): void
}

/** The hub that a link is dialled to: the id, or null for any. */
type Wish = string | null

export interface LinkSupervisorOptions {
  readonly identity: AgentIdentity
  readonly dialer: HubDialer
  readonly choice: Pick<TransportChoice, 'fellBack' | 'failed'>
  readonly dial: Dial
  readonly version: string
  readonly heartbeatMs?: number
  readonly returnMs?: number
  readonly onChanged: (event: LinkChanged) => void
  /** The certificate is void and the token does not help. The retries go on. */
  readonly onFatal: (error: unknown) => void
  readonly clock: Clock
  readonly log: Log
}

/**
 * Starts to connect: first to any hub that answers, then to all hubs that it lists. Each failure is retried, with
 * exponential backoff and full jitter.
 */
export function superviseLinks(options: LinkSupervisorOptions): LinkSupervisor {
  const { identity, dialer, choice, clock, log, returnMs = RETURN_MS } = options
  const stopped = new AbortController()
  const links = new Set<HubLink>()
  /** The newest link to each hub, by the hub's id. */
  const live = new Map<string, HubLink>()
  /** The live hubs, as a hub has listed them last, and where they can be dialled directly. */
  let hubs: readonly string[] = []
  let addresses: ReadonlyMap<string, HubAddress> = new Map()
  /** Hubs to which a second link takes over. */
  const moving = new Set<string>()
  const tries = new Map<Wish, { timer?: NodeJS.Timeout }>()
  const failures = new Map<Wish, number>()
  let started = false
  let returning: NodeJS.Timeout | undefined
  let returnWaitMs = returnMs

  /** Begins the tries that are due, and ends the others. */
  function tend(): void {
    if (stopped.signal.aborted) return
    const due: readonly Wish[] = live.size === 0 ? [null] : [...hubs.filter((id) => !live.has(id)), ...moving]
    for (const [wish, { timer }] of tries) {
      if (due.includes(wish)) continue
      clearTimeout(timer)
      tries.delete(wish)
    }
    for (const wish of due) if (!tries.has(wish)) begin(wish)
  }

  function begin(wish: Wish): void {
    const mine: { timer?: NodeJS.Timeout } = {}
    tries.set(wish, mine)
    const wanted = (): boolean => tries.get(wish) === mine && !stopped.signal.aborted
    const again = (): void => {
      if (wanted()) mine.timer = setTimeout(run, waitMs(wish))
    }
    const run = (): void => {
      const direct = wish === null ? undefined : addresses.get(wish)
      dialer.dial({ instance: wish, direct }, stopped.signal).then(
        (connection) => (wanted() ? open(connection, wish, again) : void connection.socket.destroy()),
        (error: unknown) => {
          if (!wanted()) return
          const attempts = failures.get(wish) ?? 0
          const loud = attempts < 3 || attempts % 10 === 0
          const which = wish === null ? {} : { instance: wish }
          if (FATAL.some((code) => isMezError(error, code))) options.onFatal(error)
          else log[loud ? 'warn' : 'debug']({ ...which, error: messageOf(error) }, 'cannot reach the hub yet')
          again()
        },
      )
    }
    if (started) mine.timer = setTimeout(run, waitMs(wish))
    else run()
    started = true
  }

  function waitMs(wish: Wish): number {
    const attempts = failures.get(wish) ?? 0
    failures.set(wish, attempts + 1)
    const longest = attempts < QUICK_TRIES ? QUICK_RETRY_MS : LONGEST_RETRY_MS
    return Math.random() * Math.min(longest, FIRST_RETRY_MS * 2 ** Math.min(attempts, 10))
  }

  function open({ socket, certificate, transport }: HubConnection, wish: Wish, again: () => void): void {
    let instance: string | null = null
    let upSince = Number.POSITIVE_INFINITY
    const link = openHubLink({
      socket,
      dial: options.dial,
      clock,
      log,
      version: options.version,
      ...(options.heartbeatMs === undefined ? {} : { heartbeatMs: options.heartbeatMs }),
      takesOver: (id) => live.has(id),
      onUp(greeting) {
        instance = String(greeting.instance)
        upSince = clock.monotonic()
        tries.delete(wish)
        live.set(instance, link)
        if (moving.delete(instance) && moving.size === 0) {
          setTimeout(() => link.send({ type: 'moved' }), MOVED_MS).unref()
        }
        log.info({ instance, transport }, 'connected to the hub')
        options.onChanged({ instance, connected: true, reason: null })
        renewal.check()
        follow(greeting)
        watchTransport()
      },
      onMessage(message) {
        // Only the newest link to a hub is followed.
        const inUse = instance !== null && live.get(instance) === link ? instance : null
        if (message.type === 'renew_now' && identity.current?.certificate !== certificate) {
          // The certificate has been renewed already, and the link is yet to be replaced.
          if (inUse !== null) move([inUse])
          return
        }
        renewal.receive(message)
        updateHubCa(message, { identity, send: link.send, log })
        if (message.type === 'instances') follow(message)
        if (message.type === 'move' && inUse !== null) move([inUse])
      },
      onClosed(reason) {
        links.delete(link)
        if (instance === null) {
          if (live.size === 0 && doubtsIdentity(reason)) identity.doubt()
          if (isAboutTransport(reason)) choice.failed(transport)
          warn('the hub did not accept the link', wish, reason)
          return again()
        }
        // A newer link has taken over.
        if (live.get(instance) !== link) return
        live.delete(instance)
        moving.delete(instance)
        options.onChanged({ instance, connected: false, reason })
        // An agent that replaces this one again and again must not find it back at once.
        if (clock.monotonic() - upSince >= STEADY_MS && reason !== 'replaced') failures.clear()
        if (!stopped.signal.aborted) warn('lost the link to the hub', instance, reason)
        tend()
      },
    })
    links.add(link)
  }

  function warn(what: string, id: Wish, reason: string): void {
    const hint = nextStep(reason)
    log.warn({ instance: id ?? 'unknown', reason, ...(hint && { hint }) }, what)
  }

  /** Follows what a hub says about the cluster. */
  function follow({ instances, addresses: listed }: Message): void {
    if (Array.isArray(instances)) {
      hubs = instances.map(String).slice(0, MOST_HUBS)
      const entries = Object.entries(Object(listed) as Record<string, unknown>)
      addresses = new Map(
        entries.flatMap(([id, text]) => {
          const address = typeof text === 'string' && hubs.includes(id) ? readHubAddress(text) : null
          return address ? [[id, address]] : []
        }),
      )
    }
    tend()
  }

  /** Opens a second link to each hub; the hub lets the first one finish its streams. */
  function move(instances: Iterable<string>): void {
    for (const id of instances) moving.add(id)
    tend()
  }

  /** After a fallback the preferred transports are tried now and then; links move to one that works. */
  function watchTransport(): void {
    if (!choice.fellBack) returnWaitMs = returnMs
    if (!choice.fellBack || returning || stopped.signal.aborted) return
    const wait = returnWaitMs * (0.5 + Math.random() / 2)
    returnWaitMs = Math.min(returnWaitMs * 2, LONGEST_RETURN_MS)
    returning = setTimeout(() => void tryPreferred(), wait)
    returning.unref()
  }

  async function tryPreferred(): Promise<void> {
    const [instance] = live.keys()
    try {
      if (instance === undefined || !choice.fellBack) return
      const connection = await dialer.dial({ instance, onlyPreferred: true }, stopped.signal)
      if (!live.has(instance) || stopped.signal.aborted) return void connection.socket.destroy()
      log.info({ transport: connection.transport }, 'returning to a preferred transport')
      open(connection, instance, () => {})
      move([...live.keys()].filter((id) => id !== instance))
    } catch (error) {
      log.debug({ error: messageOf(error) }, 'the preferred transport still fails')
    } finally {
      returning = undefined
      watchTransport()
    }
  }

  const renewal = createRenewal({
    identity,
    send: () => [...live.values()][0]?.send ?? null,
    onRenewed: () => move(live.keys()),
    clock,
    log,
  })
  const stop = (): void => {
    stopped.abort()
    clearTimeout(returning)
    for (const { timer } of tries.values()) clearTimeout(timer)
    renewal.stop()
  }
  tend()
  return {
    get connected() {
      return live.size > 0
    },
    get links() {
      return live.size
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
