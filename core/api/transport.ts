import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { slotRef } from '../kernel/reference.ts'
import type { StreamRequest } from './protocol.ts'

/**
 * The hub's half of a transport, which accepts carriers. A carrier is a reliable byte stream from an agent; the core
 * runs TLS 1.3 with the agent's certificate, and the tunnel, over it. At least one of `alpn`, `path` and `listen` is
 * required.
 */
export interface HubTransport {
  readonly name: string
  /**
   * Connections to the public port with the ALPN name `mezite-tunnel/1` or `mezite-join/1` are carriers themselves. Only
   * one transport can set this.
   */
  readonly alpn?: boolean
  /** Carriers arrive at one path of the hub's own host. */
  readonly path?: TransportPath
  /** Opens the transport's own listener; called once at start. The plugin closes it in `lifecycle.stop`. */
  listen?(deliver: (carrier: Duplex, from: { readonly clientIp: string }) => void): Promise<void>
}

/**
 * A path of the hub's own host that belongs to a transport. A handler is called only for requests with a valid proof
 * (`HubTarget.proof`); the hub responds to others with 404, and to those of browsers, which have an `Origin`, with 403. The
 * handler owns the connection or stream that it receives, handles all its errors, and calls `deliver` at most once, as soon
 * as bytes can flow: the hub closes the connection after 10 s without a carrier.
 */
export interface TransportPath {
  /** Compared exactly, without the query. */
  readonly path: string
  /**
   * Settings of HTTP/2 that Node.js does not know, at most ten by their identifiers, which the hub sends to clients of its own
   * host. What a client sent of them is in `stream.session.remoteSettings.customSettings`.
   */
  readonly settings?: Readonly<Record<number, number>>
  /** Handles an HTTP/1.1 upgrade. An error, also a rejected promise, ends the connection. */
  upgrade?(request: IncomingMessage, socket: Duplex, head: Buffer, deliver: (carrier: Duplex) => void): void
  /** Handles an extended CONNECT over HTTP/2 (RFC 8441): at most one on a connection. An error ends the stream. */
  connect?(request: StreamRequest, deliver: (carrier: Duplex) => void): void
}

/** The target of an agent's transport. */
export interface HubTarget {
  /** Name or address of the hub's public port, without brackets, for SNI and `Host`. */
  readonly host: string
  readonly port: number
  /** Aborts the dial, at the latest when its timeout expires. */
  readonly signal: AbortSignal
  /**
   * Opens a TCP connection to the hub, through the HTTP proxy of the environment, if any. `at` selects a port other than
   * the public one. Rejects with `MEZ_HUB_UNREACHABLE`.
   */
  connect(at?: { readonly port: number }): Promise<Duplex>
  /**
   * The value of the `Authorization` header for the request that opens a carrier at a path of the hub's own host: it proves
   * the agent or its join token for this request, once, within a minute. `GET` for an HTTP/1.1 upgrade.
   */
  proof(method: 'GET' | 'CONNECT', path: string): string
}

/** The agent's half of a transport, which dials carriers to the hub. */
export interface AgentTransport {
  readonly name: string
  dial(target: HubTarget): Promise<Duplex>
}

/**
 * Transports that accept byte streams from agents. Still beta: no transport but those of the standard set has been in use for
 * the time of a release, and what a transport must tell of its path may grow.
 */
export const transports = slotRef<HubTransport>('transports')

/** Transports that dial byte streams to the hub; `tunnel.transports` selects and orders them. */
export const agentTransports = slotRef<AgentTransport>('agentTransports')
