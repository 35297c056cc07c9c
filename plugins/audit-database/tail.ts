import { Readable } from 'node:stream'
import { type Database, type Log, messageOf } from '@mezite/core'
import { lastSeq, readEvents } from './event-query.ts'
import { problemFor } from './reasons.ts'

const POLL_MS = 500
const ALIVE_MS = 15_000
const PAGE = 500
/** A reader that lags behind by this many bytes is disconnected; it can query the events that it missed. */
const LAG_BYTES = 4 * 1024 * 1024
/** Each may hold so many unread bytes. */
const MOST_PER_PERSON = 24

interface Follower {
  readonly user: string
  readonly stream: Readable
  readonly stillAllowed: () => boolean
}

/** Follows the trail of the whole cluster for any number of readers with one query every half a second. */
export interface Tail {
  /**
   * NDJSON of every event from now on, and an empty line now and then. Ends when `stillAllowed` returns false. Rejects with
   * `Problem` 429 `too_many_streams` when this user already has too many.
   */
  follow(user: string, stillAllowed: () => boolean): Promise<Readable>
  /** Ends every stream; further ones end at once. */
  end(): void
}

export function createTail(
  database: Database,
  log: Log,
  limits = { pollMs: POLL_MS, aliveMs: ALIVE_MS },
): Tail {
  const followers = new Set<Follower>()
  let seen = 0
  let ended = false
  let running = false
  let wake: (() => void) | undefined

  function send(follower: Follower, lines: string): void {
    const { stream } = follower
    if (!follower.stillAllowed()) leave(follower)
    else if (stream.readableLength > LAG_BYTES) {
      log.warn('disconnected a reader of the audit trail that was too slow')
      leave(follower)
    } else stream.push(lines)
  }

  function leave(follower: Follower): void {
    if (followers.delete(follower)) follower.stream.push(null)
  }

  async function run(): Promise<void> {
    let quietMs = 0
    while (followers.size > 0 && !ended) {
      let full = false
      try {
        const events = await readEvents(database, {}, { after: seen }, PAGE)
        const last = events.at(-1)
        if (last) {
          seen = last.seq
          const lines = events.map(({ event }) => `${JSON.stringify(event)}\n`).join('')
          for (const follower of followers) send(follower, lines)
        }
        quietMs = last ? 0 : quietMs + limits.pollMs
        full = events.length === PAGE
      } catch (error) {
        log.warn({ error: messageOf(error) }, 'failed to read the audit trail')
        quietMs += limits.pollMs
      }
      for (const follower of followers) if (!follower.stillAllowed()) leave(follower)
      if (quietMs >= limits.aliveMs) {
        for (const follower of followers) send(follower, '\n')
        quietMs = 0
      }
      if (!full) await rest()
    }
    running = false
  }

  function rest(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, limits.pollMs)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  return {
    async follow(user, stillAllowed) {
      // Read before the stream exists, so that no event after the start of the response is missed.
      const end = await lastSeq(database)
      if ([...followers].filter((one) => one.user === user).length >= MOST_PER_PERSON)
        throw problemFor('too_many_streams', 'You already follow the audit trail too many times.')
      if (followers.size === 0) seen = end
      const stream = new Readable({ read() {} })
      const follower = { user, stream, stillAllowed }
      stream.once('close', () => {
        followers.delete(follower)
        if (followers.size === 0) wake?.()
      })
      stream.on('error', () => followers.delete(follower))
      // Makes the hub send the head of the response.
      stream.push('\n')
      if (ended) {
        stream.push(null)
        return stream
      }
      followers.add(follower)
      if (!running) {
        running = true
        void run()
      }
      return stream
    },
    end() {
      ended = true
      for (const follower of followers) leave(follower)
      wake?.()
    },
  }
}
