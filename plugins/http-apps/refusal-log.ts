import type { Audit } from '@mezite/core'
import type { Deadlines, Waiting } from './deadlines.ts'

const WINDOW_MS = 60_000
const EACH = 10
const MOST = 5_000

interface Seen {
  readonly clientIp: string
  readonly reason: string
  count: number
}

/**
 * Records refusals of requests that nobody in particular sent (malformed, misdirected, forged), so that a flood of
 * them neither fills the audit log nor passes unseen: ten a minute for each client and reason, then one with a count.
 */
export class RefusalLog {
  readonly #audit: Audit
  readonly #deadlines: Deadlines
  readonly #seen = new Map<string, Seen>()
  readonly #sweep: Waiting

  constructor(audit: Audit, deadlines: Deadlines) {
    this.#audit = audit
    this.#deadlines = deadlines
    this.#sweep = { deadline: Number.POSITIVE_INFINITY, onlate: () => this.flush() }
    deadlines.add(this.#sweep)
  }

  note(clientIp: string, reason: string, requestId: string | null): void {
    // Beyond so many clients they are counted together.
    const client = this.#seen.size < MOST ? clientIp : ''
    const key = `${client} ${reason}`
    const seen = this.#seen.get(key) ?? { clientIp: client, reason, count: 0 }
    if (seen.count === 0) this.#seen.set(key, seen)
    if (this.#seen.size === 1) this.#sweep.deadline = this.#deadlines.now + WINDOW_MS
    if (++seen.count <= EACH) this.#record(clientIp, reason, requestId, {})
  }

  /** Records what was only counted. */
  flush(): void {
    this.#sweep.deadline = Number.POSITIVE_INFINITY
    for (const { clientIp, reason, count } of this.#seen.values())
      if (count > EACH) this.#record(clientIp, reason, null, { repeated: count - EACH })
    this.#seen.clear()
  }

  close(): void {
    this.flush()
    this.#deadlines.remove(this.#sweep)
  }

  #record(clientIp: string, reason: string, requestId: string | null, more: object): void {
    this.#audit.record({
      type: 'access.denied',
      success: false,
      reason,
      clientIp: clientIp === '' ? null : clientIp,
      requestId,
      fields: { app: null, ...more },
    })
  }
}
