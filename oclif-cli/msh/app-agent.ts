import { Agent, type AgentOptions } from 'node:http'
import { Duplex } from 'node:stream'
import type { StreamPipe } from '@mezite/core/protocol'
import type { HubConnection } from './hub-connection.ts'

/** An agent of node:http whose connections go to one HTTP app through the hub. A failed `open` fails the request. */
export class AppAgent extends Agent {
  readonly #app: string
  readonly #hub: Pick<HubConnection, 'open'>

  constructor(app: string, hub: Pick<HubConnection, 'open'>, options: AgentOptions) {
    super(options)
    this.#app = app
    this.#hub = hub
  }

  override createConnection(
    _options: unknown,
    callback?: (error: Error | null, socket: Duplex) => void,
  ): undefined {
    this.#hub.open(this.#app, 'http').then(
      ({ pipe }) => callback?.(null, new PipeDuplex(pipe)),
      (error: Error) => callback?.(error, undefined as never),
    )
  }
}

/**
 * A stream to an app in the shape of a socket, for node:http. Text is converted to bytes before it reaches the HTTP/2
 * stream, which would corrupt it. An end that is not clean becomes an error, never an end.
 */
class PipeDuplex extends Duplex {
  readonly #pipe: StreamPipe
  #written: (() => void) | null = null
  #idle: NodeJS.Timeout | null = null
  /** As on sockets of node:net. */
  timeout = 0

  constructor(pipe: StreamPipe) {
    // Like sockets of HTTP: when the app ends its side, this side ends too.
    super({ allowHalfOpen: false, decodeStrings: true })
    this.#pipe = pipe
    pipe.pause()
    pipe.ondata = (chunk) => {
      this.#idle?.refresh()
      if (!this.push(chunk)) pipe.pause()
    }
    pipe.onend = () => this.push(null)
    pipe.ondrain = () => this.#drained()
    pipe.onclose = (error) => {
      if (error) this.destroy(error)
      else this.#drained()
    }
  }

  override _read(): void {
    this.#pipe.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#idle?.refresh()
    if (this.#pipe.write(chunk)) done()
    else this.#written = done
  }

  override _final(done: () => void): void {
    this.#pipe.end()
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.setTimeout(0)
    // After both sides have ended, the last bytes may still be on their way.
    if (error || !this.readableEnded || !this.writableFinished) this.#pipe.destroy()
    this.#drained()
    done(error)
  }

  #drained(): void {
    const done = this.#written
    this.#written = null
    done?.()
  }

  /** Emits `timeout` after `ms` without a byte, upon which node:http drops an idle connection. 0 disables it. */
  setTimeout(ms: number): this {
    this.timeout = ms
    if (this.#idle) clearTimeout(this.#idle)
    this.#idle = ms > 0 ? setTimeout(() => this.emit('timeout'), ms).unref() : null
    return this
  }

  // node:http also calls these on sockets.
  setKeepAlive(): this {
    return this
  }
  setNoDelay(): this {
    return this
  }
  ref(): this {
    return this
  }
  unref(): this {
    return this
  }
}
