import type { Transaction } from '../../api/database.ts'
import type { Change } from '../../api/revisions.ts'
import type { AccessTables } from './migrations.ts'

/** Drops the mapped roles of all users who last signed in through this connector; assigned roles stay. */
export async function dropMappedRoles(
  trx: Transaction,
  change: Pick<Change, 'touch'>,
  connector: string,
): Promise<void> {
  const rows = await trx
    .withTables<AccessTables>()
    .updateTable('users')
    .set({ mapped_roles: '[]' })
    .where('connector', '=', connector)
    .where('mapped_roles', '!=', '[]')
    .returning('key')
    .execute()
  for (const { key } of rows) change.touch('user', key)
}
