import type { Transaction } from '../../api/database.ts'
import type { OpenSession } from '../../api/sessions.ts'
import type { SessionTables } from './migrations.ts'

/** For one sign-in and one app. The browser has only the newest cookie, but earlier sessions may have live streams. */
const MOST_AT_APP = 20
/** Sign-ins of one user, browsers and command lines together. */
const MOST_OF_USER = 1_000

/**
 * The oldest sessions, which must end to make room for a new one. Without a limit, one user could open so many sessions
 * that the change that ends them would block all others.
 */
export async function superseded(
  trx: Transaction,
  { kind, user, appId, parentId }: OpenSession,
): Promise<readonly string[]> {
  const living = trx
    .withTables<SessionTables>()
    .selectFrom('sessions')
    .select('id')
    .where('ended', 'is', null)
  const ofApp = living.where('parent_id', '=', parentId ?? '').where('app_id', '=', appId ?? '')
  const ofUser = living.where('user_name', '=', user).where('kind', '!=', 'app')
  const [all, most] = kind === 'app' ? [ofApp, MOST_AT_APP] : [ofUser, MOST_OF_USER]
  // Ids increase with time.
  const rows = await all
    .orderBy('id', 'desc')
    .offset(most - 1)
    .execute()
  return rows.map(({ id }) => id)
}
