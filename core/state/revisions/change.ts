import type { AuditInput } from '../../api/audit.ts'
import type { Transaction } from '../../api/database.ts'
import type { Change } from '../../api/revisions.ts'
import { withDeadline } from '../../kernel/deadline.ts'
import { MezError } from '../../kernel/error.ts'
import { insideTransaction } from '../database/transaction-guard.ts'
import type { Touch } from './change-log.ts'

/** The result of a change, with the keys it touched and the audit events it recorded. */
export interface ChangeResult<T> {
  readonly value: T
  readonly touches: readonly Touch[]
  readonly audited: readonly AuditInput[]
}

/**
 * Runs the body of a change. Rejects with `MEZ_DATABASE_UNAVAILABLE` after the deadline, and so does every later query on
 * its `trx`.
 */
export async function runChange<T>(
  trx: Transaction,
  body: (trx: Transaction, change: Change) => Promise<T>,
  deadlineMs: number,
): Promise<ChangeResult<T>> {
  const touches: Touch[] = []
  const audited: AuditInput[] = []
  let state = 'running' as 'running' | 'settled' | 'ended'
  const own = trx.withPlugin({
    transformQuery({ node }) {
      // A query during the rollback would be queued behind it and run outside of any transaction.
      if (state === 'ended')
        throw new MezError('MEZ_TRANSACTION_BYPASSED', 'the transaction of this change has ended')
      return node
    },
    transformResult: async ({ result }) => result,
  })
  const change: Change = {
    touch: (kind, key) => void touches.push([kind, key, false]),
    noted: (kind, key) => void touches.push([kind, key, true]),
    audit: async (event) => void audited.push(event),
  }
  const run = () =>
    insideTransaction(() => body(own, change)).finally(() => {
      if (state === 'running') state = 'settled'
    })
  try {
    return { value: await withDeadline(run, deadlineMs), touches, audited }
  } catch (cause) {
    if (state === 'settled') throw cause
    const message = `the change was not made: it timed out after ${deadlineMs} ms`
    throw new MezError('MEZ_DATABASE_UNAVAILABLE', message, { cause })
  } finally {
    state = 'ended'
  }
}
