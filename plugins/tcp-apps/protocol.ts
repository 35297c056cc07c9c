import type { TLSSocket } from 'node:tls'
import {
  addressKey,
  type ConnectionInfo,
  createRateLimit,
  type EndReason,
  type NamedProtocol,
  type RateLimit,
  TCP_ALPN,
} from '@mezite/core/protocol'
import { ClientConnection } from './client-connection.ts'
import type { Deps } from './deps.ts'
import { limits } from './limits.ts'

const SETTINGS = 4
const GOAWAY = 7

/** Accepts the connections of msh on the public port: ALPN `mezite-tcp/1`, a certificate of the user CA. */
export class TcpApps implements NamedProtocol {
  readonly name = 'tcp-apps'
  readonly takes = 'alpn'
  readonly alpn = TCP_ALPN
  readonly clientAuthority = 'user-ca'
  readonly #deps: Deps
  readonly #clients = new Map<string, Set<ClientConnection>>()
  readonly #complaints: RateLimit
  #sweeping: NodeJS.Timeout | undefined
  #draining = false

  constructor(deps: Deps) {
    this.#deps = deps
    this.#complaints = createRateLimit(deps.clock)
  }

  start(): void {
    this.#sweeping = setInterval(() => this.#sweep(), limits.sweepMs)
  }

  stop(): void {
    clearInterval(this.#sweeping)
    for (const client of this.#all()) client.end('hub_stopping')
  }

  accept(socket: TLSSocket, info: ConnectionInfo): void {
    socket.on('error', () => socket.destroy())
    if (this.#draining || socket.destroyed) return void socket.destroy()
    const { access, authorities } = this.#deps
    const caller = access.callers.ofCertificate(socket)
    const certificate = socket.getPeerX509Certificate()
    const authority = certificate ? authorities.issuerOf('user-ca', certificate) : null
    if (caller === null || authority === null) return void this.refused(socket, info)
    const { sessionId } = caller
    const others = this.#clients.get(sessionId) ?? new Set<ClientConnection>()
    if (others.size >= this.#deps.settings.logins_per_session) return void socket.destroy()
    const client = new ClientConnection({
      deps: this.#deps,
      socket,
      caller,
      authority,
      clientIp: info.clientIp,
      onClosed: (closed) => {
        others.delete(closed)
        if (others.size === 0 && this.#clients.get(sessionId) === others) this.#clients.delete(sessionId)
      },
    })
    others.add(client)
    this.#clients.set(sessionId, others)
  }

  /** Closes, with the reason, and records a connection whose certificate is missing or not accepted. */
  refused(socket: TLSSocket, info: ConnectionInfo): void {
    closeRefused(socket, 'certificate_refused')
    const mine = this.#complaints.take(addressKey(info.clientIp), limits.complaintsPerAddress)
    if (!mine || !this.#complaints.take('*', limits.complaints)) return
    this.#deps.audit.record({
      type: 'access.denied',
      success: false,
      reason: 'certificate_refused',
      clientIp: info.clientIp,
      fields: { app: null, protocol: 'tcp' },
    })
  }

  /** Ends the connections whose certificate was signed by a key of the user CA that is no longer trusted. */
  checkAuthorities(): void {
    for (const client of this.#all())
      if (!this.#deps.authorities.trusts('user-ca', client.authority))
        client.end('revoked', 'certificate_refused')
  }

  /** Ends the connections of a session that has ended. */
  ended(sessionId: string, reason: EndReason): void {
    for (const client of [...(this.#clients.get(sessionId) ?? [])]) client.end(reason, 'session_ended')
  }

  async drain(signal: AbortSignal): Promise<void> {
    this.#draining = true
    for (const client of this.#all()) client.drain()
    while (this.#clients.size > 0 && !signal.aborted) await new Promise((done) => setTimeout(done, 20))
    for (const client of this.#all()) client.end('hub_stopping')
    await this.#deps.open.settle()
  }

  #all(): ClientConnection[] {
    return [...this.#clients.values()].flatMap((clients) => [...clients])
  }

  #sweep(): void {
    const now = this.#deps.clock.monotonic()
    for (const clients of this.#clients.values())
      for (const client of clients) for (const connection of [...client.connections]) connection.sweep(now)
  }
}

/**
 * Closes a connection whose certificate is not accepted, with the reason in a GOAWAY frame (RFC 9113, 6.8) after the
 * empty SETTINGS frame that a server must send first. It creates no HTTP/2 session for a stranger and parses nothing.
 */
export function closeRefused(socket: TLSSocket, reason: string): void {
  const text = Buffer.from(reason)
  const end = setTimeout(() => socket.destroy(), limits.closeMs)
  socket.once('close', () => clearTimeout(end))
  // Last stream 0 and NO_ERROR: no stream was processed.
  const goaway = Buffer.concat([Buffer.alloc(8), text])
  socket.end(Buffer.concat([frame(SETTINGS, Buffer.alloc(0)), frame(GOAWAY, goaway)]))
  // Discards received bytes, or closing would reset the connection before the client has read the reason.
  socket.resume()
}

/** A frame of stream 0 without flags (RFC 9113, 4.1). */
function frame(type: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head.writeUInt8(type, 3)
  return Buffer.concat([head, payload])
}
