import type { Transaction } from '../../api/database.ts'
import type { Session } from '../../api/sessions.ts'
import type { SessionTable, SessionTables } from './migrations.ts'
import { sessionOf } from './session-store.ts'

/** The sessions of a user or a connector that have not ended by `now` (milliseconds since the epoch). */
export async function listIn(
  trx: Transaction,
  of: { readonly user: string } | { readonly connector: string },
  now: number,
): Promise<readonly Session[]> {
  const open = trx
    .withTables<SessionTables>()
    .selectFrom('sessions')
    .selectAll()
    .where('ended', 'is', null)
    .where('expires', '>', now)
  const theirs =
    'user' in of ? open.where('user_name', '=', of.user) : open.where('connector', '=', of.connector)
  return (await theirs.execute()).map((row) => sessionOf(row as SessionTable))
}
