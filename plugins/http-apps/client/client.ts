import type { Duplex } from 'node:stream'
import type { HubResponse } from '@mezite/core/protocol'
import type { ResponseHead } from '../upstream/response-parser.ts'

/** A bare connection that a browser wants to use for something else, and what came on it already. */
export interface Upgrade {
  readonly socket: Duplex
  readonly head: Buffer
}

/** Hears of the answer on its way to the browser. */
export interface ClientWatcher {
  /** The browser takes more after `write` returned false. */
  onclientdrain(): void
  /** The answer is complete, or the connection is gone. May come more than once. */
  onclientgone(): void
}

/** Hears of the body of a request. */
export interface BodyReader {
  onrequestdata(chunk: Buffer): void
  /** The body came whole; `trailers` are name and value in turn. Never called for a broken upload. */
  onrequestend(trailers: readonly string[]): void
}

/** The browser's side of one request. Nothing here throws, however the browser behaves. */
export interface Client {
  /** What it shares with other requests. */
  readonly connection: Duplex
  /** Nobody waits for the answer any more. */
  readonly gone: boolean
  readonly upgrade: Upgrade | null
  /** The request has been read to its end. */
  readonly complete: boolean
  watch(watcher: ClientWatcher): void

  readBody(reader: BodyReader): void
  pauseBody(): void
  resumeBody(): void
  /** The answer is over before the body: the rest is read unheard for a while, or refused. */
  abandonBody(): void
  /** 100: the body is welcome. */
  welcomeBody(): void

  /** Another interim answer; one that cannot be written is left out. */
  inform(status: number, lines: string[]): void
  /** The head of the answer; false when these lines cannot be written. */
  head(head: ResponseHead, lines: string[]): boolean
  /** False: wait for `onclientdrain`. */
  write(chunk: Buffer): boolean
  /** The end of the answer, with its last bytes or with trailers. */
  end(chunk: Buffer | null, trailers: [string, string][]): void
  /** A whole answer of the hub's own, unless one has begun. `last`: an HTTP/1.1 connection ends with it. */
  respond(given: HubResponse, last?: boolean): void
  /** 101: the connection is the caller's after this head. */
  switchProtocols(head: string): void
  /** Cuts at once: the browser sees a reset, never a clean end. */
  cut(): void
}
