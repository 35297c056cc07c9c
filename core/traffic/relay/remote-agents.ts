import type { Clock } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import type { Registry } from '../../state/hubs/live-hubs.ts'
import { RelayedLink, type ReportedLink } from '../tunnel/relayed-link.ts'
import { ReturningAgents } from '../tunnel/returning-agents.ts'
import type { AppFault } from '../tunnel/serving-links.ts'
import { connectPeer, type PeerConnection, type PeerEvents, type PeerOptions } from './peer-connection.ts'

const FIRST_RETRY_MS = 200
const LONGEST_RETRY_MS = 5_000

/** Another hub, and its links to agents. */
interface Peer {
  readonly id: string
  readonly links: Map<string, RelayedLink>
  /** Apps that it does not reach, by id and agent. */
  readonly faults: Map<string, AppFault>
  /** Reports the links, and gets new streams once it has reported them all. */
  connection: PeerConnection | null
  /** Those that it replaces: their streams end first. */
  readonly replaced: Set<PeerConnection>
  connecting: boolean
  failures: number
  timer: NodeJS.Timeout | undefined
  /** It is no longer reachable, or this hub stops. */
  gone: boolean
}

/** The agents that other hubs have links to. */
export interface RemoteAgents {
  /** The best link of another hub to the agent: usable, with the least streams of this hub. */
  get(hostname: string): RelayedLink | undefined
  /** Whether that hub has a link to the agent. */
  has(hub: string, hostname: string): boolean
  /** Host names, each once. */
  hostnames(): ReadonlySet<string>
  /** Resolves to true when another hub reports a link to one of these agents that was lost within the last 3 s; else false. */
  returned(hostnames: readonly string[]): Promise<boolean>
  /** See `ServingLinks.faultOf`. */
  faultOf(appId: string, hostname: string): AppFault | null
  /** Cuts connections whose certificates are no longer trusted, and replaces those with certificates of an earlier key. */
  recheck(): void
  close(): void
}

/**
 * Keeps a connection to each other hub while agents have links to some of the hubs only, and afterwards for as long as that
 * hub is reachable. `changed` is called when the first hub gets a link to an agent, and when the last one loses it.
 */
export function createRemoteAgents(
  options: Omit<PeerOptions, 'stopped'> & {
    readonly registry: Pick<Registry, 'reachable' | 'relays' | 'onChanged'>
    readonly changed: (hostname: string, connected: boolean) => void
    readonly clock: Clock
    readonly log: Log
  },
): RemoteAgents {
  const { registry, instanceId, changed, log } = options
  const peers = new Map<string, Peer>()
  const returns = new ReturningAgents()
  const { up, down, drop } = linksOf(peers, returns, changed)
  const stopping = new AbortController()

  function tend(): void {
    for (const peer of [...peers.values()]) if (!registry.reachable.has(peer.id)) leave(peer)
    if (!registry.relays || stopping.signal.aborted) return
    for (const id of registry.reachable.keys()) {
      if (id === instanceId || peers.has(id)) continue
      const peer: Peer = {
        id,
        links: new Map(),
        faults: new Map(),
        connection: null,
        replaced: new Set(),
        connecting: false,
        failures: 0,
        timer: undefined,
        gone: false,
      }
      peers.set(id, peer)
      connect(peer)
    }
  }

  function leave(peer: Peer): void {
    peer.gone = true
    clearTimeout(peer.timer)
    peers.delete(peer.id)
    drop(peer, [...peer.links.values()], false)
    for (const connection of connectionsOf(peer)) connection.retire()
  }

  function again(peer: Peer): void {
    if (peer.gone || peer.connecting || peer.timer !== undefined) return
    const waitMs = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(peer.failures, 10))
    peer.failures += 1
    peer.timer = setTimeout(() => connect(peer), waitMs * (0.5 + Math.random() / 2))
    peer.timer.unref()
  }

  function connect(peer: Peer): void {
    clearTimeout(peer.timer)
    peer.timer = undefined
    peer.connecting = true
    connectPeer(peer.id, { ...options, stopped: stopping.signal }, eventsOf(peer)).catch((error: unknown) => {
      peer.connecting = false
      const level = peer.failures < 3 || peer.failures % 10 === 0 ? 'warn' : 'debug'
      if (!peer.gone) log[level]({ hub: peer.id, error: messageOf(error) }, 'cannot reach another hub yet')
      again(peer)
    })
  }

  /** What happens to one connection. */
  function eventsOf(peer: Peer): PeerEvents {
    let own: PeerConnection | null = null
    const isCurrent = (): boolean => own !== null && own === peer.connection
    return {
      ready(connection) {
        // A rotation may have ended since the handshake.
        if (peer.gone || !isTrusted(connection)) return connection.destroy()
        own = connection
        const newest = isNewest(connection)
        if (!peer.connection) log.info({ hub: peer.id }, 'connected to another hub, which relays')
        else {
          peer.replaced.add(peer.connection)
          if (newest)
            log.info({ hub: peer.id }, 'connected to another hub again, with the new key of the hub CA')
        }
        peer.connection = connection
        peer.connecting = false
        peer.faults.clear()
        // The other hub may not have switched to the new key yet.
        if (newest) peer.failures = 0
        else again(peer)
      },
      up: (link) => void (isCurrent() && up(peer, link, peer.connection!)),
      down(hostname) {
        const link = peer.links.get(hostname)
        if (link?.isOver(own)) down(peer, link)
      },
      app(appId, hostname, fault) {
        if (!isCurrent()) return
        if (fault) peer.faults.set(`${appId} ${hostname}`, fault)
        else peer.faults.delete(`${appId} ${hostname}`)
      },
      listed() {
        if (!isCurrent()) return
        for (const link of [...peer.links.values()]) if (!link.isOver(own)) down(peer, link)
        for (const connection of peer.replaced) connection.retire()
      },
      closed() {
        if (own === null) peer.connecting = false
        else peer.replaced.delete(own)
        if (isCurrent()) peer.connection = null
        const links = [...peer.links.values()].filter((link) => link.isOver(own))
        drop(peer, links, true)
        if (peer.connection === null) peer.faults.clear()
        if (own === null || peer.connection === null) again(peer)
      },
    }
  }

  const isTrusted = ({ authorities }: PeerConnection): boolean => {
    const trusted = options.authorities.keys('hub-ca').map(({ id }) => id)
    return authorities.every((id) => id !== null && trusted.includes(id))
  }

  const isNewest = ({ authorities }: PeerConnection): boolean => {
    const active = options.authorities.keys('hub-ca').find(({ state }) => state === 'active')
    return authorities.every((id) => id === active?.id)
  }

  registry.onChanged(tend)
  tend()

  return {
    ...reports(peers),
    returned: (hostnames) => returns.of(hostnames),
    recheck() {
      for (const peer of peers.values()) {
        for (const connection of connectionsOf(peer)) if (!isTrusted(connection)) connection.destroy()
        const { connection } = peer
        if (connection?.usable && !isNewest(connection) && !peer.connecting) connect(peer)
      }
    },
    close() {
      for (const peer of peers.values()) {
        peer.gone = true
        clearTimeout(peer.timer)
      }
      stopping.abort()
    },
  }
}

