import type { IdentityValue } from './identity-value.ts'
import type { PublicNames } from './web-routes.ts'

/** Header lines that an app's document removes and then sets; names are in lower case. */
export interface HeaderChange {
  readonly set: Readonly<Record<string, string>>
  readonly remove: readonly string[]
}

/** HTTP version towards an app: `h2` over TLS, `h2c` without TLS, `auto` as negotiated by TLS, or by the request. */
export type HttpVersion = '1.1' | 'h2' | 'h2c' | 'auto'

/** How the launcher shows an app. Null members have a default: the app's own name and description, initials, no group. */
export interface AppDisplay {
  readonly name: string | null
  readonly description: string | null
  /** Name of a preset, or a `data:` URL of an image. */
  readonly icon: string | null
  readonly group: string | null
}

/** A registered application. Frozen; a change creates a new object. */
export interface App {
  /** UUID. An app that is removed and registered again under its old name gets a new one. */
  readonly id: string
  /** Unique, lower case. */
  readonly name: string
  readonly description: string | null
  /** Absent if the document does not say anything about it. */
  readonly display?: AppDisplay
  readonly labels: Readonly<Record<string, string>>
  /**
   * The URI that the agent dials, byte for byte as registered; `none`: no agent reaches it, because a proxy of its operator serves
   * it and asks the hub about each request (`appVerdicts`).
   */
  readonly uri: string
  /** Name of its kind: `http`, `tcp`, or one that a plugin contributes to `appKinds`. */
  readonly protocol: string
  /** The host name of the app towards browsers, lower case. */
  readonly publicAddr: string
  /** Its other hosts, lower case: names, and wildcards such as `*.preview.apps.example.com`, which cover one label. */
  readonly aliases?: readonly string[]
  /** Names of apps that its pages call: a launch opens their sessions too. */
  readonly requiredApps?: readonly string[]
  /** Host names of the agents that may serve it. */
  readonly agents: readonly string[]
  readonly enabled: boolean
  /** The only connector whose sign-ins may open it; absent: that of all apps. See `connectorOf`. */
  readonly connector?: string
  readonly tls: {
    readonly verify: boolean
    readonly serverName: string | null
    readonly ca: string | null
  }
  /** `preserve`, `upstream` or a host name. */
  readonly rewriteHost: string
  readonly httpVersion: HttpVersion
  /** Headers that carry the verified identity in addition to the hub's own. Spelled as in the document. */
  readonly identityHeaders: Readonly<Record<string, IdentityValue>>
  /** Constant header lines towards the app and towards the browser. */
  readonly headers: {
    readonly request: HeaderChange & {
      /** Lower-case names of lines that clients may send although applications often trust them (`headerOwner` is `operator`). */
      readonly pass?: readonly string[]
      /** Names of lines whose value is secret; `Catalog.secretHeaders` has the values. Spelled as in the document. */
      readonly secret?: readonly string[]
    }
    readonly response: HeaderChange
  }
  /** Other origins that may send non-safe requests, open WebSockets or preflight. */
  readonly origins: readonly string[]
  readonly timeouts: {
    readonly connectMs: number
    readonly responseMs: number
    readonly idleMs: number
  }
  /** How agents check that the app works. Absent: they only connect. */
  readonly health?: {
    /** Path and query of a GET request. */
    readonly path: string
    readonly intervalMs: number
  }
  /** Configuration of plugins for this app, by their names, as written. A plugin reads its own with `use.appConfig`. */
  readonly plugins?: Readonly<Record<string, unknown>>
  /** Milliseconds since the epoch, or null: never. */
  readonly expires: number | null
}

/** Whether the hub carries the requests to this app; otherwise it only decides about them. */
export const isCarried = ({ uri }: Pick<App, 'uri'>): boolean => uri !== 'none'

/** The connector through which people must sign in to open this app, or an unknown one; null: any. */
export const connectorOf = (
  app: Pick<App, 'connector'> | undefined,
  names: Pick<PublicNames, 'appsOidcConnector'>,
): string | null => app?.connector ?? names.appsOidcConnector
