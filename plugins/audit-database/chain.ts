import { hash } from 'node:crypto'

/** A place in a chain: the number of its link, from 1 on, and the hash of everything up to it. */
export interface Link {
  readonly n: number
  readonly hash: string
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
