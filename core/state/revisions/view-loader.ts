import type { Database } from '../../api/database.ts'
import type { View } from '../../api/revisions.ts'
import { withDeadline } from '../../kernel/deadline.ts'
import { MezError, messageOf } from '../../kernel/error.ts'
import { type Position, readPosition, readTouched, type Touched } from './change-log.ts'

/** The result of one read transaction; not visible before `swap`. */
export interface Loaded {
  readonly position: Position
  /** Null: everything was loaded. */
  readonly touched: Touched | null
  /** Whether a decision may depend on a touched key. */
  readonly decisive: boolean
  /** Makes everything visible at the same time. */
  swap(): void
}

/** Deadlines for one view in milliseconds: no change becomes visible while it loads. */
const viewDeadlines = { loadMs: 60_000, refreshMs: 10_000 }

/**
 * Reads the changes after `from`, or everything when `from` is null or the log does not cover it. The same REPEATABLE READ
 * transaction reads the latest position, so that all views show the same point in time.
 */
export function loadViews(
  db: Database,
  views: readonly View[],
  from: Position | null,
  { loadMs, refreshMs } = viewDeadlines,
): Promise<Loaded> {
  return db
    .transaction()
    .setIsolationLevel('repeatable read')
    .execute(async (trx) => {
      const position = await readPosition(trx)
      const found = from === null ? null : await readTouched(trx, from, position)
      const swaps: (() => void)[] = []
      for (const view of views) {
        try {
          if (found === null) swaps.push(await withDeadline(() => view.loadAll(trx), loadMs))
          else if (view.kinds.some((kind) => found.touched.has(kind))) {
            swaps.push(await withDeadline(() => view.refresh(trx, found.touched), refreshMs))
          }
        } catch (error) {
          if (error instanceof MezError) throw error
          throw new Error(`the view "${view.name}" cannot be loaded: ${messageOf(error)}`, { cause: error })
        }
      }
      return {
        position,
        touched: found?.touched ?? null,
        decisive: found?.decisive ?? true,
        swap() {
          for (const swap of swaps) swap()
        },
      }
    })
}
