/** What a load generator is told to do: on each connection one exchange after the other. */
export interface LoadJob {
  readonly port: number
  /** Address that is connected to; default: 127.0.0.1. */
  readonly address?: string
  /**
   * Server Name Indication; null: no TLS. No certificate is looked at, since the bench's own programs are on the other
   * side.
   */
  readonly servername: string | null
  /** One request head for each connection, blank line included. */
  readonly heads: readonly string[]
  /** Zero bytes that follow each head. */
  readonly bodyBytes: number
  /** Upgrade once, then echo frames. */
  readonly echo: boolean
  /** Between an answer and the next request, in milliseconds. */
  readonly pauseMs: number
  /**
   * Requests a second of all connections together, each due at its own time; 0: each follows the answer to the one before. The
   * latency of one that could not be sent when it was due, because its connection still waited for an answer, counts from
   * then: otherwise a target that stops for a moment would be asked less meanwhile, and look faster (coordinated omission).
   */
  readonly perSecond: number
  readonly warmUpMs: number
  /** 0: one exchange on each connection, which then stay open until the next job. */
  readonly ms: number
}

/** Sent when the warm-up is over, and at the end. */
export type LoadReport =
  | { readonly kind: 'begun' }
  | { readonly kind: 'failed'; readonly message: string }
  | ({ readonly kind: 'done' } & LoadResult)

export interface LoadResult {
  readonly exchanges: number
  /** Body bytes of both directions that whole exchanges have moved, and those of what was under way. */
  readonly bytes: number
  readonly seconds: number
  readonly p50Ms: number
  readonly p99Ms: number
}
