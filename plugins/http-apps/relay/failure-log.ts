import type { Cell, Log, Problem } from '@mezite/core'
import type { Admitted } from '../session/admission.ts'

const EVERY_MS = 10_000

interface Said {
  readonly atMs: number
  /** Since then. */
  unsaid: number
}

/**
 * Counts and logs requests that were let in but got no answer of the app. An app that is down fails every request, so each
 * app and reason has one line in ten seconds, of one of those requests, with the number that had none.
 */
export class FailureLog {
  readonly #log: Log
  readonly #count: (reason: string) => Cell
  readonly #said = new Map<string, Said>()

  constructor(log: Log, count: (reason: string) => Cell) {
    this.#log = log
    this.#count = count
  }

  note({ code, cause }: Problem, { admission }: Admitted, agent: string | null): void {
    this.#count(code).value += 1
    // Recorded, and logged, as a denial.
    if (code === 'revoked') return
    const { app, subject, requestId } = admission
    const key = `${app.id} ${code}`
    const said = this.#said.get(key)
    const nowMs = performance.now()
    if (said !== undefined && nowMs - said.atMs < EVERY_MS) {
      said.unsaid += 1
      return
    }
    this.#said.set(key, { atMs: nowMs, unsaid: 0 })
    const more = said?.unsaid ? { repeated: said.unsaid } : {}
    const why = cause === undefined ? {} : { cause: String(cause) }
    const who = { request_id: requestId, app: app.name, user: subject?.user ?? null, agent, reason: code }
    this.#log.warn({ ...who, ...why, ...more }, 'an app did not answer')
  }
}
