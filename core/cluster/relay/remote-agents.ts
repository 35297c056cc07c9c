import type { Clock } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import type { AppFault, Registry } from '../cluster.ts'
import { awaitReturns } from './agent-returns.ts'
import { connectPeer, type PeerConnection, type PeerOptions } from './peer-connection.ts'
import { RelayedLink, type ReportedLink } from './relayed-link.ts'

const FIRST_RETRY_MS = 200
const LONGEST_RETRY_MS = 5_000

/** Another hub, and its links to agents. */
interface Peer {
  readonly id: string
  readonly links: Map<string, RelayedLink>
  /** Apps that it does not reach, by id and agent. */
  readonly faults: Map<string, AppFault>
  connection: PeerConnection | null
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
  /** Cuts the connections of hubs whose authority is no longer trusted. */
  recheck(trusts: (authority: string) => boolean): void
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
  const returns = awaitReturns()
  /** Versions and transports of thousands of agents are few. */
  const words = new Map<string, string>()
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
    drop(peer, false)
    peer.connection?.retire()
  }

  function connect(peer: Peer): void {
    const again = (): void => {
      if (peer.gone) return
      const waitMs = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(peer.failures, 10))
      peer.failures += 1
      peer.timer = setTimeout(() => connect(peer), waitMs * (0.5 + Math.random() / 2))
      peer.timer.unref()
    }
    connectPeer(
      peer.id,
      { ...options, stopped: stopping.signal },
      {
        ready(connection) {
          if (peer.gone) return connection.destroy()
          peer.connection = connection
          peer.failures = 0
          log.info({ hub: peer.id }, 'connected to another hub, which relays')
        },
        up: (link, connection) => up(peer, link, connection),
        down: (hostname) => down(peer, hostname),
        app(appId, hostname, fault) {
          if (fault) peer.faults.set(`${appId} ${hostname}`, fault)
          else peer.faults.delete(`${appId} ${hostname}`)
        },
        closed() {
          peer.connection = null
          drop(peer, true)
          again()
        },
      },
    ).catch((error: unknown) => {
      const level = peer.failures < 3 || peer.failures % 10 === 0 ? 'warn' : 'debug'
      if (!peer.gone) log[level]({ hub: peer.id, error: messageOf(error) }, 'cannot reach another hub yet')
      again()
    })
  }

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
    returns.back(hostname)
    if (news) changed(hostname, true)
  }

  function down(peer: Peer, hostname: string): void {
    const link = peer.links.get(hostname)
    if (link === undefined) return
    link.retired = true
    peer.links.delete(hostname)
    if (isKnown(hostname)) return
    returns.lost(hostname)
    changed(hostname, false)
  }

  /** `broken`: its connection broke, so that agents may return through it or another. */
  function drop(peer: Peer, broken: boolean): void {
    const links = [...peer.links.values()]
    peer.links.clear()
    peer.faults.clear()
    for (const link of links) {
      link.retired = true
      if (isKnown(link.hostname)) continue
      if (broken) returns.lost(link.hostname)
      changed(link.hostname, false)
    }
  }

  function isKnown(hostname: string): boolean {
    for (const { links } of peers.values()) if (links.has(hostname)) return true
    return false
  }

  registry.onChanged(tend)
  tend()

  return {
    ...reports(peers),
    returned: returns.of,
    recheck(trusts) {
      for (const { connection } of peers.values()) {
        if (connection && (connection.authority === null || !trusts(connection.authority)))
          connection.destroy()
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
