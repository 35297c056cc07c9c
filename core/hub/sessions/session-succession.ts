import type { Transaction } from '../../api/database.ts'
import type { OpenSession } from '../../api/sessions.ts'
import type { SessionTables } from './migrations.ts'

/** Of one sign-in at one app: a browser holds the cookie of the newest, and what is open may go on with a few before. */
const MOST_AT_APP = 20
/** Sign-ins of one person, browsers and command lines together. */
const MOST_OF_USER = 1_000

/**
 * The oldest of those that a new session would be one too many beside; they end with it. Without a bound one person could
 * open so many that ending them, in one change, holds up everybody's.
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
  // Ids grow with time.
  const rows = await all
    .orderBy('id', 'desc')
    .offset(most - 1)
    .execute()
  return rows.map(({ id }) => id)
}
