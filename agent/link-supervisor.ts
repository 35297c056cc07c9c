import { type Clock, isMezError, type LinkChanged, type Log, messageOf } from '@mezite/core/agent'
import type { AgentIdentity } from './agent-identity.ts'
import { createRenewal } from './certificate-renewal.ts'
import { createCompanion } from './companion.ts'
import { type HubAddress, readHubAddress } from './hub-address.ts'
import { updateHubCa } from './hub-ca-update.ts'
import type { HubConnection, HubDialer, HubWish } from './hub-dialer.ts'
import { type HubLink, type Message, openHubLink } from './hub-link.ts'
import { doubtsIdentity, isAboutTransport, isFatal, nextStep } from './refusals.ts'
import type { Dial } from './stream-handler.ts'
import type { TransportChoice } from './transport-choice.ts'

const FIRST_RETRY_MS = 200
const LONGEST_RETRY_MS = 10_000
/** A restarting hub returns within seconds, so the first retries wait at most this long. */
const QUICK_RETRY_MS = 1_000
const QUICK_TRIES = 15
/**
 * A link that ends sooner counts as a failed attempt: two agents with one identity would otherwise keep cutting each
 * other.
 */
const STEADY_MS = 1_000
/** By then each hub knows that its link is new. */
const MOVED_MS = 1_000
const MOST_HUBS = 64
/** The wait before trying a better path to a hub, such as the preferred transport; doubles up to the maximum. */
const RETURN_MS = 10_000
const LONGEST_RETURN_MS = 600_000

/** Keeps a link to each hub of the cluster. */
export interface LinkSupervisor {
  /** True if at least one hub has a link. */
  readonly connected: boolean
  /** Number of hubs with a link. */
  readonly links: number
  /** Sends a message to each hub. */
  send(message: object): void
  /** Stops opening links and streams; resolves when the open streams have ended. */
  drain(): Promise<void>
  close(): void
}

/** The hub to dial: its id, or null for any hub. */
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
  /** The first messages on each link after the greetings. */
  readonly opening?: () => readonly object[]
  /** Called when the certificate is invalid and the token does not help. Retrying continues. */
  readonly onFatal: (error: unknown) => void
  readonly clock: Clock
  readonly log: Log
}

/**
 * Starts connecting: first to any hub, then to all hubs that it lists. Retries each failure with exponential backoff and
 * full jitter.
 */
