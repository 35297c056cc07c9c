import type { Actor, AuditInput } from '../../api/audit.ts'
import type { Transaction } from '../../api/database.ts'
import type { Change } from '../../api/revisions.ts'
import { foldName } from '../users/user-name.ts'
import type { AccessTables, ApiTokenTable } from './migrations.ts'

/** What changes of API tokens touch. */
export const API_TOKEN = 'api-token'

/** A change of a token for the audit; its secret is nowhere. */
export function apiTokenEvent(
  type: string,
  { id, name }: Pick<ApiTokenTable, 'id' | 'name'>,
  by: Actor,
): AuditInput {
  return { type, success: true, by, fields: { name, token: id, kind: 'api' } }
}

/**
 * Ends the API tokens that somebody has made, in the change that takes their name from them: a token may what its maker
 * may, and whoever gets the name next has not made it. `key` is that of the user.
 */
export async function revokeApiTokens(
  trx: Transaction,
  change: Change,
  key: string,
  by: Actor,
): Promise<void> {
  const tables = trx.withTables<AccessTables>()
  const all = await tables.selectFrom('api_tokens').select(['id', 'name', 'creator']).execute()
  for (const token of all.filter(({ creator }) => foldName(creator) === key)) {
    await tables.deleteFrom('api_tokens').where('id', '=', token.id).execute()
    change.touch(API_TOKEN, token.id)
    await change.audit(apiTokenEvent('token.deleted', token, by))
  }
}
