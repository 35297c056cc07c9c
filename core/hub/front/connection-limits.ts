/** How much the public port takes and how long a stage may last. */
export interface ConnectionLimits {
  /** From accept to the end of the TLS handshake, in milliseconds. */
  readonly handshakeMs: number
  /** Bytes that a client may send before its ClientHello is whole. */
  readonly helloBytes: number
  /** Open connections in all; more are closed at once. */
  readonly connections: number
  /** Connections that have not finished their handshake; more are closed at once. */
  readonly handshakes: number
}

export const connectionLimits: ConnectionLimits = {
  handshakeMs: 10_000,
  helloBytes: 64 * 1024,
  connections: 20_000,
  handshakes: 4_000,
}
