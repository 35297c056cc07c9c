/** A registered application. Frozen; a change makes a new object. */
export interface App {
  /** UUID. An app that is removed and registered again under its old name has another one. */
  readonly id: string
  /** Unique, lower case. */
  readonly name: string
  readonly description: string | null
  readonly labels: Readonly<Record<string, string>>
  /** What the agent dials, byte for byte as registered: `http:`, `https:` or `tcp:`. */
  readonly uri: string
  readonly protocol: 'http' | 'tcp'
  /** The host name of the app towards browsers, lower case. */
  readonly publicAddr: string
  /** Host names of the agents that may serve it. */
  readonly agents: readonly string[]
  readonly enabled: boolean
  readonly tls: {
    readonly verify: boolean
    readonly serverName: string | null
    readonly ca: string | null
  }
  /** `preserve`, `upstream` or a host name. */
  readonly rewriteHost: string
  /** Other origins that may send non-safe requests, open WebSockets or preflight. */
  readonly origins: readonly string[]
  readonly timeouts: {
    readonly connectMs: number
    readonly responseMs: number
    readonly idleMs: number
  }
  /** Milliseconds since the epoch, or null: never. */
  readonly expires: number | null
}
