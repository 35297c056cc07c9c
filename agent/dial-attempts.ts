import type { HubConnection } from './hub-dialer.ts'

const FIRST_RETRY_MS = 200
const LONGEST_RETRY_MS = 10_000
/** A restarting hub returns within seconds, so the first retries wait at most this long. */
const QUICK_RETRY_MS = 1_000
const QUICK_TRIES = 15

/** The hub to dial: its id, or null for any hub. */
export type Wish = string | null

/** Dials hubs until they have a link, with exponential backoff and full jitter. The first attempt starts at once. */
export function createDialAttempts(options: {
  readonly dial: (wish: Wish) => Promise<HubConnection>
  /** `again` repeats the attempt, unless it has ended. */
  readonly opened: (connection: HubConnection, wish: Wish, again: () => void) => void
  /** `retries`: how many attempts this hub has had since `forgive`, without the first. */
  readonly failed: (error: unknown, wish: Wish, retries: number) => void
  readonly signal: AbortSignal
}) {
  const { dial, opened, failed, signal } = options
  const tries = new Map<Wish, { timer?: NodeJS.Timeout }>()
  const failures = new Map<Wish, number>()
  let started = false

  function begin(wish: Wish): void {
    const mine: { timer?: NodeJS.Timeout } = {}
    tries.set(wish, mine)
    const wanted = (): boolean => tries.get(wish) === mine && !signal.aborted
    const again = (): void => {
      if (wanted()) mine.timer = setTimeout(run, waitMs(wish))
    }
    const run = (): void => {
      dial(wish).then(
        (connection) => (wanted() ? opened(connection, wish, again) : void connection.socket.destroy()),
        (error: unknown) => {
          if (!wanted()) return
          failed(error, wish, failures.get(wish) ?? 0)
          again()
        },
      )
    }
    if (started) mine.timer = setTimeout(run, waitMs(wish))
    else run()
    started = true
  }

  function waitMs(wish: Wish): number {
    const attempts = failures.get(wish) ?? 0
    failures.set(wish, attempts + 1)
    const longest = attempts < QUICK_TRIES ? QUICK_RETRY_MS : LONGEST_RETRY_MS
    return Math.random() * Math.min(longest, FIRST_RETRY_MS * 2 ** Math.min(attempts, 10))
  }

  return {
    /** Starts the attempts that are due, and ends the others. */
    tend(due: readonly Wish[]): void {
      for (const [wish, { timer }] of tries) {
        if (due.includes(wish)) continue
        clearTimeout(timer)
        tries.delete(wish)
      }
      for (const wish of due) if (!tries.has(wish)) begin(wish)
    },
    /** The hub has a link. */
    end: (wish: Wish) => void tries.delete(wish),
    /** The next retries wait as briefly as the first ones. */
    forgive: () => failures.clear(),
    stop(): void {
      for (const { timer } of tries.values()) clearTimeout(timer)
    },
  }
}
