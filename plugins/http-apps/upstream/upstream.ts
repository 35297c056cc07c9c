import type { App } from '@mezite/core'
import type { Pipe } from '@mezite/core/protocol'
import type { NamedTransform } from '../request/body-pipeline.ts'
import type { ResponseEvents } from './response-parser.ts'
import type { UpstreamFailure } from './upstream-failure.ts'

/** Header lines that many requests have in common. */
export interface HeaderText {
  /** Name and value in turn. */
  readonly lines: readonly string[]
  /** The same for HTTP/1.1. */
  readonly bytes: Buffer
}

/** The head of a request towards the app, independent of the version of HTTP. */
export interface RequestHead {
  readonly method: string
  /** Path and query. */
  readonly target: string
  readonly host: string
  /**
   * The identity, and how the request came to the hub. It comes first on the wire, because some servers silently drop
   * header lines beyond a count.
   */
  readonly first: HeaderText
  readonly requestId: string
  /** Name and value in turn, without host and framing. */
  readonly lines: readonly string[]
  /** Bytes of the body; null: unknown until it ends; undefined: there is none. */
  readonly length: number | null | undefined
  readonly transforms?: readonly NamedTransform[] | undefined
  /** A WebSocket handshake. */
  readonly upgrade: boolean
  /** The client reads trailers (`TE: trailers`). */
  readonly trailers: boolean
}

/** The current user of an upstream connection. */
export interface UpstreamUser extends ResponseEvents {
  ondrain(): void
  /** The response will not come, or not in full; the connection is gone. */
  onfail(failure: UpstreamFailure): void
}

/** A connection to an app over a pipe. It carries one request at a time, whatever version of HTTP it speaks. */
export interface Upstream {
  readonly app: App
  readonly sessionKey: string
  readonly pipe: Pipe
  readonly agent: string
  readonly version: '1.1' | '2'
  readonly gone: boolean
  /** Its link is about to close, so it does not serve another request. */
  readonly going: boolean
  /** The response has begun to arrive. */
  readonly responding: boolean
  /** It may serve another request, now that the response is complete. */
  readonly reusable: boolean
  /** It has served another request before. */
  reused: boolean
  /** When it was put back, on the clock of the pool. */
  idleSince: number
  ongone: (upstream: Upstream) => void
  /** Prepares for the response to this request; `send` follows at once, unless the connection is gone. */
  begin(user: UpstreamUser, head: RequestHead): void
  send(head: RequestHead): void
  /** Writes bytes of the body, or of a WebSocket. False: wait for `ondrain`. */
  writeBody(chunk: Buffer): boolean
  /** The body is complete; `trailers` are name and value in turn. */
  endBody(trailers: readonly string[]): void
  /** Removes the user, which receives no further events. */
  leave(): void
  pause(): void
  resume(): void
  destroy(): void
}

/** Whether the app is reached over TLS. */
export const isSecure = (uri: string): boolean => uri.startsWith('https:')
