import type { PluginStatus } from '../kernel/kernel.ts'
import type { PartStatus } from '../kernel/parts.ts'
import { serviceRef } from '../kernel/reference.ts'
import type { App } from './app.ts'
import type { CertificateState } from './certificates.ts'
import type { Session } from './sessions.ts'
import type { AppState, Link } from './tunnel.ts'

/** The queue of one audit sink. */
export interface SinkState {
  readonly name: string
  /** Events that wait. */
  readonly queued: number
  /** Events that it never received. */
  readonly dropped: number
  /** Batches that it rejected. */
  readonly failures: number
}

/** The last known state of a job on any hub. */
export interface JobState {
  readonly name: string
  readonly running: boolean
  /** The hub that runs it, or that ran it last. */
  readonly hub: string | null
  readonly finished: Date | null
  readonly result: string | null
  /** Runs that failed since the last one that succeeded. */
  readonly failures: number
  readonly next: Date | null
}

/** One row of `mezctl status --plugins`. */
export interface PluginRow extends PluginStatus {
  /** The file that the hub has loaded. */
  readonly source: string | null
  /**
   * The rights that the plugin has by what it needs, provides and taps. They say what to look at in its code: a plugin
   * runs in the process of the hub and could do more.
   */
  readonly rights: readonly string[]
  /** What its package.json says under `mezite`; null: nothing, or nothing that can be read. */
  readonly declared: {
    readonly status: 'stable' | 'beta' | 'experimental' | null
    /** Whether it reads bytes of people and programs that nobody has identified, and whether a fuzz sends it such bytes. */
    readonly readsStrangers: boolean | null
    readonly fuzzed: boolean | null
    /** The only rights that it may have: the hub does not start with a plugin that has another. */
    readonly rights: readonly string[] | null
  }
}

/**
 * What this hub knows of itself and of its cluster, for plugins that report it: metrics, `mezctl status`, what needs
 * attention. It opens and changes nothing, so it gives a plugin no right. Read it after `setup`.
 */
export interface HubState {
  /** Id of this hub, new with each start. */
  readonly id: string
  readonly version: string
  /** The live hubs of the cluster, oldest first, with this one. */
  hubs(): Promise<readonly { readonly id: string; readonly version: string; readonly since: Date }[]>
  /** By how much this hub's clock is ahead of the database's, in milliseconds; 0 with an embedded database. */
  readonly clockAheadMs: number
  /** Number of the last change of access data that this hub has applied. */
  readonly sequence: number
  /** `Revisions.ageMs` and `Revisions.fresh`. */
  readonly viewAgeMs: number
  readonly fresh: boolean
  /** The database is embedded, so there is no other hub. */
  readonly alone: boolean
  /** Connections on the public port. */
  readonly connections: number
  /** Connections to PostgreSQL by state. */
  databaseConnections(): Readonly<Record<string, number>>
  /** `Tunnel.links`, `Tunnel.stateOf` and `Tunnel.lastError`. */
  links(): readonly Link[]
  stateOf(app: App): AppState
  lastError(app: App, hostname: string): string | null
  /** Live sessions of the cluster by kind. */
  sessionsByKind(): Readonly<Record<string, number>>
  /** Whether the person has met a requirement in the session that counts as a second factor. */
  confirmed(session: Pick<Session, 'satisfied'>): boolean
  /** Live streams to apps on this hub by protocol. */
  streamsByProtocol(): Readonly<Record<string, number>>
  /** Live streams that were cut because access ended, since the start. */
  readonly revokedStreams: number
  readonly sinks: readonly SinkState[]
  /** Certificates that the hub serves or waits for. */
  certificates(): readonly CertificateState[]
  /** Whether browsers get a certificate for a host that the hub serves; `error` says why not. */
  certificateOf(host: string): {
    readonly state: 'valid' | 'ordering' | 'failing'
    readonly error: string | null
  }
  /** The certificates of the hub's own authorities, by the name of the authority. */
  authorities(): readonly { readonly subject: string; readonly expires: number }[]
  /** True if the hub's own host has a development certificate, whose expiry concerns nobody. */
  readonly development: boolean
  /** The agents that may connect, by host name. */
  agents(): readonly { readonly hostname: string; readonly locked: boolean }[]
  /** All jobs, as of at most a minute ago. */
  jobs(): readonly JobState[]
  /** Reads the jobs now. */
  readJobs(): Promise<readonly JobState[]>
  /** The loaded plugins in the order of their setup. */
  plugins(): readonly PluginRow[]
  /** The hub's own parts in the order of their start. */
  parts(): readonly PartStatus[]
  /**
   * With `proxy.processes`, any of the processes gets a request. Offers a value that JSON can carry to the others under
   * this topic, and returns how to read theirs: those that fail or take longer than 2 s are missing. Call it in `setup`.
   */
  share(topic: string, contribute: () => unknown): () => Promise<readonly unknown[]>
}

/** What this hub knows of itself and of its cluster. */
export const hubState = serviceRef<HubState>('hubState')
