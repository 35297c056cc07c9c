import { isMezError } from '../kernel/error.ts'
import type { Problem } from './problem.ts'
import { problemFor } from './reasons.ts'

/** By SQLSTATE, the errors that are not caused by the request. */
const BY_STATE: Readonly<Record<string, () => Problem>> = {
  '25006': () => problemFor('database_read_only'),
  '53100': () => problemFor('database_full'),
  '53200': () => problemFor('database_busy', 'The database is out of memory.'),
  '53300': () => problemFor('database_busy', 'The database has too many connections right now.'),
  '55P03': () => problemFor('database_busy', 'The database is busy: timed out waiting for a lock.'),
  '57014': () => problemFor('database_busy', 'The database is busy: it did not respond in time.'),
}

const MOST_CAUSES = 8

/**
 * A 503 problem with the reason if the error, or a cause of it, is a database error that time or an operator resolves;
 * null for any other error.
 */
export function databaseProblem(error: unknown): Problem | null {
  let one = error
  for (let depth = 0; one instanceof Error && depth < MOST_CAUSES; one = one.cause, depth++) {
    if (isMezError(one, 'MEZ_DATABASE_UNAVAILABLE')) return problemFor('database_unavailable')
    const known = BY_STATE[String((one as { code?: unknown }).code)]
    if (known) return known()
  }
  return null
}
