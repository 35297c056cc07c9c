import { serviceRef } from '../kernel/reference.ts'

/** Background work that one hub of the cluster does at a time. */
export interface Job {
  /** Unique; starts with the name of the plugin: `audit-database-retention`. In `mezctl status`, metrics and logs. */
  readonly name: string
  /** From the end of a run to the start of the next one, in milliseconds; after a failure sooner, a minute at first. */
  readonly everyMs: number
  /** Up to this many milliseconds are added at random. Default: a tenth of `everyMs`. */
  readonly jitterMs?: number
  /** How long a run may take, in milliseconds. Default: a minute. */
  readonly deadlineMs?: number
  /**
   * Does the work; resolves with a short sentence about it for `mezctl status`, or nothing. `signal` aborts at the deadline,
   * when the hub stops, and when the hub has lost its lease because it could not reach the database: stop then. The hub
   * that had the lease may have been killed in the middle, and a hub that was suspended may still run for a moment beside
   * its successor, so a run must be able to repeat what another one has done.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: most jobs return nothing
  run(signal: AbortSignal): Promise<string | void>
}

/**
 * Runs named work in the background, on whichever hub of the cluster takes the lease first; the lease and the last result
 * are in the database. If that hub dies, another one starts again within 30 s.
 */
export interface Jobs {
  /**
   * Adds a job; call it in `setup`. It runs from `lifecycle.start` on and ends before `lifecycle.stop`. `runSoon` starts
   * it without waiting for its interval, once more if it is running. Throws `MEZ_PART_INVALID` outside of `setup`, for a name that
   * is malformed, taken or does not begin with the name of the plugin, and for an interval below a second or above 30 days.
   */
  add(job: Job): { runSoon(): void }
}

/** Background work that the cluster does once, and not on every hub. */
export const jobs = serviceRef<Jobs>('jobs')
