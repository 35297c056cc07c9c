import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import type { LaneResponse, LaneWatcher } from '../../api/protocol.ts'
import { headerText, isHeaderValue } from '../../wire/header-line.ts'

/** How long a connection waits for the next request after the response of an app. */
export const KEEP_ALIVE_MS = 65_000

/** The connection of a response. */
export interface ResponseLane {
  readonly socket: Duplex
  readonly slow: SlowClients
  /** The client waits for no response after this one. */
  readonly closing: boolean
  /** The whole response has been written to the socket. */
  readonly onflushed: (error?: Error | null) => void
  /** Holds writes back until the end of this pass of the event loop, or until `uncork`. */
  cork(): void
  uncork(): void
  hurry(): void
}

/** A body up to this size is copied behind its head, which costs less than a second write. */
const COPIED_BYTES = 16 * 1024
/** Chunks of this size arrive in bursts: all that arrive in one pass of the event loop are sent in one system call. */
const BULK_BYTES = 8 * 1024
const KEEP = `Connection: keep-alive\r\nKeep-Alive: timeout=${KEEP_ALIVE_MS / 1_000}\r\n`
const CLOSE = 'Connection: close\r\n'

/** What the responses of one server may hold for clients that read slower than the app sends. */
const ALL_WAITING_BYTES = 2 << 20
/** A fast client is kept busy with this much. */
const MOST_WAITING_BYTES = 32 * 1024
/** With less, each chunk would need a system call of its own. */
const LEAST_WAITING_BYTES = 8 * 1024
/** What the responses of one server hold together for their clients. */
export class SlowClients {
  /** How many responses wait for their clients. */
  waiting = 0

  /** How many bytes one more response may hold before the app must wait. */
  get share(): number {
    const share = Math.floor(ALL_WAITING_BYTES / (this.waiting + 1))
    return Math.min(MOST_WAITING_BYTES, Math.max(LEAST_WAITING_BYTES, share))
  }
}

/** Writes one response to the connection of a lane (RFC 9112), the head together with the first bytes of its body. */
export class LaneWriter implements LaneResponse {
  readonly socket: Duplex
  readonly #lane: ResponseLane
  /** The head, until it is written. */
  #head = ''
  #chunked = false
  #closes = false
  #over = false
  #waits = false
  begun = false
  watcher: LaneWatcher | null = null

  constructor(lane: ResponseLane) {
    this.#lane = lane
    this.socket = lane.socket
  }

  /** The connection carries another request after this response. */
  get keepsAlive(): boolean {
    return !this.#closes
  }

  inform(status: number, lines: readonly string[]): void {
    const text = this.#over || this.begun ? null : headerText(lines)
    if (text === null) return
    this.socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'unknown'}\r\n${text}\r\n`, 'latin1')
  }

  head(
    status: number,
    reason: string,
    lines: readonly string[],
    body: 'none' | 'sized' | 'chunked',
  ): boolean {
    if (this.#over) return true
    if (!isHeaderValue(reason)) return false
    const closes = this.#closes || this.#lane.closing
    const date = names(lines, 'date') ? '' : `Date: ${httpDate()}\r\n`
    const coding = body === 'chunked' ? 'Transfer-Encoding: chunked\r\n' : ''
    const after = `${date}${closes ? CLOSE : KEEP}${coding}\r\n`
    const text = headerText(lines, `HTTP/1.1 ${status} ${reason}\r\n`, after)
    if (text === null) return false
    this.begun = true
    this.#closes = closes
    this.#chunked = body === 'chunked'
    this.#head = text
    return true
  }

  flushSoon(): void {
    queueMicrotask(() => {
      if (this.#head !== '' && !this.#over) this.#send(null, '')
    })
  }

  write(chunk: Buffer): boolean {
    if (this.#over) return true
    if (chunk.length >= BULK_BYTES) this.#lane.cork()
    const full = this.socket.writableLength + chunk.length >= this.#lane.slow.share
    const more = this.#send(chunk, '', full ? (error) => this.#written(error) : undefined)
    if (more && !full) return true
    this.#lane.uncork()
    this.#wait(true)
    return false
  }

  #written(error?: Error | null): void {
    if (error || this.#over) return
    this.#wait(false)
    this.watcher?.onclientdrain()
  }

  #wait(waits: boolean): void {
    if (this.#waits === waits) return
    this.#waits = waits
    this.#lane.slow.waiting += waits ? 1 : -1
  }

  end(chunk: Buffer | null, trailers: readonly (readonly [string, string])[]): void {
    if (this.#over) return
    const last = this.#chunked ? `0\r\n${headerText(trailers.flat()) ?? ''}\r\n` : ''
    this.#send(chunk, last, this.#lane.onflushed)
    this.#over = true
    this.#lane.uncork()
  }

  closeAfter(): void {
    this.#closes = true
  }

  hurry(): void {
    this.#lane.hurry()
  }

  /** Call it once: the response is complete, or the connection is gone. */
  finish(): void {
    this.#over = true
    this.#wait(false)
    this.#head = ''
    const { watcher } = this
    this.watcher = null
    watcher?.onclientgone()
  }

  #send(chunk: Buffer | null, last: string, done?: (error?: Error | null) => void): boolean {
    const { socket } = this
    const size = chunk?.length ?? 0
    const framed = this.#chunked && size > 0
    const before = framed ? `${this.#head}${size.toString(16)}\r\n` : this.#head
    const after = framed ? `\r\n${last}` : last
    this.#head = ''
    if (chunk !== null && before === '' && after === '') return socket.write(chunk, done)
    if (chunk === null || size <= COPIED_BYTES) {
      const bytes = Buffer.allocUnsafe(before.length + size + after.length)
      bytes.write(before, 'latin1')
      if (chunk !== null) bytes.set(chunk, before.length)
      if (after !== '') bytes.write(after, before.length + size, 'latin1')
      return socket.write(bytes, done)
    }
    socket.cork()
    if (before !== '') socket.write(before, 'latin1')
    let more = socket.write(chunk, after === '' ? done : undefined)
    if (after !== '') more = socket.write(after, 'latin1', done)
    socket.uncork()
    return more
  }
}

function names(lines: readonly string[], wanted: string): boolean {
  for (let i = 0; i < lines.length; i += 2) {
    const name = lines[i] as string
    if (name.length === wanted.length && name.toLowerCase() === wanted) return true
  }
  return false
}

let dateText = ''
let dateSecond = 0

/** The current time in the format of RFC 9110 section 5.6.7. */
function httpDate(): string {
  const second = Math.floor(Date.now() / 1_000)
  if (second !== dateSecond) {
    dateSecond = second
    dateText = new Date(second * 1_000).toUTCString()
  }
  return dateText
}
