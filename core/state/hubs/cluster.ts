import type { Duplex } from 'node:stream'
import type { Address } from '../../api/address.ts'
import type { ConnectionInfo } from '../../api/protocol.ts'
import type { Sessions } from '../../api/sessions.ts'
import type { LiveLinks } from '../../traffic/tunnel/link-registry.ts'
import type { ServingLink } from '../../traffic/tunnel/tunnel-dialer.ts'
import type { ProxyResult, ProxySource } from '../../wire/proxy-protocol.ts'

export interface LiveHub {
  readonly id: string
  readonly version: string
  /** When it started, by the database's clock. */
  readonly since: Date
  /** The last change after which it has re-checked its live streams. */
  readonly applied: number
  /** `host:port` where the other hubs reach its public port; null: it is starting or stopping and accepts no links. */
  readonly address: string | null
}

/** The hubs of the cluster. */
export interface Registry {
  /** The live hubs, oldest first. Always includes this one. */
  list(): Promise<readonly LiveHub[]>
  /** The addresses of the hubs that accept links, by hub id, as of the last heartbeat. */
  readonly reachable: ReadonlyMap<string, string>
  /** Those that the agent keeps links to: all, or with more than 4 a choice. All hubs choose alike. */
  hubsOf(hostname: string): ReadonlyMap<string, string>
  /** Whether agents keep links to some of the hubs only, so that the hubs relay. */
  readonly relays: boolean
  /**
   * Whether a live hub is of an older version, which reads new sessions only from the log of changes. True until the other
   * hubs are known.
   */
  readonly olderHubs: boolean
  /** How many milliseconds this hub's clock is ahead of the database's, as of the last heartbeat; 0 when it is alone. */
  readonly clockAheadMs: number
  /** Called when `reachable` changes. */
  onChanged(listener: () => void): void
  /** Publishes the address where the other hubs reach this one; null: they no longer can. */
  announce(at: string | null): Promise<void>
  /** Reports at once that this hub has re-checked its live streams after change `n`, and how many it cut. */
  report(cut: { readonly after: number; readonly n: number; readonly streams: number }): Promise<void>
  /** Call it after the migrations. */
  start(): Promise<void>
  stop(): Promise<void>
}

/** Where a connection comes from, and the hub that forwarded it. */
export interface PeerSource extends ProxySource {
  readonly via: string
  /** Name of the transport of the connection; missing when the other hub runs an older version. */
  readonly transport?: string
}

export type PeerResult =
  | Exclude<ProxyResult, { readonly kind: 'header' }>
  | { readonly kind: 'header'; readonly length: number; readonly source: PeerSource }

/** The other hubs of the cluster. This hub forwards the connections of agents that ask for one of them. */
export interface Peers {
  /** Id of this hub. */
  readonly self: string
  /** Where the hub is reached; null: it accepts no links, or is unknown. */
  addressOf(id: string): Address | null
  /** The line to send ahead of the bytes of a connection. Only the hub `to` accepts it. */
  header(to: string, source: Omit<PeerSource, 'via'>): Buffer
  /** True when the bytes may be the start of a header; `read` decides. */
  isHeader(bytes: Buffer): boolean
  /** Reads the header of another hub. Never throws. */
  read(bytes: Buffer): PeerResult
}

/** The links through which this hub reaches agents: its own ones first, and those of hubs that relay. */
export interface ServingLinks extends Pick<LiveLinks, 'returned'> {
  get(hostname: string): ServingLink | undefined
  /** One link for each connected agent. */
  list(): readonly ServingLink[]
  /** Why the hubs with a link to an agent do not reach an app through it; null: one does, or none has said. */
  readonly faultOf?: (appId: string, hostname: string) => AppFault | null
}

/** Why an agent does not reach an app. */
export interface AppFault {
  readonly reason: string
  readonly error: string
}

/** By app id and agent, as `ID AGENT`. */
export type AppFaults = ReadonlyMap<string, AppFault>

/** What hubs relay for each other when agents have links to some of them only. */
export interface AgentRelay {
  readonly serving: ServingLinks
  /** Whether another hub, or the given one, relays to the agent. */
  has(hostname: string, hub?: string): boolean
  /** Takes a connection of another hub, ClientHello still in it; calls `secured` after the handshake. */
  accept(raw: Duplex, info: Pick<ConnectionInfo, 'via'>, secured: () => void): void
  /** Relays no new streams; resolves when the open ones have ended, or the signal aborts. */
  drain(signal: AbortSignal): Promise<void>
  close(): void
}

/** Reports how sessions are used on every hub of the cluster. */
export interface Activity {
  /** See `Sessions.activityOf`. */
  readonly of: Sessions['activityOf']
}

export interface RunningActivity extends Activity {
  /** Call it after the registry has started: counts are valid only while their hub is live. Returns the stop function. */
  start(): () => Promise<void>
}
