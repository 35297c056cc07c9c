import type { Actor, Audit } from '../../api/audit.ts'
import type { Transaction } from '../../api/database.ts'
import type { Change, Revisions } from '../../api/revisions.ts'
import { createSemaphore } from '../../base/limits/semaphore.ts'
import { MezError } from '../../kernel/error.ts'
import type { OpenDatabase } from '../database/database.ts'
import { runChange } from './change.ts'
import { assignRevision, hasRevision, logChange, type Revision } from './change-log.ts'
import { committed } from './commit.ts'
import type { OpeningOptions } from './openings.ts'

export interface ChangesNeeds {
  readonly store: Pick<OpenDatabase, 'db' | 'dialect'>
  readonly audit: Pick<Audit, 'recordIn'> & { committed(trx: Transaction): void }
}

/** Commits changes, one after the other. Resolves before the views include them. `catchUp`: the one of this hub. */
export function createChanges(
  { store, audit }: ChangesNeeds,
  { changeMs, certain }: Pick<OpeningOptions, 'changeMs' | 'certain'>,
  catchUp: Revisions['catchUp'],
) {
  const { db } = store
  const alone = store.dialect === 'embedded'
  const acquireTurn = createSemaphore({
    atOnce: 1,
    waiting: 500,
    waitMs: 10_000,
    refuse: (why) => new MezError('MEZ_DATABASE_UNAVAILABLE', `the change was not made: ${why}`),
  })

  /** Rejects when the caller has lost the permission for the change while it waited. */
  async function checkCaller(by: Actor | null): Promise<void> {
    if (!by?.stillMay) return
    await catchUp()
    await by.stillMay()
  }

  return async <T>(body: (trx: Transaction, change: Change) => Promise<T>, by: Actor | null): Promise<T> => {
    const { trx, value } = await committed<{ trx: Transaction; revision: Revision; value: T }>(
      async (done) => {
        const release = await acquireTurn()
        try {
          // The transaction holds the only connection of the embedded database; the turn already excludes other changes.
          if (alone) await checkCaller(by)
          await db.transaction().execute(async (trx) => {
            const revision = await assignRevision(trx)
            if (!alone) await checkCaller(by)
            const whole: typeof body = async (own, change) => {
              const result = await body(own, change)
              await by?.within?.(own)
              return result
            }
            const { value, touches, audited } = await runChange(trx, whole, changeMs)
            if (audited.length > 0) await audit.recordIn(trx, audited)
            await logChange(trx, revision, touches)
            done({ trx, revision, value })
          })
        } finally {
          release()
        }
      },
      ({ revision }) => certain(() => hasRevision(db, revision)),
    )
    audit.committed(trx)
    return value
  }
}
