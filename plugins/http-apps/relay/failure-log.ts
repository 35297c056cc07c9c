import type { Cell, Log, Problem } from '@mezite/core'
import type { Admission } from '@mezite/core/protocol'

const EVERY_MS = 10_000

interface Logged {
  readonly atMs: number
  /** Failures that were not logged since then. */
  suppressed: number
}

/**
 * Counts and logs admitted requests that got no response from the app. An app that is down fails every request, so it logs
 * one request per app and reason every ten seconds, with the number of those that it did not log.
 */
export class FailureLog {
  readonly #log: Log
  readonly #count: (reason: string) => Cell
  readonly #logged = new Map<string, Logged>()

  constructor(log: Log, count: (reason: string) => Cell) {
    this.#log = log
    this.#count = count
  }

  note(
    { code, cause }: Problem,
    { admission }: { readonly admission: Admission },
    agent: string | null,
  ): void {
    this.#count(code).value += 1
    // It is recorded and logged as a denial.
    if (code === 'revoked') return
    const { app, subject, requestId } = admission
    const key = `${app.id} ${code}`
    const logged = this.#logged.get(key)
    const nowMs = performance.now()
    if (logged !== undefined && nowMs - logged.atMs < EVERY_MS) {
      logged.suppressed += 1
      return
    }
    this.#logged.set(key, { atMs: nowMs, suppressed: 0 })
    const more = logged?.suppressed ? { repeated: logged.suppressed } : {}
    const why = cause === undefined ? {} : { cause: String(cause) }
    const who = { request_id: requestId, app: app.name, user: subject?.user ?? null, agent, reason: code }
    this.#log.warn({ ...who, ...why, ...more }, 'an app did not respond')
  }
}
