import type { BodyReader, Client } from '../client/client.ts'
import { HeldBody } from '../held/held-body.ts'
import { BodyPipeline, type NamedTransform } from '../request/body-pipeline.ts'
import { isForbiddenTrailer } from '../request/header-names.ts'
import type { Upstream } from '../upstream/upstream.ts'
import type { BodyFailures } from './response-relay.ts'

/** Is notified of a body on its way to the app. */
export interface BodyWatcher extends BodyFailures {
  onrequestbytes(count: number): void
  onrequestsent(): void
}

const NOTHING = Buffer.alloc(0)

/** Moves the body of one request to the app with back-pressure. A broken upload never looks complete. */
export class RequestBody implements BodyReader {
  readonly #client: Client
  readonly #upstream: Upstream
  readonly #watcher: BodyWatcher
  readonly #pipeline: BodyPipeline | null
  #held: HeldBody | null = null

  /** `transforms`: what plugins do to the body; undefined: nothing. `whole`: the body, if it has been read. */
  constructor(
    client: Client,
    upstream: Upstream,
    watcher: BodyWatcher,
    transforms: readonly NamedTransform[] | undefined,
    whole: Buffer | HeldBody | null,
  ) {
    this.#pipeline = transforms ? new BodyPipeline(transforms) : null
    this.#client = client
    this.#upstream = upstream
    this.#watcher = watcher
    if (whole === null) client.readBody(this)
    else if (whole instanceof HeldBody) this.#sendHeld(whole)
    else this.#replay(whole)
  }

  #sendHeld(held: HeldBody): void {
    this.#held = held
    void held.send({
      write: (piece) => {
        this.#watcher.onrequestbytes(piece.length)
        return this.#upstream.gone || this.#upstream.writeBody(piece)
      },
      end: () => this.onrequestend([]),
      failed: (error) => {
        this.#upstream.destroy()
        this.#watcher.onbodyfailed(error)
      },
    })
  }

  #replay(whole: Buffer): void {
    if (whole.length > 0) this.onrequestdata(whole)
    this.onrequestend([])
  }

  /** The app accepts more. */
  resume(): void {
    if (this.#held === null) this.#client.resumeBody()
    else this.#held.resume()
  }

  onrequestdata(chunk: Buffer): void {
    this.#watcher.onrequestbytes(chunk.length)
    const bytes = this.#pipeline === null ? chunk : this.#through(chunk, false)
    if (bytes.length > 0 && !this.#upstream.writeBody(bytes)) this.#client.pauseBody()
  }

  onrequestend(trailers: readonly string[]): void {
    if (this.#pipeline !== null) {
      const rest = this.#through(NOTHING, true)
      if (rest.length > 0) this.#upstream.writeBody(rest)
    }
    if (this.#upstream.gone) return
    this.#upstream.endBody(passedTrailers(trailers))
    this.#watcher.onrequestsent()
  }

  /** A transform that fails ends the request: the app never sees a complete body. */
  #through(chunk: Buffer, last: boolean): Buffer {
    try {
      return last ? this.#pipeline!.end(chunk) : this.#pipeline!.write(chunk)
    } catch (error) {
      this.#upstream.destroy()
      this.#watcher.onbodyfailed(error)
      return NOTHING
    }
  }
}

function passedTrailers(raw: readonly string[]): readonly string[] {
  return raw.filter((_, i) => !isForbiddenTrailer((raw[i - (i % 2)] as string).toLowerCase()))
}
