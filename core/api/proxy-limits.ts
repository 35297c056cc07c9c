import { serviceRef } from '../kernel/reference.ts'

/** The rate limit that applies to a public route; `other` by default. */
export type CallRate = 'pages' | 'sign_in' | 'tokens' | 'keys' | 'other'

/** `proxy.limits` with defaults filled in. Times are in milliseconds, sizes in bytes; `addressKey` groups addresses. */
export interface ProxyLimits {
  readonly connections: number
  readonly connectionsPerAddress: number
  readonly connectionsPerAddressPerMinute: number
  readonly handshakes: number
  readonly handshakesPerAddress: number
  /** From accept to the end of the TLS handshake. */
  readonly handshakeMs: number
  /** Timeout for a complete request head, and for the next request of a client that is not signed in. */
  readonly headerMs: number
  /** Timeout for a complete request to the hub's own host, including its body. */
  readonly requestMs: number
  readonly headerCount: number
  /** Request line and headers together. */
  readonly headerBytes: number
  readonly uriBytes: number
  /** Concurrent requests on one connection; for HTTP/2, its streams. */
  readonly requestsPerConnection: number
  /** Concurrent requests from one address by callers who are not authenticated yet. */
  readonly anonymousRequestsPerAddress: number
  /** Calls from one address to each public route of the hub's own host. */
  readonly callsPerMinute: Readonly<Record<CallRate, number>>
}

/** `proxy.limits` of the configuration. */
export const proxyLimits = serviceRef<ProxyLimits>('proxyLimits')
