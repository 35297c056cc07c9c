import type { BodyReader, Client } from '../client/client.ts'
import type { Upstream } from '../upstream/upstream.ts'
import { isForbiddenTrailer } from './header-names.ts'

/** Hears of a body on its way to the app. */
export interface BodyWatcher {
  onrequestbytes(count: number): void
  onrequestsent(): void
}

/**
 * Moves the body of one request to the app, with back-pressure and under its own framing: what the browser chunked is
 * chunked anew, without extensions. A broken upload never looks like a whole one.
 */
export class RequestBody implements BodyReader {
  readonly #client: Client
  readonly #upstream: Upstream
  readonly #chunked: boolean
  readonly #watcher: BodyWatcher

  constructor(client: Client, upstream: Upstream, chunked: boolean, watcher: BodyWatcher) {
    this.#client = client
    this.#upstream = upstream
    this.#chunked = chunked
    this.#watcher = watcher
    client.readBody(this)
  }

  /** The app takes more. */
  resume(): void {
    this.#client.resumeBody()
  }

  onrequestdata(chunk: Buffer): void {
    this.#watcher.onrequestbytes(chunk.length)
    if (!this.#upstream.write(this.#chunked ? framed(chunk) : chunk)) this.#client.pauseBody()
  }

  onrequestend(trailers: readonly string[]): void {
    if (this.#upstream.gone) return
    if (this.#chunked) this.#upstream.write(Buffer.from(`0\r\n${trailerText(trailers)}\r\n`, 'latin1'))
    this.#upstream.sent = true
    this.#watcher.onrequestsent()
  }
}

function framed(chunk: Buffer): Buffer {
  const size = chunk.length.toString(16)
  const bytes = Buffer.allocUnsafe(size.length + chunk.length + 4)
  bytes.write(`${size}\r\n`, 0, 'latin1')
  chunk.copy(bytes, size.length + 2)
  bytes.write('\r\n', size.length + 2 + chunk.length, 'latin1')
  return bytes
}

function trailerText(raw: readonly string[]): string {
  let text = ''
  for (let i = 0; i + 1 < raw.length; i += 2)
    if (!isForbiddenTrailer((raw[i] as string).toLowerCase())) text += `${raw[i]}: ${raw[i + 1]}\r\n`
  return text
}
