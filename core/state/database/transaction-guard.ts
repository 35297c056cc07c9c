import { AsyncLocalStorage } from 'node:async_hooks'
import { MezError } from '../../kernel/error.ts'

/** Open while code runs inside the transaction of a change. */
const current = new AsyncLocalStorage<{ open: boolean }>()

/** Runs the body of a change. Until it ends, `refuseBesideTransaction` throws in everything that it calls. */
export async function insideTransaction<T>(body: () => Promise<T>): Promise<T> {
  const scope = { open: true }
  try {
    return await current.run(scope, body)
  } finally {
    scope.open = false
  }
}

/**
 * Throws `MEZ_TRANSACTION_BYPASSED` inside a change. A query there that does not run in the change's own transaction waits
 * for that transaction on the embedded database and does not see its writes on PostgreSQL.
 */
export function refuseBesideTransaction(): void {
  if (!current.getStore()?.open) return
  throw new MezError(
    'MEZ_TRANSACTION_BYPASSED',
    'a change used the database outside its own transaction: inside `revisions.write`, run every query on `trx`, its first argument',
  )
}
