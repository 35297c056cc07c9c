import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'

export interface ConnectionInfo {
  /** Address of the client after PROXY protocol and trusted proxies, canonical text. */
  readonly clientIp: string
  readonly clientPort: number
  /** True when the TCP peer is one of `proxy.trusted_proxies`: its X-Forwarded-* count and its SNI does not. */
  readonly trustedProxy: boolean
  /** Server name of the ClientHello in lower case, or null. */
  readonly serverName: string | null
  /**
   * The client of one request, given its X-Forwarded-For: `clientIp` unless the peer is a trusted proxy, else
   * the last address that is no trusted proxy. Text that is no address ends the walk.
   */
  clientOf?(forwardedFor: string | undefined): string
  /** Set when a certificate has said who it is: cookies count nothing, and nothing but this app is reached. */
  readonly certified?: { readonly sessionId: string; readonly appId: string }
}

/** Takes streams that carry HTTP/1.1 of a person whom a certificate named, to one app. Provided by http-apps. */
export interface CertifiedHttp {
  accept(stream: Duplex, info: ConnectionInfo & Required<Pick<ConnectionInfo, 'certified'>>): void
}

/** What takes a connection on the public port. Contributed by protocol plugins. */
export type Protocol = AppHostProtocol | NamedProtocol

/** Takes browser connections (ALPN `http/1.1`, or none) to hosts below the apps' domain. */
export interface AppHostProtocol {
  readonly name: string
  readonly takes: 'app-hosts'
  accept(socket: TLSSocket, info: ConnectionInfo): void
  /**
   * One request, or one upgrade, to an app's host on a connection that may carry other hosts too (a trusted
   * proxy, or no SNI). Without them such requests get 421.
   */
  request?(request: IncomingMessage, response: ServerResponse, info: ConnectionInfo): void
  upgrade?(request: IncomingMessage, socket: Duplex, head: Buffer, info: ConnectionInfo): void
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
  /** Somebody showed no certificate of that authority, an expired one, or one for another purpose; already closed. */
  refused?(info: ConnectionInfo): void
  drain(signal: AbortSignal): Promise<void>
}
