import { type App, messageOf } from '@mezite/core'
import type { Pipe } from '@mezite/core/protocol'
import { type ResponseEvents, ResponseParser } from './response-parser.ts'
import type { UpstreamFailure } from './upstream-failure.ts'

/** Whoever uses an upstream connection at the moment. */
export interface UpstreamUser extends ResponseEvents {
  ondrain(): void
  /** No (whole) answer will come; the connection is gone. `broken`: what came was no HTTP. */
  onfail(failure: UpstreamFailure): void
}

/**
 * An HTTP/1.1 connection to an app over a pipe, one request at a time. The tunnel's callbacks are set once, so a
 * request costs no closure. Its pool takes it back after a clean exchange and hears when it is over.
 */
export class Upstream {
  readonly app: App
  readonly sessionKey: string
  readonly #pipe: Pipe
  readonly #parser: ResponseParser
  #user: UpstreamUser | null = null
  #gone = false
  #ended = false
  /** The whole request has been written. */
  sent = false
  /** It has served another request before. */
  reused = false
  /** When it was put back, on the clock of the pool. */
  idleSince = 0
  ongone: (upstream: Upstream) => void = () => {}

  constructor(pipe: Pipe, app: App, sessionKey: string) {
    this.#pipe = pipe
    this.app = app
    this.sessionKey = sessionKey
    this.#parser = new ResponseParser({
      oninformational: (status, lines) => this.#user?.oninformational(status, lines),
      onhead: (head) => this.#user?.onhead(head),
      onbody: (chunk, last) => this.#user?.onbody(chunk, last),
      onend: (trailers) => this.#user?.onend(trailers),
    })
    pipe.ondata = (chunk) => this.#ondata(chunk)
    pipe.onend = () => this.#onend()
    pipe.ondrain = () => this.#user?.ondrain()
    pipe.onclose = (error) => this.#onclose(error)
  }

  get agent(): string {
    return this.#pipe.agent
  }

  get gone(): boolean {
    return this.#gone
  }

  /** Its link goes: it serves no further request. */
  get going(): boolean {
    return this.#pipe.isGoing?.() === true
  }

  /** A byte of the answer has come. */
  get answering(): boolean {
    return this.#parser.started
  }

  /** May serve another request, now that its answer is over. */
  get reusable(): boolean {
    return !this.#gone && !this.#ended && this.sent && this.#parser.over && this.#parser.reusable
  }

  begin(user: UpstreamUser, options: { readonly head: boolean; readonly upgrade: boolean }): void {
    this.#user = user
    this.sent = false
    this.#parser.begin(options)
  }

  /** Gives up the user; nothing more is told to it. */
  leave(): void {
    this.#user = null
  }

  write(chunk: Buffer): boolean {
    return this.#gone || this.#pipe.write(chunk)
  }

  end(): void {
    if (!this.#gone) this.#pipe.end()
  }

  pause(): void {
    if (!this.#gone) this.#pipe.pause()
  }

  resume(): void {
    if (!this.#gone) this.#pipe.resume()
  }

  destroy(): void {
    if (this.#gone) return
    this.#gone = true
    this.#user = null
    this.#pipe.destroy()
    this.ongone(this)
  }

  #ondata(chunk: Buffer): void {
    if (this.#gone) return
    if (this.#user === null) {
      this.destroy()
      return
    }
    try {
      this.#parser.execute(chunk)
    } catch (error) {
      this.#fail(true, false, messageOf(error))
    }
  }

  #onend(): void {
    this.#ended = true
    if (this.#gone) return
    if (this.#user === null) {
      this.destroy()
      return
    }
    try {
      this.#parser.finish()
    } catch (error) {
      this.#fail(false, false, messageOf(error))
    }
  }

  #onclose(error: Error | null): void {
    if (this.#gone) return
    const linkLost = (error as { code?: string } | null)?.code === 'MEZ_LINK_LOST'
    this.#fail(false, linkLost, error ? messageOf(error) : 'the app closed the connection')
  }

  #fail(broken: boolean, linkLost: boolean, detail: string): void {
    const user = this.#user
    this.destroy()
    user?.onfail({ broken, linkLost, detail })
  }
}
