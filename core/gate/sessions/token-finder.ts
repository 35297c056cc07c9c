import { setTimeout as pause } from 'node:timers/promises'
import type { Revisions } from '../../api/revisions.ts'
import type { Clock } from '../../kernel/clock.ts'
import { hashToken, isToken } from './session-insert.ts'
import type { Held, SessionStore } from './session-store.ts'

/** Tokens whose session is cached, so that requests need not hash them. */
const MAX_KNOWN = 100_000
/** Hashes that were looked up and not found. */
const MAX_UNKNOWN = 10_000
const UNKNOWN_MS = 1_000
/** Limits the reads that unknown tokens cause, over all clients together. */
const MIN_BETWEEN_READS_MS = 100
const MAX_WAITING = 1_000

/**
 * Finds the session of a token. Unknown tokens cost bounded memory and at most ten database reads a second; when too many
 * arrive at once, the rest count as unknown without a read.
 */
export function createTokenFinder({
  store,
  revisions,
  clock,
}: {
  readonly store: Pick<SessionStore, 'byHash' | 'byId'>
  readonly revisions: Pick<Revisions, 'catchUp'>
  readonly clock: Clock
}) {
  const known = new Map<string, Held>()
  const unknown = new Map<string, number>()
  let reading: Promise<void> | null = null
  let readAt = Number.NEGATIVE_INFINITY
  let waiting = 0

  function remember(token: string, held: Held): Held {
    if (known.size >= MAX_KNOWN) known.delete(known.keys().next().value as string)
    // The token may be a part of a whole request head, which V8 would keep in memory with it.
    known.set(Buffer.from(token, 'latin1').toString('latin1'), held)
    return held
  }

  /** Starts a read after the call; callers that arrive before it starts share it. */
  function readSoon(): Promise<void> {
    reading ??= (async () => {
      const waitMs = readAt + MIN_BETWEEN_READS_MS - clock.monotonic()
      // Always await: `reading = null` below must run after the assignment above, or `reading` would stay set for ever.
      await (waitMs > 0 ? pause(Math.min(waitMs, MIN_BETWEEN_READS_MS)) : null)
      readAt = clock.monotonic()
      reading = null
      await revisions.catchUp()
    })()
    return reading
  }

  async function lookAgain(token: string, hash: string): Promise<Held | undefined> {
    waiting += 1
    try {
      await readSoon()
    } catch {
      // Without the database the token stays unknown.
    } finally {
      waiting -= 1
    }
    const held = store.byHash(hash)
    if (held) return remember(token, held)
    if (unknown.size >= MAX_UNKNOWN) unknown.delete(unknown.keys().next().value as string)
    unknown.set(hash, clock.monotonic())
    return undefined
  }

  return (token: string): Held | undefined | Promise<Held | undefined> => {
    const before = known.get(token)
    if (before) {
      if (store.byId(before.session.id) === before) return before
      known.delete(token)
    }
    if (!isToken(token)) return undefined
    const hash = hashToken(token)
    const held = store.byHash(hash)
    if (held) return remember(token, held)
    const missedAt = unknown.get(hash)
    if (missedAt !== undefined && clock.monotonic() - missedAt < UNKNOWN_MS) return undefined
    unknown.delete(hash)
    return waiting >= MAX_WAITING ? undefined : lookAgain(token, hash)
  }
}