export function superviseLinks(options: LinkSupervisorOptions): LinkSupervisor {
  const { identity, dialer, choice, clock, log, returnMs = RETURN_MS } = options
  const { dial, version, heartbeatMs } = options
  const serving = { dial, version, clock, log, ...(heartbeatMs === undefined ? {} : { heartbeatMs }) }
  const stopped = new AbortController()
  const links = new Set<HubLink>()
  /** The newest link to each hub, by the hub's id. */
  const live = new Map<string, HubLink>()
  /** The live hubs in the latest list of a hub, with their direct addresses. */
  let hubs: readonly string[] = []
  let addresses: ReadonlyMap<string, HubAddress> = new Map()
  /** Hubs whose link may run through another hub, because their direct address could not be reached. */
  const indirect = new Set<string>()
  /** Hubs whose link is being replaced by a second one. */
  const moving = new Set<string>()
  const tries = new Map<Wish, { timer?: NodeJS.Timeout }>()
  const failures = new Map<Wish, number>()
  let started = false
  let returning: NodeJS.Timeout | undefined
  let returnWaitMs = returnMs

  /** Starts the attempts that are due, and ends the others. */
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
      dialHub(wish).then(
        (connection) => (wanted() ? open(connection, wish, again) : void connection.socket.destroy()),
        (error: unknown) => {
          if (!wanted()) return
          if (live.size === 0 && isMezError(error, 'MEZ_CARRIER_REFUSED')) identity.doubt()
          const attempts = failures.get(wish) ?? 0
          const loud = attempts < 3 || attempts % 10 === 0
          const which = wish === null ? {} : { instance: wish }
          if (isFatal(error)) options.onFatal(error)
          else log[loud ? 'warn' : 'debug']({ ...which, error: messageOf(error) }, 'cannot reach the hub yet')
          again()
        },
      )
    }
    if (started) mine.timer = setTimeout(run, waitMs(wish))
    else run()
    started = true
  }

  function dialHub(wish: Wish): Promise<HubConnection> {
    const direct = wish === null ? undefined : addresses.get(wish)
    return dialer.dial({ instance: wish, direct }, stopped.signal)
  }

  function waitMs(wish: Wish): number {
    const attempts = failures.get(wish) ?? 0
    failures.set(wish, attempts + 1)
    const longest = attempts < QUICK_TRIES ? QUICK_RETRY_MS : LONGEST_RETRY_MS
    return Math.random() * Math.min(longest, FIRST_RETRY_MS * 2 ** Math.min(attempts, 10))
  }

  function open(connection: HubConnection, wish: Wish, again: () => void): void {
    const { socket, certificate, transport } = connection
    let instance: string | null = null
    let upSince = Number.POSITIVE_INFINITY
    const companion = createCompanion({ links, serving, log })
    const link = openHubLink({
      ...serving,
      socket,
      takesOver: (id) => live.has(id),
      onUp(greeting) {
        instance = String(greeting.instance)
        upSince = clock.monotonic()
        tries.delete(wish)
        live.set(instance, link)
        indirect[connection.indirect ? 'add' : 'delete'](instance)
        if (moving.delete(instance) && moving.size === 0) {
          setTimeout(() => link.send({ type: 'moved' }), MOVED_MS).unref()
        }
        log.info({ instance, transport }, 'connected to the hub')
        options.onChanged({ instance, connected: true, reason: null })
        for (const message of options.opening?.() ?? []) link.send(message)
        renewal.check()
        follow(greeting)
        watchPaths()
      },
      onMessage(message) {
        // Only the newest link to a hub counts.
        const inUse = instance !== null && live.get(instance) === link ? instance : null
        if (message.type === 'renew_now' && identity.current?.certificate !== certificate) {
          // The certificate has already been renewed, but the link has not been replaced yet.
          if (inUse !== null) move([inUse])
          return
        }
        renewal.receive(message)
        updateHubCa(message, { identity, send: link.send, log })
        if (message.type === 'instances') follow(message)
        if (message.type === 'move' && inUse !== null) move([inUse])
        if (message.type === 'companion' && inUse !== null) companion.open(() => dialHub(inUse))
      },
      onClosed(reason) {
        links.delete(link)
        companion.close()
        if (instance === null) {
          if (live.size === 0 && doubtsIdentity(reason)) identity.doubt()
          if (isAboutTransport(reason)) choice.failed(transport)
          warn('the hub did not accept the link', wish, reason)
          return again()
        }
        // A newer link has replaced this one.
        if (live.get(instance) !== link) return
        live.delete(instance)
        indirect.delete(instance)
        moving.delete(instance)
        options.onChanged({ instance, connected: false, reason })
        // An agent that keeps replacing this one must not cause an immediate reconnect.
        if (clock.monotonic() - upSince >= STEADY_MS && reason !== 'replaced') failures.clear()
        if (!stopped.signal.aborted) warn('lost the link to the hub', instance, reason)
        tend()
      },
    })
    links.add(link)
  }

  function warn(what: string, id: Wish, reason: string, hint = nextStep(reason)): void {
    log.warn({ instance: id ?? 'unknown', reason, ...(hint && { hint }) }, what)
  }

  /** Applies a hub's list of the cluster. */
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

  /** Opens a second link to each hub, which lets the first one finish its streams. */
  function move(instances: Iterable<string>): void {
    for (const id of instances) moving.add(id)
    tend()
  }

  /** A better path to try: a preferred transport after a fallback, or the direct address of a hub; null: none is known. */
  function betterPath(): HubWish | null {
    const [first] = live.keys()
    if (first !== undefined && choice.fellBack) return { instance: first, onlyPreferred: true }
    const instance = [...indirect].find((id) => addresses.has(id))
    return instance === undefined ? null : { instance, direct: addresses.get(instance), onlyDirect: true }
  }

  /** Tries better paths periodically, and moves the links to those that work. */
  function watchPaths(): void {
    if (!betterPath()) returnWaitMs = returnMs
    else if (!returning && !stopped.signal.aborted) {
      const wait = returnWaitMs * (0.5 + Math.random() / 2)
      returnWaitMs = Math.min(returnWaitMs * 2, LONGEST_RETURN_MS)
      returning = setTimeout(() => void tryBetterPath(), wait)
      returning.unref()
    }
  }

  async function tryBetterPath(): Promise<void> {
    const path = betterPath()
    try {
      if (!path) return
      const connection = await dialer.dial(path, stopped.signal)
      const { instance } = path
      if (instance === null || !live.has(instance) || stopped.signal.aborted) {
        connection.socket.destroy()
        return
      }
      log.info({ instance, transport: connection.transport }, 'moving to a better path to the hub')
      open(connection, instance, () => {})
      if (path.onlyPreferred) move([...live.keys()].filter((id) => id !== instance))
    } catch (error) {
      log.debug({ error: messageOf(error) }, 'the better path to the hub still fails')
    } finally {
      returning = undefined
      watchPaths()
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
    send: (message) => live.forEach((link) => void link.send(message)),
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
