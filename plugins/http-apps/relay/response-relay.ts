import type { Client } from '../client/client.ts'
import type { ResponseHead } from '../upstream/response-parser.ts'
import type { AppNames } from './location.ts'
import { responseLines, responseTrailers } from './response-head.ts'

/** Passes an app's answer on to the browser, cleaned, as it comes. */
export class ResponseRelay {
  readonly #client: Client
  readonly #names: AppNames
  readonly #hsts: boolean
  /** The head of the final answer is out. */
  begun = false
  /** The answer is complete. */
  ended = false
  /** What the app sends as a body is not passed on. */
  #bodiless = false

  constructor(client: Client, names: AppNames, hsts: boolean) {
    this.#client = client
    this.#names = names
    this.#hsts = hsts
  }

  /** An interim answer (RFC 9110 section 15.2). 100 is the hub's own to give. */
  inform(status: number, lines: readonly string[]): void {
    if (status !== 100) this.#client.inform(status, responseLines(lines, this.#names, false, status))
  }

  /** False when this head cannot be passed on. */
  head(head: ResponseHead): boolean {
    const lines = responseLines(head.lines, this.#names, this.#hsts, head.status)
    // 205 has no content (RFC 9110 section 15.3.6), whatever the app says.
    this.#bodiless = head.status === 205
    if (this.#bodiless) lines.push('Content-Length', '0')
    this.begun = this.#client.head(this.#bodiless ? { ...head, hasBody: false, length: 0 } : head, lines)
    return this.begun
  }

  /** Returns false when the browser is slow: wait for `onclientdrain`. */
  write(chunk: Buffer, last: boolean): boolean {
    if (!last) return this.#bodiless || this.#client.write(chunk)
    this.ended = true
    this.#client.end(this.#bodiless ? null : chunk, [])
    return true
  }

  end(trailers: readonly string[]): void {
    if (this.ended) return
    this.ended = true
    this.#client.end(null, this.#bodiless ? [] : responseTrailers(trailers))
  }
}
