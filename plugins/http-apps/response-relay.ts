import { answerLines, answerTrailers } from './answer-lines.ts'
import type { AnswerHead } from './answer-parser.ts'
import type { Client } from './client.ts'
import type { AppNames } from './location.ts'

/** Passes an app's answer on to the browser, cleaned, as it comes. */
export class ResponseRelay {
  readonly #client: Client
  readonly #names: AppNames
  readonly #hsts: boolean
  /** The browser takes more after `write` said no. */
  readonly #ondrain: () => void
  #drainHeard = false
  #bodyBegun = false
  /** The head of the final answer is out. */
  begun = false
  /** The answer is complete. */
  ended = false

  constructor(client: Client, names: AppNames, hsts: boolean, ondrain: () => void) {
    this.#client = client
    this.#names = names
    this.#hsts = hsts
    this.#ondrain = ondrain
  }

  /** An interim answer (RFC 9110 section 15.2). 100 is the hub's own to give. */
  inform(status: number, lines: readonly string[]): void {
    const { response } = this.#client
    if (status === 100 || response.headersSent || response.destroyed) return
    try {
      response.writeInformation(status, answerLines(lines, this.#names, false))
    } catch {
      // A hint that cannot be written is no reason to lose the answer.
    }
  }

  /** False when this head cannot be passed on. */
  head(head: AnswerHead): boolean {
    const { response, draining, upgrade } = this.#client
    const lines = answerLines(head.lines, this.#names, this.#hsts)
    if (draining() || upgrade !== null) lines.push('Connection', 'close')
    try {
      response.writeHead(head.status, head.reason, lines)
    } catch {
      return false
    }
    this.begun = true
    // An event stream may be silent for minutes: its head must not wait for its body.
    if (head.hasBody && !head.bodyFollows) queueMicrotask(() => this.#flushHead())
    return true
  }

  /** Returns false when the browser is slow: wait for `ondrain`. */
  write(chunk: Buffer, last: boolean): boolean {
    const { response } = this.#client
    this.#bodyBegun = true
    if (last) {
      this.ended = true
      response.end(chunk)
      return true
    }
    if (response.write(chunk)) return true
    if (!this.#drainHeard) response.on('drain', this.#ondrain)
    this.#drainHeard = true
    return false
  }

  end(trailers: readonly string[]): void {
    if (this.ended) return
    this.ended = true
    const { response } = this.#client
    const kept = answerTrailers(trailers)
    if (kept.length > 0) response.addTrailers(kept)
    response.end()
  }

  #flushHead(): void {
    if (!this.#bodyBegun && !this.ended) this.#client.response.flushHeaders()
  }
}
