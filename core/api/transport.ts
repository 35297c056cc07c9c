import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { slotRef } from '../kernel/reference.ts'
import type { StreamRequest } from './protocol.ts'

/**
 * The hub's half of a transport: how it gets carriers. A carrier is one reliable byte stream whose other end is an agent;
 * the core runs TLS 1.3 with the agent's certificate and the tunnel on it. At least one of `alpn`, `path` and `listen`
 * is there.
 */
export interface HubTransport {
  readonly name: string
  /**
   * Connections to the public port that ask for `mezite-tunnel/1` or `mezite-join/1` are carriers as they are. Only one
   * transport can have them.
   */
  readonly alpn?: boolean
  /** Carriers come to one path of the hub's own host. */
  readonly path?: TransportPath
  /** Opens a listener of its own; called once at start. The plugin closes it when its `lifecycle.stop` is called. */
  listen?(deliver: (carrier: Duplex, from: { readonly clientIp: string }) => void): Promise<void>
}

/**
 * A path of the hub's own host that belongs to a transport. A handler owns the connection or stream that it gets, with
 * all its errors, and calls `deliver` at most once, as soon as bytes can flow.
 */
export interface TransportPath {
  /** Compared exactly, without the query. */
  readonly path: string
  /** Takes an HTTP/1.1 upgrade. */
  upgrade?(request: IncomingMessage, socket: Duplex, head: Buffer, deliver: (carrier: Duplex) => void): void
  /** Takes an extended CONNECT over HTTP/2 (RFC 8441). */
  connect?(request: StreamRequest, deliver: (carrier: Duplex) => void): void
}

/** Where an agent's transport dials. */
export interface HubTarget {
  /** Name or address of the hub's public port, without brackets: what SNI and `Host` say. */
  readonly host: string
  readonly port: number
  /** Ends the dial; it has a deadline. */
  readonly signal: AbortSignal
  /**
   * A TCP connection to the hub, through the HTTP proxy that the environment names, if any. Rejects with
   * `MEZ_HUB_UNREACHABLE`. `at`: another port of the hub than the public one.
   */
  connect(at?: { readonly port: number }): Promise<Duplex>
}

/** The agent's half: how a carrier to the hub is dialled. */
export interface AgentTransport {
  readonly name: string
  dial(target: HubTarget): Promise<Duplex>
}

/** How byte streams of agents arrive at the hub. */
export const transports = slotRef<HubTransport>('transports')

/** How an agent dials a byte stream to the hub; `tunnel.transports` picks and orders them. */
export const agentTransports = slotRef<AgentTransport>('agentTransports')
