import type { Database, Transaction } from '../../api/database.ts'
import { runChange } from './change.ts'
import { assignRevision, hasRevision, logChange, type Revision } from './change-log.ts'
import { committed } from './commit.ts'
import { hasOpening, joinOpenings, logOpening, type Noted, type Opening } from './opening-log.ts'

/** Writes rows; `noted` are announced to all hubs. */
export type OpeningBody<T> = (
  trx: Transaction,
) => Promise<{ readonly value: T; readonly noted: readonly Noted[] }>

export interface OpeningOptions {
  readonly db: Database
  /** True while a hub runs that reads new sessions only from the log of changes. */
  readonly olderHubs: () => boolean
  readonly changeMs: number
  /** Retries until it is certain whether the transaction was committed. */
  readonly certain: (check: () => Promise<boolean>) => Promise<boolean>
}

interface Committed<T> {
  readonly value: T
  readonly revision: Revision | null
  readonly opening: Opening | null
}

/**
 * Commits openings. They do not wait for changes, nor changes for them, except for those that call `excludeOpenings`. This
 * is safe because an opening gives no access that a change before it took away: what it reads (who holds the name, which
 * confirmations the sign-in still has) only such a change may take away, and every hub reads the new session in the same
 * snapshot as all changes up to then.
 */
export function createOpenings({ db, olderHubs, changeMs, certain }: OpeningOptions) {
  const check = <T>({ revision, opening }: Committed<T>): Promise<boolean> => {
    if (revision) return certain(() => hasRevision(db, revision))
    return opening ? certain(() => hasOpening(db, opening)) : Promise.resolve(false)
  }
  return async <T>(body: OpeningBody<T>): Promise<T> => {
    const { value } = await committed<Committed<T>>(
      (done) =>
        db.transaction().execute(async (trx) => {
          const revision = olderHubs() ? await assignRevision(trx) : null
          await joinOpenings(trx)
          const { noted, value } = (await runChange(trx, body, changeMs)).value
          const opening = revision || noted.length === 0 ? null : await logOpening(trx, noted)
          if (revision)
            await logChange(
              trx,
              revision,
              noted.map(([kind, key]) => [kind, key, true]),
            )
          done({ value, revision, opening })
        }),
      check,
    )
    return value
  }
}
