import { type Clock, isMezError, type LinkChanged, messageOf } from '@mezite/core/agent'
import { createRenewal } from './certificate-renewal.ts'
import { learnHubCa } from './hub-ca-update.ts'
import { type Called, type CallOptions, callHub } from './hub-dialer.ts'
import { type HubLink, type Message, openHubLink } from './hub-link.ts'
import { doubtsIdentity, nextStep } from './refusals.ts'
import type { Dial } from './stream-handler.ts'

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
/** A link that ends sooner counts as a try that failed: two agents of one identity would cut each other all the time. */
const STEADY_MS = 1_000
/** By then each hub has seen that the link to it is a new one. */
const MOVED_MS = 1_000
/** More hubs than a cluster has. */
const MOST_HUBS = 64

/** Keeps a link to each hub of the cluster, for ever. */
export interface LinkKeeper {
  /** There is a link to one hub at least. */
  readonly connected: boolean
  /** No new links and streams; resolves when the streams under way have ended. */
  drain(): Promise<void>
  close(): void
}

/** A link that is being made: to the hub of this id, or to any (null). */
type Wish = string | null

/**
 * Starts to connect: first to whichever hub answers, then to all those that it says live. All that fails is tried again,
 * with exponential backoff and full jitter.
 */
export function keepLinks(
  options: CallOptions & {
    readonly dial: Dial
    readonly version: string
    readonly heartbeatMs?: number
    readonly onChanged: (event: LinkChanged) => void
    /** The certificate is gone and the token does not help. Tries go on all the same. */
    readonly onFatal: (error: unknown) => void
    readonly clock: Clock
  },
): LinkKeeper {
  const { identity, clock, log } = options
  const stopped = new AbortController()
  const links = new Set<HubLink>()
  /** By the hub's id: the newest link to it. */
  const live = new Map<string, HubLink>()
  /** The hubs that live, as a hub has said last. */
  let hubs: readonly string[] = []
  /** Hubs to which a second link takes over. */
  const moving = new Set<string>()
  const tries = new Map<Wish, { timer?: NodeJS.Timeout }>()
  const failures = new Map<Wish, number>()
  let started = false

  /** Begins the tries that are due, and ends those that are not. */
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
      callHub(options, wish, stopped.signal).then(
        (called) => (wanted() ? open(called, wish, again) : void called.socket.destroy()),
        (error: unknown) => {
          if (!wanted()) return
          const attempts = failures.get(wish) ?? 0
          const loud = attempts < 3 || attempts % 10 === 0
          const which = wish === null ? {} : { instance: wish }
          if (FATAL.some((code) => isMezError(error, code))) options.onFatal(error)
          else
            log[loud ? 'warn' : 'debug'](
              { ...which, error: messageOf(error) },
              'the hub is not reachable yet',
            )
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

  function open({ socket, certificate, transport }: Called, wish: Wish, again: () => void): void {
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
      },
      onMessage(message) {
        // What a link says that another one has taken over from is no news.
        const inUse = instance !== null && live.get(instance) === link ? instance : null
        if (message.type === 'renew_now' && identity.current?.certificate !== certificate) {
          // It has been renewed already, and the link is yet to be replaced.
          if (inUse !== null) move([inUse])
          return
        }
        renewal.told(message)
        learnHubCa(message, { identity, send: link.send, log })
        if (message.type === 'instances') follow(message)
        if (message.type === 'move' && inUse !== null) move([inUse])
      },
      onClosed(reason) {
        links.delete(link)
        if (instance === null) {
          if (live.size === 0 && doubtsIdentity(reason)) identity.doubt()
          warn('no link to the hub', wish, reason)
          return again()
        }
        // One that a newer link has taken over from may go quietly.
        if (live.get(instance) !== link) return
        live.delete(instance)
        moving.delete(instance)
        options.onChanged({ instance, connected: false, reason })
        // One that takes the hub from this agent again and again would find it back at once.
        if (clock.monotonic() - upSince >= STEADY_MS && reason !== 'replaced') failures.clear()
        // What this agent ends itself is nothing to warn of.
        if (!stopped.signal.aborted) warn('lost the hub', instance, reason)
        tend()
      },
    })
    links.add(link)
  }

  function warn(what: string, id: Wish, reason: string): void {
    const hint = nextStep(reason)
    log.warn({ instance: id ?? 'unknown', reason, ...(hint && { hint }) }, what)
  }

  /** What a hub says of the cluster. */
  function follow({ instances }: Message): void {
    if (Array.isArray(instances)) hubs = instances.map(String).slice(0, MOST_HUBS)
    tend()
  }

  /** A second link to each; the hub lets the first one finish what it carries. */
  function move(instances: Iterable<string>): void {
    for (const id of instances) moving.add(id)
    tend()
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
    for (const { timer } of tries.values()) clearTimeout(timer)
    renewal.stop()
  }
  tend()
  return {
    get connected() {
      return live.size > 0
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
