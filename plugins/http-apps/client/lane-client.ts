import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import type { AppHostProtocol, HubResponse, RoutedRequest } from '@mezite/core/protocol'
import type { ResponseHead } from '../upstream/response-parser.ts'
import type { Client, ClientWatcher } from './client.ts'

/** Sends the response to a request that the hub has read itself. */
export type LaneResponse = Parameters<NonNullable<AppHostProtocol['bodyless']>>[1]

const noop = () => {}

/** One request over HTTP/1.1 that has no body and that the hub has read itself. */
export class LaneClient implements Client {
  readonly #response: LaneResponse
  readonly #headOnly: boolean
  readonly upgrade = null
  readonly complete = true
  readonly readBody = noop
  readonly pauseBody = noop
  readonly resumeBody = noop
  readonly abandonBody = noop
  readonly welcomeBody = noop

  constructor(response: LaneResponse, { method }: RoutedRequest['head']) {
    this.#response = response
    this.#headOnly = method === 'HEAD'
  }

  get connection(): Duplex {
    return this.#response.socket
  }

  get gone(): boolean {
    return this.#response.socket.destroyed
  }

  watch(watcher: ClientWatcher): void {
    this.#response.watcher = watcher
  }

  inform(status: number, lines: string[]): void {
    this.#response.inform(status, lines)
  }

  head({ status, reason, length, hasBody, bodyFollows }: ResponseHead, lines: string[]): boolean {
    if (!hasBody || length !== null) dropTrailer(lines)
    const body = !hasBody ? 'none' : typeof length === 'number' ? 'sized' : 'chunked'
    if (!this.#response.head(status, reason, lines, body)) return false
    // An event stream may be silent for minutes: its head must not wait for its body.
    if (hasBody && !bodyFollows) this.#response.flushSoon()
    return true
  }

  write(chunk: Buffer): boolean {
    return this.#response.write(chunk)
  }

  end(chunk: Buffer | null, trailers: [string, string][]): void {
    this.#response.end(chunk, trailers)
  }

  respond({ status, lines, body }: HubResponse, last = false): void {
    const response = this.#response
    if (response.begun || this.gone) return void this.cut()
    const bytes = typeof body === 'string' ? Buffer.from(body) : body
    if (last) response.closeAfter()
    response.hurry()
    const all = [...lines, 'Content-Length', String(bytes.length)]
    const shown = this.#headOnly ? null : bytes
    if (response.head(status, STATUS_CODES[status] ?? '', all, shown === null ? 'none' : 'sized'))
      response.end(shown, [])
    else this.cut()
  }

  switchProtocols(): void {
    this.cut()
  }

  cut(): void {
    this.connection.destroy()
  }
}

/** A response must not announce trailers that its body cannot have: `node:http` throws. */
export function dropTrailer(lines: string[]): void {
  for (let i = lines.length - 2; i >= 0; i -= 2)
    if (lines[i]?.length === 7 && lines[i]?.toLowerCase() === 'trailer') lines.splice(i, 2)
}