/** What becomes of the links of the other hubs; `changed` as for `createRemoteAgents`. */
function linksOf(
  peers: ReadonlyMap<string, Peer>,
  returns: ReturningAgents,
  changed: (hostname: string, connected: boolean) => void,
) {
  /** Versions and transports of thousands of agents are few. */
  const words = new Map<string, string>()

  const word = (text: string): string => {
    const known = words.get(text)
    if (known !== undefined) return known
    if (words.size > 1_000) words.clear()
    words.set(text, text)
    return text
  }

  function up(peer: Peer, { hostname, version, transport, since }: ReportedLink, to: PeerConnection): void {
    if (peer.gone) return
    const news = !isKnown(hostname)
    const before = peer.links.get(hostname)
    if (before) before.retired = true
    const link = { hostname, version: word(version), transport: word(transport), since }
    peer.links.set(hostname, new RelayedLink(to, link))
    returns.returned(hostname)
    if (news) changed(hostname, true)
  }

  function down(peer: Peer, link: RelayedLink): void {
    const { hostname } = link
    link.retired = true
    peer.links.delete(hostname)
    if (isKnown(hostname)) return
    returns.expect(hostname)
    changed(hostname, false)
  }

  /** `broken`: their connection broke, so that agents may return through it or another. */
  function drop(peer: Peer, links: readonly RelayedLink[], broken: boolean): void {
    for (const { hostname } of links) peer.links.delete(hostname)
    for (const link of links) {
      link.retired = true
      if (isKnown(link.hostname)) continue
      if (broken) returns.expect(link.hostname)
      changed(link.hostname, false)
    }
  }

  function isKnown(hostname: string): boolean {
    for (const { links } of peers.values()) if (links.has(hostname)) return true
    return false
  }

  return { up, down, drop }
}

const connectionsOf = ({ connection, replaced }: Peer): readonly PeerConnection[] =>
  connection ? [connection, ...replaced] : [...replaced]

/** What the other hubs have reported. */
function reports(
  peers: ReadonlyMap<string, Peer>,
): Pick<RemoteAgents, 'get' | 'has' | 'hostnames' | 'faultOf'> {
  return {
    get(hostname) {
      let best: RelayedLink | undefined
      for (const { links } of peers.values()) {
        const link = links.get(hostname)
        if (!link?.usable) continue
        if (!best || link.load < best.load || (link.load === best.load && link.turn < best.turn)) best = link
      }
      return best
    },
    has: (hub, hostname) => peers.get(hub)?.links.get(hostname)?.usable === true,
    hostnames() {
      const all = new Set<string>()
      for (const { links } of peers.values()) for (const hostname of links.keys()) all.add(hostname)
      return all
    },
    faultOf(appId, hostname) {
      let fault: AppFault | null = null
      for (const { links, faults } of peers.values()) {
        if (!links.get(hostname)?.usable) continue
        fault = faults.get(`${appId} ${hostname}`) ?? null
        if (fault === null) return null
      }
      return fault
    },
  }
}
