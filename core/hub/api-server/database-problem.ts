import { Problem } from '../../api/problem.ts'
import { isMezError } from '../../kernel/error.ts'

/** By SQLSTATE, what passes without anybody changing the request: code and words of the answer. */
const BY_STATE: Readonly<Record<string, readonly [code: string, detail: string]>> = {
  '25006': ['database_read_only', 'The database takes no changes at the moment.'],
  '53100': ['database_full', 'The disk of the database is full.'],
  '53200': ['database_busy', 'The database is out of memory at the moment.'],
  '53300': ['database_busy', 'The database has too many connections at the moment.'],
  '55P03': ['database_busy', 'The database is busy: a lock was not to be had in time.'],
  '57014': ['database_busy', 'The database is busy: it did not answer in time.'],
}

const MOST_CAUSES = 8

/**
 * 503 with the reason for an error of the database that time or an operator mends, also where it is the cause of another
 * one; null for any other error.
 */
export function databaseProblem(error: unknown): Problem | null {
  let one = error
  for (let depth = 0; one instanceof Error && depth < MOST_CAUSES; one = one.cause, depth++) {
    if (isMezError(one, 'MEZ_DATABASE_UNAVAILABLE')) {
      return new Problem(503, 'database_unavailable', 'The database cannot be asked at the moment.')
    }
    const known = BY_STATE[String((one as { code?: unknown }).code)]
    if (known) return new Problem(503, ...known)
  }
  return null
}
