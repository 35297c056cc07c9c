import type { Transaction } from '@mezite/core'
import type { CheckpointKey } from './checkpoint-key.ts'
import type { AuditTables } from './migrations.ts'
import { read, type Start, signed, wholeTrail } from './statement.ts'

/** Reads where the trail begins. Throws when this cluster did not sign it. */
export async function readStart(trx: Transaction, key: CheckpointKey): Promise<Start> {
  const row = await trx
    .withTables<AuditTables>()
    .selectFrom('audit_database_start')
    .select(['statement', 'signature'])
    .executeTakeFirst()
  if (!row) return wholeTrail
  const start = read<Start>(key, 'start', row)
  if (!start) throw new Error('the start of the audit trail is not signed by this cluster')
  return start
}

export async function writeStart(trx: Transaction, key: CheckpointKey, start: Start): Promise<void> {
  const row = signed(key, start)
  await trx
    .withTables<AuditTables>()
    .insertInto('audit_database_start')
    .values({ id: 1, ...row })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute()
}
