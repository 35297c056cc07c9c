import type { BodyReader, Client } from '../client/client.ts'
import type { Upstream } from '../upstream/upstream.ts'
import { isForbiddenTrailer } from './header-names.ts'

/** Is notified of a body on its way to the app. */
export interface BodyWatcher {
  onrequestbytes(count: number): void
  onrequestsent(): void
}

/** Moves the body of one request to the app with back-pressure. A broken upload never looks complete. */
export class RequestBody implements BodyReader {
  readonly #client: Client
  readonly #upstream: Upstream
  readonly #watcher: BodyWatcher

  constructor(client: Client, upstream: Upstream, watcher: BodyWatcher) {
    this.#client = client
    this.#upstream = upstream
    this.#watcher = watcher
    client.readBody(this)
  }

  /** The app accepts more. */
  resume(): void {
    this.#client.resumeBody()
  }

  onrequestdata(chunk: Buffer): void {
    this.#watcher.onrequestbytes(chunk.length)
    if (!this.#upstream.writeBody(chunk)) this.#client.pauseBody()
  }

  onrequestend(trailers: readonly string[]): void {
    if (this.#upstream.gone) return
    this.#upstream.endBody(passedTrailers(trailers))
    this.#watcher.onrequestsent()
  }
}

function passedTrailers(raw: readonly string[]): readonly string[] {
  return raw.filter((_, i) => !isForbiddenTrailer((raw[i - (i % 2)] as string).toLowerCase()))
}
