/** People that are counted at a time; each costs about 100 bytes. */
const MOST_PEOPLE = 100_000

/** Counts requests by the minute. */
export class RequestCounts {
  readonly #counts = new Map<string, number>()
  #minute = 0

  /** Counts one at `now` (milliseconds since the epoch). Returns the seconds to wait if it is beyond the limit, and 0 if not. */
  add(key: string, limit: number, now: number): number {
    const minute = Math.floor(now / 60_000)
    if (minute !== this.#minute || this.#counts.size > MOST_PEOPLE) this.#counts.clear()
    this.#minute = minute
    const count = (this.#counts.get(key) ?? 0) + 1
    this.#counts.set(key, count)
    return count > limit ? Math.ceil((minute + 1) * 60 - now / 1_000) : 0
  }
}
