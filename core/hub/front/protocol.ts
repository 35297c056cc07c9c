import type { TLSSocket } from 'node:tls'

export interface ConnectionInfo {
  /** Address of the client after PROXY protocol and trusted proxies, canonical text. */
  readonly clientIp: string
  readonly clientPort: number
  /** True when the TCP peer is one of `proxy.trusted_proxies`: its X-Forwarded-* count and its SNI does not. */
  readonly trustedProxy: boolean
  /** Server name of the ClientHello in lower case, or null. */
  readonly serverName: string | null
}

/** What takes a connection on the public port. Contributed by protocol plugins. */
export type Protocol = AppHostProtocol | NamedProtocol

/** Takes browser connections (ALPN `http/1.1`, or none) to hosts below the apps' domain. */
export interface AppHostProtocol {
  readonly name: string
  readonly takes: 'app-hosts'
  accept(socket: TLSSocket, info: ConnectionInfo): void
  /** Stops keep-alive, lets what is under way end until the signal aborts. */
  drain(signal: AbortSignal): Promise<void>
}

/** Takes connections with an ALPN name of its own and a client certificate of the given authority. */
export interface NamedProtocol {
  readonly name: string
  readonly takes: 'alpn'
  readonly alpn: string
  readonly clientAuthority: 'user-ca' | 'agent-ca' | null
  accept(socket: TLSSocket, info: ConnectionInfo): void
  drain(signal: AbortSignal): Promise<void>
}
