import type { IncomingMessage, ServerResponse } from 'node:http'
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { serviceRef, slotRef } from '../kernel/reference.ts'

/** What the listener knows of a connection when it passes it on. */
export interface ConnectionInfo {
  /** Address of the client after PROXY protocol and trusted proxies, canonical text. */
  readonly clientIp: string
  readonly clientPort: number
  /**
   * True when the TCP peer is one of `proxy.trusted_proxies` and speaks for itself: its X-Forwarded-For counts and its
   * SNI does not. A client that a PROXY header names is never trusted.
   */
  readonly trustedProxy: boolean
  /** Server name of the ClientHello in lower case, or null. */
  readonly serverName: string | null
  /** Id of the hub that relayed the connection. */
  readonly via?: string
  /** Name of the transport that brought the connection of an agent. */
  readonly transport?: string
  /**
   * The client of one request, given its X-Forwarded-For: `clientIp` unless the peer is a trusted proxy, else
   * the last address that is not a trusted proxy. Text that is not an address ends the walk.
   */
  clientOf?(forwardedFor: string | undefined): string
  /** Set when a certificate identified the client: cookies do not count, and only this app is reachable. */
  readonly certified?: { readonly sessionId: string; readonly appId: string }
}

/** One request of a browser over HTTP/2. */
export interface StreamRequest {
  readonly stream: ServerHttp2Stream
  /** Name and value in turn as they came, pseudo-header fields among them. */
  readonly rawHeaders: readonly string[]
  /** The same, joined by Node.js. */
  readonly headers: IncomingHttpHeaders
  /** No body follows. */
  readonly ended: boolean
  /** The connection, shared with other requests. */
  readonly socket: TLSSocket
  /** Call for each piece of the body that is read: unread bytes count towards a flood of frames. */
  took(bytes: number): void
}

/** The head of a request, whatever version of HTTP brought it. */
export interface RequestHead {
  readonly method?: string | undefined
  readonly url?: string | undefined
  /** Name and value in turn; no pseudo-header fields. */
  readonly rawHeaders: readonly string[]
  readonly httpVersionMajor: number
  readonly httpVersionMinor: number
}

/** A request that the hub has routed to an app's host: its host, target and framing are valid and unambiguous. */
export interface RoutedRequest {
  readonly head: RequestHead
  readonly info: ConnectionInfo
  /** Below the apps' domain: lower case, no trailing dot; `port` is null when the request names none. */
  readonly host: { readonly host: string; readonly port: number | null }
  /** Path and query, beginning with `/`; printable ASCII without a fragment. */
  readonly target: string
  /** Bytes of the body; null: the body has no declared length; undefined: there is no body. */
  readonly length: number | null | undefined
  /** The client waits for `100 Continue` before it sends the body. */
  readonly expectsContinue: boolean
}

/** Accepts streams that carry HTTP/1.1 of a person whom a certificate identified, to one app. */
export interface CertifiedHttp {
  accept(stream: Duplex, info: ConnectionInfo & Required<Pick<ConnectionInfo, 'certified'>>): void
}

/** A protocol of the public port. Contributed by protocol plugins. */
export type Protocol = AppHostProtocol | NamedProtocol

/**
 * Serves requests of browsers to hosts below the apps' domain. The hub owns the connections: it parses HTTP, routes
 * each request by its host and refuses what is malformed or misdirected, the same way for every connection.
 */
export interface AppHostProtocol {
  readonly name: string
  readonly takes: 'app-hosts'
  /** One request over HTTP/1.1. A response that has `shouldKeepAlive` unset ends its connection. */
  request(routed: RoutedRequest, message: IncomingMessage, response: ServerResponse): void
  /** One upgrade over HTTP/1.1; the protocol owns the socket from here. */
  upgrade(routed: RoutedRequest, message: IncomingMessage, socket: Duplex, head: Buffer): void
  /** One request over HTTP/2. */
  stream(routed: RoutedRequest, request: StreamRequest): void
  /**
   * The body of the current HTTP/1.1 request on this connection is not valid HTTP; `code` is the error code of Node.js.
   * True: the protocol responds to the request. False: it does not know the request.
   */
  breakBody?(socket: Duplex, code: string): boolean
  /** Resolves when no request is in flight; cuts the rest when the signal aborts. */
  drain(signal: AbortSignal): Promise<void>
}

/** Takes connections with an ALPN name of its own and a client certificate of the given authority. */
export interface NamedProtocol {
  readonly name: string
  readonly takes: 'alpn'
  readonly alpn: string
  readonly clientAuthority: 'user-ca' | 'agent-ca' | null
  accept(socket: TLSSocket, info: ConnectionInfo): void
  /** The client showed no certificate of that authority, an expired one, or one for another purpose. Closes the socket. */
  refused?(socket: TLSSocket, info: ConnectionInfo): void
  drain(signal: AbortSignal): Promise<void>
}

/** Accepts HTTP/1.1 of people whom a certificate identified. */
export const certifiedHttp = serviceRef<CertifiedHttp>('certifiedHttp')

/** Protocols of the public port. */
export const protocols = slotRef<Protocol>('protocols')
