import type { Duplex } from 'node:stream'
import type { AppHostProtocol, ConnectionInfo } from '../../api/protocol.ts'
import type { ProxyLimits } from '../../api/proxy-limits.ts'
import type { HostRouter } from './host-router.ts'
import { readLaneHead } from './lane-head.ts'
import { KEEP_ALIVE_MS, LaneWriter, type SlowClients } from './lane-response.ts'

/** What all lanes share. */
export interface LaneServer {
  readonly router: Pick<HostRouter, 'route'>
  readonly app: AppHostProtocol
  readonly limits: Pick<ProxyLimits, 'headerMs' | 'requestMs'>
  readonly slow: SlowClients
  /**
   * Passes the connection to node:http, with the bytes that it must read first. Their head must be complete by `headBy`, on
   * the clock of `performance.now()`.
   */
  handOver(socket: Duplex, bytes: Buffer, headBy: number): void
}

/** Bytes that a client may send before it has the response to its request; beyond them the connection is not read. */
const HELD_BYTES = 64 * 1024
/** Node.js waits this much longer than it announces. */
const KEEP_ALIVE_GRACE_MS = 1_000
const noop = () => {}

/**
 * Reads the requests of one HTTP/1.1 connection to the hosts of apps, as long as each chunk is exactly one whole head without
 * a body. At the first other chunk it passes the connection to node:http for good: a request without a body needs none of
 * its machinery, and no byte is interpreted by two parsers.
 */
export class Lane {
  readonly socket: Duplex
  readonly #info: ConnectionInfo
  readonly #server: LaneServer
  #response: LaneWriter | null = null
  /** Received while a response is under way. */
  #held: Buffer[] = []
  #heldBytes = 0
  #heldBy = Number.POSITIVE_INFINITY
  #hurried = false
  #corked = false
  readonly slow: SlowClients
  closing = false
  /** The client has sent a request. */
  served = false
  /** When the connection must be closed, on the clock of `performance.now()`. */
  deadline: number

  constructor(socket: Duplex, info: ConnectionInfo, server: LaneServer) {
    this.socket = socket
    this.#info = info
    this.#server = server
    this.slow = server.slow
    this.deadline = performance.now() + server.limits.headerMs
    socket.on('data', this.#ondata)
    socket.on('drain', this.#ondrain)
    socket.on('end', this.#onend)
    socket.on('close', this.#onclose)
  }

  /** A response is under way. */
  get busy(): boolean {
    return this.#response !== null
  }

  /** The client has the response to its last request. */
  get idle(): boolean {
    return this.served && !this.busy
  }

  /** Closes the connection after its next response, or the current one if its head has not been sent. */
  closeSoon(): void {
    this.closing = true
  }

  /** A rejected client gets `requestMs` to read the response, then `headerMs` to send another request. */
  hurry(): void {
    this.#hurried = true
    this.deadline = performance.now() + this.#server.limits.requestMs
  }

  cork(): void {
    if (this.#corked) return
    this.#corked = true
    this.socket.cork()
    setImmediate(this.uncork)
  }

  readonly uncork = (): void => {
    if (!this.#corked) return
    this.#corked = false
    this.socket.uncork()
  }

  /** Stops reading; another part owns the connection now. */
  leave(): void {
    const { socket } = this
    socket.off('data', this.#ondata)
    socket.off('drain', this.#ondrain)
    socket.off('end', this.#onend)
    socket.off('close', this.#onclose)
  }

  readonly onflushed = (error?: Error | null): void => {
    const response = this.#response
    if (error || response === null || this.socket.destroyed) return
    this.#response = null
    this.deadline =
      performance.now() + (this.#hurried ? this.#server.limits.headerMs : KEEP_ALIVE_MS + KEEP_ALIVE_GRACE_MS)
    this.#hurried = false
    response.finish()
    if (!response.keepsAlive) this.#close()
    else if (this.#heldBytes > 0) this.#continue()
  }

  readonly #ondata = (chunk: Buffer): void => {
    if (this.#response !== null) this.#hold(chunk)
    else this.#read(chunk, this.served ? Number.POSITIVE_INFINITY : this.deadline)
  }

  #read(chunk: Buffer, headBy: number): void {
    const head = readLaneHead(chunk)
    const route = head === null ? null : this.#server.router.route(head, this.#info)
    if (route?.kind !== 'app') {
      this.leave()
      return void this.#server.handOver(this.socket, chunk, headBy)
    }
    const response = new LaneWriter(this)
    this.#response = response
    this.served = true
    this.deadline = Number.POSITIVE_INFINITY
    this.#server.app.bodyless?.(route, response)
  }

  #hold(chunk: Buffer): void {
    if (this.#heldBytes === 0) this.#heldBy = performance.now() + this.#server.limits.headerMs
    this.#held.push(chunk)
    this.#heldBytes += chunk.length
    if (this.#heldBytes > HELD_BYTES) this.socket.pause()
  }

  #continue(): void {
    const bytes = this.#held.length === 1 ? (this.#held[0] as Buffer) : Buffer.concat(this.#held)
    if (this.#heldBytes > HELD_BYTES) this.socket.resume()
    this.#held = []
    this.#heldBytes = 0
    this.#read(bytes, this.#heldBy)
  }

  #close(): void {
    const { socket } = this
    this.leave()
    socket.on('data', noop)
    socket.resume()
    if ('destroySoon' in socket) (socket as { destroySoon(): void }).destroySoon()
    else socket.end()
  }

  readonly #ondrain = (): void => {
    this.#response?.watcher?.onclientdrain()
  }

  /** As in node:http, a client that ends its side gives up the response. */
  readonly #onend = (): void => {
    this.socket.end()
  }

  readonly #onclose = (): void => {
    const response = this.#response
    this.#response = null
    this.#held = []
    response?.finish()
  }
}
