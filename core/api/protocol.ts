import type { IncomingMessage, ServerResponse } from 'node:http'
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { serviceRef, slotRef } from '../kernel/reference.ts'
import type { ClientCertificate } from './verifiers.ts'

/** Information about a connection that the listener passes to a protocol. */
export interface ConnectionInfo {
  /** Address of the client after PROXY protocol and trusted proxies, canonical text. */
  readonly clientIp: string
  readonly clientPort: number
  /**
   * True when the TCP peer is one of `proxy.trusted_proxies` and sent no PROXY header: the hub uses its X-Forwarded-For
   * and ignores its SNI. A client that a PROXY header names is never trusted.
   */
  readonly trustedProxy: boolean
  /** Server name of the ClientHello in lower case, or null. */
  readonly serverName: string | null
  /** Id of the hub that relayed the connection. */
  readonly via?: string
  /** Name of the transport that carries an agent's connection. */
  readonly transport?: string
  /**
   * The client of one request of a trusted proxy, given its X-Forwarded-For: the last address that is not a trusted proxy. The
   * search stops at text that is not an address. Without it, each request is of `clientIp`.
   */
  clientOf?(forwardedFor: string | undefined): string
  /** Call it once a caller has authenticated. Until then, the hub may close the connection to make room for others. */
  authenticated?(): void
  /** Call it when the client has sent a flood, such as hundreds of pipelined requests: its next connections have to wait. */
  flooded?(): void
  /** The client's certificate, at a host whose app asks for one (`Verifier.clientCas`). It identifies nobody. */
  readonly certificate?: ClientCertificate
  /** The code of TLS that says why the certificate it has sent there is not valid. */
  readonly certificateFault?: string
  /** Set when a certificate identified the client: cookies are ignored, and only this app is reachable. */
  readonly certified?: { readonly sessionId: string; readonly appId: string }
}

/** One request from a browser over HTTP/2. */
export interface StreamRequest {
  readonly stream: ServerHttp2Stream
  /** Alternating names and values as received, including pseudo-header fields. */
  readonly rawHeaders: readonly string[]
  /** The same headers, combined by Node.js. */
  readonly headers: IncomingHttpHeaders
  /** True if no body follows. */
  readonly ended: boolean
  /** The connection, which other requests share. */
  readonly socket: TLSSocket
  /** Call it for each chunk of the body that you read: unread bytes count towards the frame flood limit. */
  took(bytes: number): void
}

/** The head of a request over any version of HTTP. */
export interface RequestHead {
  readonly method?: string | undefined
  readonly url?: string | undefined
  /** Alternating names and values, without pseudo-header fields. */
  readonly rawHeaders: readonly string[]
  readonly httpVersionMajor: number
  readonly httpVersionMinor: number
}

/** A request that the hub has routed to an app's host: its host, target and framing are valid and unambiguous. */
export interface RoutedRequest {
  readonly head: RequestHead
  readonly info: ConnectionInfo
  /**
   * Below the apps' domain, in lower case, without a trailing dot; `port` is null when the request does not name one.
   */
  readonly host: { readonly host: string; readonly port: number | null }
  /** Names the request in the audit trail, in logs, on pages about errors, and towards the app. */
  readonly requestId: string
  /** Path and query, starting with `/`: printable ASCII without a fragment. */
  readonly target: string
  /** Length of the body in bytes; null if it is not declared, undefined if there is no body. */
  readonly length: number | null | undefined
  /** The client waits for `100 Continue` before it sends the body. */
  readonly expectsContinue: boolean
}

/** Is notified of a response on its way to the client. */
export interface LaneWatcher {
  /** The client accepts more after `write` returned false. */
  onclientdrain(): void
  /** Called once: the response is complete, or the connection is gone. */
  onclientgone(): void
}

/**
 * The response to a request that the hub has read itself, without the streams of Node.js. The caller sends one final head,
 * then writes, then ends; to cut the response, it destroys the socket. Nothing here throws.
 */
