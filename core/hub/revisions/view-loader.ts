import type { Database } from '../../api/database.ts'
import type { View } from '../../api/revisions.ts'
import { withDeadline } from '../../kernel/deadline.ts'
import { MezError, messageOf } from '../../kernel/error.ts'
import { type Place, readPlace, readTouched, type Touched } from './change-log.ts'

/** What one reading transaction has found; nothing is visible before `swap`. */
export interface Loaded {
  readonly place: Place
  /** Null: everything was loaded. */
  readonly touched: Touched | null
  /** Something was touched that can alter a decision. */
  readonly decisive: boolean
  /** Makes all of it visible at once. */
  swap(): void
}

/** For one view, in milliseconds: while it is read, nothing that changes becomes visible. */
const viewDeadlines = { loadMs: 60_000, refreshMs: 10_000 }

/**
 * Reads what changed after `from`, or everything when `from` is null or the log cannot tell, in one REPEATABLE READ
 * transaction that also reads where the history stands: all views show the same moment.
 */
export function loadViews(
  db: Database,
  views: readonly View[],
  from: Place | null,
  { loadMs, refreshMs } = viewDeadlines,
): Promise<Loaded> {
  return db
    .transaction()
    .setIsolationLevel('repeatable read')
    .execute(async (trx) => {
      const place = await readPlace(trx)
      const found = from === null ? null : await readTouched(trx, from, place)
      const swaps: (() => void)[] = []
      for (const view of views) {
        try {
          if (found === null) swaps.push(await withDeadline(() => view.loadAll(trx), loadMs))
          else if (view.kinds.some((kind) => found.touched.has(kind))) {
            swaps.push(await withDeadline(() => view.refresh(trx, found.touched), refreshMs))
          }
        } catch (error) {
          if (error instanceof MezError) throw error
          throw new Error(`the view '${view.name}' cannot be read: ${messageOf(error)}`, { cause: error })
        }
      }
      return {
        place,
        touched: found?.touched ?? null,
        decisive: found?.decisive ?? true,
        swap() {
          for (const swap of swaps) swap()
        },
      }
    })
}
