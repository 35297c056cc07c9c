import type { ProxyLimits } from '../../api/proxy-limits.ts'
import type { PublicNames } from '../../api/web-routes.ts'
import type { LogFormat, LogLevel } from '../../log/program-log.ts'
import type { BrandConfig } from '../../pages/pages.ts'

/** An address to listen on or to connect to. */
export interface Address {
  /** Without brackets, also for IPv6. */
  readonly host: string
  readonly port: number
}

/** Absolute paths of PEM files. When the configuration was loaded, they matched and the key was private. */
export interface Keypair {
  readonly certFile: string
  readonly keyFile: string
}

/** The hub's configuration: checked, complete and frozen. The loaded plugins carry their own configuration. */
export interface HubConfig {
  /** Absolute path of the configuration file. */
  readonly file: string
  readonly clusterName: string
  /** Absolute path; may not exist yet. */
  readonly dataDir: string
  readonly shutdownGraceMs: number
  /** True: the hub starts only with an enforced audit sink. False: the configuration says `audit: none`. */
  readonly auditRequired: boolean
  /** `logoFile` is absolute, and was an image when the configuration was loaded. */
  readonly brand: BrandConfig
  readonly log: { readonly level: LogLevel; readonly format: LogFormat }
  /** `url` may hold a password: never log it. */
  readonly database: { readonly driver: 'embedded' } | { readonly driver: 'postgres'; readonly url: string }
  readonly proxy: {
    readonly listen: Address
    readonly publicAddr: Address
    /** Where the other hubs reach the public port; null to detect it at start-up. */
    readonly internalAddr: Address | null
    /** Processes that share the public port; with the embedded database 1. */
    readonly processes: number
    /** Plain HTTP that redirects to https; null if off. */
    readonly redirectListen: Address | null
    /** How long the port stays open after a signal to stop, while /readyz fails. */
    readonly shutdownDelayMs: number
    /** Null for certificates of a plugin, or a development certificate. */
    readonly httpsKeypair: Keypair | null
    /** Whether a development certificate is allowed here. */
    readonly developmentCertificate: boolean
    readonly appsDomain: string | null
    readonly appsKeypair: Keypair | null
    readonly appsOidcConnector: string | null
    readonly trustedProxies: readonly string[]
    readonly proxyProtocol: 'off' | 'required'
    readonly limits: ProxyLimits
  }
  /** Where people sign in, the WebAuthn RP ID: the hub's host or `login.<apps_domain>`. */
  readonly signInHost: string
  readonly publicNames: PublicNames
  /** `transports` is null for all transports of the plugins. */
  readonly tunnel: { readonly transports: readonly string[] | null; readonly streamsPerAgent: number }
  readonly sessions: { readonly streamStalenessMs: number }
  readonly diagnostics: { readonly listen: Address }
}
