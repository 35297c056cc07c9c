import { type Clock, isMezError, type LinkChanged, type Log, messageOf } from '@mezite/core/agent'
import type { AgentIdentity } from './agent-identity.ts'
import { createRenewal } from './certificate-renewal.ts'
import { createCompanion } from './companion.ts'
import { createDialAttempts, type Wish } from './dial-attempts.ts'
import { updateHubCa } from './hub-ca-update.ts'
import type { HubConnection, HubDialer } from './hub-dialer.ts'
import { type HubLink, type Message, openHubLink } from './hub-link.ts'
import { HubList } from './hub-list.ts'
import { createPathWatch } from './path-watch.ts'
import { doubtsIdentity, isAboutTransport, isFatal, nextStep } from './refusals.ts'
import type { Dial } from './stream-handler.ts'
import type { TransportChoice } from './transport-choice.ts'

/**
 * A link that ends sooner counts as a failed attempt: two agents with one identity would otherwise keep cutting each
 * other.
 */
const STEADY_MS = 1_000
/** By then each hub knows that its link is new. */
const MOVED_MS = 1_000

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

/** Starts connecting: first to any hub, then to all hubs that it lists. */
export function superviseLinks(options: LinkSupervisorOptions): LinkSupervisor {
  const { identity, dialer, choice, clock, log } = options
  const { dial, version, heartbeatMs } = options
  const serving = { dial, version, clock, log, ...(heartbeatMs === undefined ? {} : { heartbeatMs }) }
  const stopped = new AbortController()
  const links = new Set<HubLink>()
  /** The newest link to each hub, by the hub's id. */
  const live = new Map<string, HubLink>()
  const hubs = new HubList()
  /** Hubs whose link is being replaced by a second one. */
  const moving = new Set<string>()
  const { signal } = stopped
  const attempts = createDialAttempts({ dial: dialHub, opened: open, failed: report, signal })
  const paths = createPathWatch({
    ...options,
    hubs,
    live,
    signal,
    found(connection, { instance, onlyPreferred }) {
      open(connection, instance, () => {})
      if (onlyPreferred) move([...live.keys()].filter((id) => id !== instance))
    },
  })

  function tend(): void {
    if (signal.aborted) return
    attempts.tend(live.size === 0 ? [null] : [...hubs.ids.filter((id) => !live.has(id)), ...moving])
  }

  function dialHub(wish: Wish): Promise<HubConnection> {
    const direct = wish === null ? undefined : hubs.addressOf(wish)
    return dialer.dial({ instance: wish, direct }, signal)
  }

  function report(error: unknown, wish: Wish, before: number): void {
    if (live.size === 0 && isMezError(error, 'MEZ_CARRIER_REFUSED')) identity.doubt()
    const loud = before < 3 || before % 10 === 0
    const which = wish === null ? {} : { instance: wish }
    if (isFatal(error)) options.onFatal(error)
    else log[loud ? 'warn' : 'debug']({ ...which, error: messageOf(error) }, 'cannot reach the hub yet')
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
        attempts.end(wish)
        live.set(instance, link)
        if (moving.delete(instance) && moving.size === 0) {
          setTimeout(() => link.send({ type: 'moved' }), MOVED_MS).unref()
        }
        log.info({ instance, transport }, 'connected to the hub')
        options.onChanged({ instance, connected: true, reason: null })
        for (const message of options.opening?.() ?? []) link.send(message)
        renewal.check()
        follow(greeting)
        paths.up(instance, connection.indirect)
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
        paths.down(instance)
        moving.delete(instance)
        options.onChanged({ instance, connected: false, reason })
        // An agent that keeps replacing this one must not cause an immediate reconnect.
        if (clock.monotonic() - upSince >= STEADY_MS && reason !== 'replaced') attempts.forgive()
        if (!signal.aborted) warn('lost the link to the hub', instance, reason)
        tend()
      },
    })
    links.add(link)
  }

  function warn(what: string, id: Wish, reason: string, hint = nextStep(reason)): void {
    log.warn({ instance: id ?? 'unknown', reason, ...(hint && { hint }) }, what)
  }

  /** Applies a hub's list of the cluster. */
  function follow(message: Message): void {
    hubs.read(message)
    tend()
  }

  /** Opens a second link to each hub, which lets the first one finish its streams. */
  function move(instances: Iterable<string>): void {
    for (const id of instances) moving.add(id)
    tend()
  }

  const renewal = createRenewal({
    ...options,
    send: () => [...live.values()][0]?.send ?? null,
    onRenewed: () => move(live.keys()),
  })
  const stop = (): void => {
    stopped.abort()
    paths.stop()
    attempts.stop()
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
