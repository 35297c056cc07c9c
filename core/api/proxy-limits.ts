import { serviceRef } from '../kernel/reference.ts'

/** Which rate holds for a public route; `other` when it does not say. */
export type CallRate = 'pages' | 'sign_in' | 'tokens' | 'keys' | 'other'

/** `proxy.limits`, complete. Times in milliseconds, sizes in bytes, addresses counted by `addressKey`. */
export interface ProxyLimits {
  readonly connections: number
  readonly connectionsPerAddress: number
  readonly connectionsPerAddressPerMinute: number
  readonly handshakes: number
  readonly handshakesPerAddress: number
  /** From accept to the end of the TLS handshake. */
  readonly handshakeMs: number
  /** A request head must be complete; also the wait for the next request while nobody has signed in. */
  readonly headerMs: number
  /** A request to the hub's own host must be complete, body included. */
  readonly requestMs: number
  readonly headerCount: number
  /** Request line and headers together. */
  readonly headerBytes: number
  readonly uriBytes: number
  /** Requests under way on one connection; over HTTP/2 its streams. */
  readonly requestsPerConnection: number
  /** Requests under way of one address by callers who are not known yet. */
  readonly anonymousRequestsPerAddress: number
  /** Calls of one address to each public route of the hub's own host. */
  readonly callsPerMinute: Readonly<Record<CallRate, number>>
}

/** `proxy.limits` of the configuration. */
export const proxyLimits = serviceRef<ProxyLimits>('proxyLimits')