export interface LaneResponse {
  readonly socket: Duplex
  watcher: LaneWatcher | null
  /** The final head has been accepted. */
  readonly begun: boolean
  /** Sends an interim response, unless its lines cannot be sent. */
  inform(status: number, lines: readonly string[]): void
  /**
   * Accepts the final head, which leaves with the first bytes of the body; `lines` are alternating names and values
   * without `Connection` and `Transfer-Encoding`. Returns false if they cannot be sent.
   */
  head(status: number, reason: string, lines: readonly string[], body: 'none' | 'sized' | 'chunked'): boolean
  /** Sends the head at the end of this turn even if no body has come. */
  flushSoon(): void
  /** Returns false if the client is slow: wait for `onclientdrain`. */
  write(chunk: Buffer): boolean
  /** Ends the response with its last bytes; trailers are sent if it is chunked. */
  end(chunk: Buffer | null, trailers: readonly (readonly [string, string])[]): void
  /** Closes the connection after this response; call it before `head`. */
  closeAfter(): void
  /** Limits how long a rejected client may take to read the response and to send another request. */
  hurry(): void
}

/** Accepts streams that carry HTTP/1.1 to one app from a person whom a certificate identified. */
export interface CertifiedHttp {
  accept(stream: Duplex, info: ConnectionInfo & Required<Pick<ConnectionInfo, 'certified'>>): void
}

/**
 * A protocol of the public port. Contributed by protocol plugins. A handler that throws, or returns a promise that rejects,
 * costs its connection; the log names the plugin.
 */
export type Protocol = AppHostProtocol | NamedProtocol

/**
 * Serves browser requests to hosts below the apps' domain. The hub owns the connections: it parses HTTP, routes
 * each request by its host and rejects malformed or misdirected requests, in the same way on every connection.
 */
export interface AppHostProtocol {
  readonly name: string
  readonly takes: 'app-hosts'
  /** One request over HTTP/1.1. The connection is closed after a response without `shouldKeepAlive`. */
  request(routed: RoutedRequest, message: IncomingMessage, response: ServerResponse): void
  /**
   * One GET or HEAD request without a body over HTTP/1.1. Without this method, the hub leaves these to `request` too.
   */
  bodyless?(routed: RoutedRequest, response: LaneResponse): void
  /** One upgrade over HTTP/1.1; the protocol owns the socket from here. */
  upgrade(routed: RoutedRequest, message: IncomingMessage, socket: Duplex, head: Buffer): void
  /** One request over HTTP/2. */
  stream(routed: RoutedRequest, request: StreamRequest): void
  /**
   * The body of the current HTTP/1.1 request on this connection is not valid HTTP; `code` is the error code of Node.js.
   * Returns true if the protocol responds to the request, false if it does not know the request.
   */
  breakBody?(socket: Duplex, code: string): boolean
  /** Resolves when no request is in flight; cuts the rest when the signal aborts. */
  drain(signal: AbortSignal): Promise<void>
}

/** Accepts connections with its own ALPN name and a client certificate of the given authority. */
export interface NamedProtocol {
  readonly name: string
  readonly takes: 'alpn'
  readonly alpn: string
  readonly clientAuthority: 'user-ca' | 'agent-ca' | null
  accept(socket: TLSSocket, info: ConnectionInfo): void
  /** The client's certificate is missing, expired, from another authority or for another purpose. Closes the socket. */
  refused?(socket: TLSSocket, info: ConnectionInfo): void
  drain(signal: AbortSignal): Promise<void>
}

/** Accepts HTTP/1.1 from people whom a certificate identified. */
export const certifiedHttp = serviceRef<CertifiedHttp>('certifiedHttp')

/**
 * Protocols of the public port. Still beta: entries with `takes: 'app-hosts'`, because `bodyless` and `LaneResponse` follow
 * what makes short requests fast. Entries with `takes: 'alpn'` are meant to stay.
 */
export const protocols = slotRef<Protocol>('protocols')
