import { hash } from 'node:crypto'

/** A place in a chain: the number of its link, from 1 on, and the hash of everything up to it. */
export interface Link {
  readonly n: number
  readonly hash: string
}

/**
 * Links of one chain that follow each other and were removed. With the hash before and the last hash, the events on both sides
 * are still bound to what was recorded.
 */
export interface Gap {
  /** Place of the first removed event. */
  readonly seq: number
  readonly hub: string
  /** Number of the first removed link. */
  readonly n: number
  /** Number and hash of the last one. */
  readonly last: number
  readonly hash: string
  /** Hash of the link before the first. */
  readonly before: string
}

/** The start of a hub's chain. It contains the hub, so that one chain cannot be passed off as another hub's. */
export const beginningOf = (hub: string): Link => ({ n: 0, hash: hashOf(`mezite audit chain of ${hub}`) })

/** The link after `before`, for an event as its exact JSON text. */
export const nextLink = (before: Link, event: string): Link => ({
  n: before.n + 1,
  hash: hashOf(`${before.hash}\n${event}`),
})

/** SHA-256 in base64url. */
export const hashOf = (text: string): string => hash('sha256', text, 'base64url')
