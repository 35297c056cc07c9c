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
