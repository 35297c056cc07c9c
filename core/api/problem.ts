import { isMezError } from '../kernel/error.ts'

/**
 * An error that becomes an RFC 9457 problem (`application/problem+json`), or a page for a person. Any route can throw it.
 * `code` is a stable reason code in snake_case; `detail` is a sentence that names the thing, the problem and the next step.
 */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly status: number
  readonly code: string
  /**
   * Additional public members of the document, such as `login_url`; `title` replaces the default heading of the code.
   */
  readonly members: Readonly<Record<string, unknown>>
  /** Its cause has been recorded already, so the response is neither recorded nor logged again. */
  audited = false
  /** Where the page about it offers to try again: a path. Default: nowhere. */
  retryUrl?: string

  constructor(status: number, code: string, detail: string, members: Readonly<Record<string, unknown>> = {}) {
    super(detail)
    this.status = status
    this.code = code
    this.members = members
  }
}

/** By SQLSTATE, the code and detail for errors that are not caused by the request. */
const BY_STATE: Readonly<Record<string, readonly [code: string, detail: string]>> = {
  '25006': ['database_read_only', 'The database is read-only right now.'],
  '53100': ['database_full', 'The disk of the database is full.'],
  '53200': ['database_busy', 'The database is out of memory.'],
  '53300': ['database_busy', 'The database has too many connections right now.'],
  '55P03': ['database_busy', 'The database is busy: timed out waiting for a lock.'],
  '57014': ['database_busy', 'The database is busy: it did not respond in time.'],
}

const MOST_CAUSES = 8

/**
 * A 503 problem with the reason if the error, or a cause of it, is a database error that time or an operator resolves;
 * null for any other error.
 */
export function databaseProblem(error: unknown): Problem | null {
  let one = error
  for (let depth = 0; one instanceof Error && depth < MOST_CAUSES; one = one.cause, depth++) {
    if (isMezError(one, 'MEZ_DATABASE_UNAVAILABLE')) {
      return new Problem(503, 'database_unavailable', 'The database is unreachable.')
    }
    const known = BY_STATE[String((one as { code?: unknown }).code)]
    if (known) return new Problem(503, ...known)
  }
  return null
}
