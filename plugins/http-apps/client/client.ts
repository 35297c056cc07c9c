import type { Duplex } from 'node:stream'
import type { HubResponse } from '@mezite/core/protocol'
import type { ResponseHead } from '../upstream/response-parser.ts'

/** A bare connection that a browser wants to use for something else, and what came on it already. */
export interface Upgrade {
  readonly socket: Duplex
  readonly head: Buffer
}

/** Is notified of the response on its way to the browser. */
export interface ClientWatcher {
  /** The browser accepts more after `write` returned false. */
  onclientdrain(): void
  /** The response is complete, or the connection is gone. May be called more than once. */
  onclientgone(): void
}

/** Receives the body of a request. */
export interface BodyReader {
  onrequestdata(chunk: Buffer): void
  /** The body is complete; `trailers` are name and value in turn. Never called for a broken upload. */
  onrequestend(trailers: readonly string[]): void
}

/** The browser's side of one request. Nothing here throws, however the browser behaves. */
export interface Client {
  /** The connection, which other requests may share. */
  readonly connection: Duplex
  /** The client no longer waits for the response. */
  readonly gone: boolean
  readonly upgrade: Upgrade | null
  /** The request has been read to its end. */
  readonly complete: boolean
  watch(watcher: ClientWatcher): void

  readBody(reader: BodyReader): void
  pauseBody(): void
  resumeBody(): void
  /** The response has ended before the body: the rest is read and discarded for a while, or refused. */
  abandonBody(): void
  /** Sends 100 (Continue). */
  welcomeBody(): void

  /** Sends another interim response; one that cannot be written is skipped. */
  inform(status: number, lines: string[]): void
  /** Sends the head of the response; false when these lines cannot be written. */
  head(head: ResponseHead, lines: string[]): boolean
  /** False: wait for `onclientdrain`. */
  write(chunk: Buffer): boolean
  /** Ends the response, with its last bytes or with trailers. */
  end(chunk: Buffer | null, trailers: [string, string][]): void
  /** Sends a complete response of the hub, unless one has begun. `last`: closes an HTTP/1.1 connection after it. */
  respond(given: HubResponse, last?: boolean): void
  /** Sends this head of a 101; the caller owns the connection after it. */
  switchProtocols(head: string): void
  /** Cuts at once: the browser sees a reset, never a clean end. */
  cut(): void
}
