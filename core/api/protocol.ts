import type { IncomingMessage, ServerResponse } from 'node:http'
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { serviceRef, slotRef } from '../kernel/reference.ts'

/** What the front knows of a connection when it hands it on. */
export interface ConnectionInfo {
  /** Address of the client after PROXY protocol and trusted proxies, canonical text. */
  readonly clientIp: string
  readonly clientPort: number
  /** True when the TCP peer is one of `proxy.trusted_proxies`: its X-Forwarded-* count and its SNI does not. */
  readonly trustedProxy: boolean
  /** Server name of the ClientHello in lower case, or null. */
  readonly serverName: string | null
  /** Id of the hub that handed the connection on. */
  readonly via?: string
  /** Name of the transport that brought the connection of an agent. */
  readonly transport?: string
  /**
   * The client of one request, given its X-Forwarded-For: `clientIp` unless the peer is a trusted proxy, else
   * the last address that is no trusted proxy. Text that is no address ends the walk.
   */
  clientOf?(forwardedFor: string | undefined): string
  /** Set when a certificate has said who it is: cookies count nothing, and nothing but this app is reached. */
  readonly certified?: { readonly sessionId: string; readonly appId: string }
}

/** One request of a browser over HTTP/2. */
export interface StreamRequest {
  readonly stream: ServerHttp2Stream
  /** Name and value in turn as they came, pseudo-header fields among them. */
  readonly rawHeaders: readonly string[]
  /** The same as Node.js joins them. */
  readonly headers: IncomingHttpHeaders
  /** No body follows. */
  readonly ended: boolean
  /** What it shares with other requests. */
  readonly socket: TLSSocket
  /** To be told of each piece of the body that is read: what nobody reads counts as a flood of frames. */
  took(bytes: number): void
}

/** Takes streams that carry HTTP/1.1 of a person whom a certificate named, to one app. Provided by http-apps. */
export interface CertifiedHttp {
  accept(stream: Duplex, info: ConnectionInfo & Required<Pick<ConnectionInfo, 'certified'>>): void
}

/** What takes a connection on the public port. Contributed by protocol plugins. */
export type Protocol = AppHostProtocol | NamedProtocol

/** Takes browser connections to hosts below the apps' domain. */
export interface AppHostProtocol {
  readonly name: string
  readonly takes: 'app-hosts'
  /** A connection that speaks HTTP/1.1 (ALPN `http/1.1`, or none). */
  accept(socket: TLSSocket, info: ConnectionInfo): void
  /** One request over HTTP/2; the connection is the front's. Without it such requests get 421. */
  stream?(request: StreamRequest, info: ConnectionInfo): void
  /**
   * One request, or one upgrade, to an app's host on a connection that may carry other hosts too (a trusted
   * proxy, or no SNI). Without them such requests get 421.
   */
  request?(request: IncomingMessage, response: ServerResponse, info: ConnectionInfo): void
  upgrade?(request: IncomingMessage, socket: Duplex, head: Buffer, info: ConnectionInfo): void
  /**
   * The body of the request under way on such a connection is no HTTP; `code` is that of Node.js. True: the client is
   * being told. False: it is not known here.
   */
  breakBody?(socket: Duplex, code: string): boolean
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
  /** Somebody showed no certificate of that authority, an expired one, or one for another purpose. Closes the socket. */
  refused?(socket: TLSSocket, info: ConnectionInfo): void
  drain(signal: AbortSignal): Promise<void>
}

/** Accepts HTTP/1.1 of people whom a certificate identified. Provided by http-apps. */
export const certifiedHttp = serviceRef<CertifiedHttp>('certifiedHttp')

/** Protocols of the public port. */
export const protocols = slotRef<Protocol>('protocols')
