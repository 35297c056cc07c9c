import { constants } from 'node:crypto'
import type { SecureContextOptions } from 'node:tls'

// The protocol between hub and agent. A change that an older side cannot read needs a new version number.

/** ALPN name of a tunnel: the agent shows its certificate. */
export const TUNNEL_ALPN = 'mezite-tunnel/1'
/** ALPN name of joining: the agent has no certificate yet. */
export const JOIN_ALPN = 'mezite-join/1'
/** ALPN name of a connection between two hubs of a cluster. */
export const RELAY_ALPN = 'mezite-relay/1'
/** Prefix of a second ALPN name, before the id of the hub that an agent wants to reach through a load balancer. */
export const WISH_ALPN = 'mezite-to/'
/** Sent in both greetings. */
export const PROTOCOL_VERSION = 1

/** How often each side pings the other. */
export const HEARTBEAT_MS = 2_000
/** How many intervals without a response close the link. */
export const HEARTBEAT_MISSES = 3

/** The longest message on the control stream. */
export const CONTROL_LINE_BYTES = 64 * 1024

/** Bytes that may be in flight on each stream at first; `UnreadBudget` lets more follow. */
export const FIRST_STREAM_WINDOW = 64 << 10
/** Maximum bytes in flight on one stream. */
export const STREAM_WINDOW = 16 << 20
/** The window of each stream while very many of a session carry much or are not being read. */
export const SMALLEST_STREAM_WINDOW = 32 << 10
/** Maximum unread bytes of all streams of a link; see `UnreadBudget`. */
export const UNREAD_BYTES = 8 << 20
/**
 * Maximum bytes in flight on a whole link; set with `session.setLocalWindowSize` once connected. It also limits what still
 * arrives after the windows of the streams have shrunk.
 */
export const SESSION_WINDOW = 32 << 20

/**
 * HTTP/2 options of both sides. At the defaults about 150 stalled downloads make a session refuse every new
 * stream (`maxSessionMemory`), and quickly cancelled requests end it (`streamReset…`).
 */
export const tunnelHttp2 = {
  maxSessionMemory: 1024,
  settings: {
    initialWindowSize: FIRST_STREAM_WINDOW,
    maxFrameSize: 65_536,
    maxConcurrentStreams: 10_000,
    enablePush: false,
  },
  peerMaxConcurrentStreams: 10_000,
  streamResetBurst: 100_000,
  streamResetRate: 10_000,
  maxSessionInvalidFrames: 1_000,
}

/** TLS options of Mezite's own protocols. A session ticket would outlive the certificate, and even replace it. */
export const meziteTls = {
  minVersion: 'TLSv1.3',
  secureOptions: constants.SSL_OP_NO_TICKET,
} as const satisfies SecureContextOptions

/** The name in every certificate that the hub shows on Mezite's own protocols. */
export function hubName(clusterName: string): string {
  return `hub.${clusterName}.mezite.internal`
}

/** Timers of Node.js hold at most 2^31-1 ms; a longer wait would fire at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1

/** Whether the text is valid as an agent's host name: lower case, as in a certificate. */
export function isHostname(text: unknown): text is string {
  return typeof text === 'string' && /^[a-z0-9](?:[a-z0-9._-]{0,251}[a-z0-9])?$/.test(text)
}
