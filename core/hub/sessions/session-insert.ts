import { v7 as uuidv7 } from 'uuid'
import type { Transaction } from '../../api/database.ts'
import { Problem } from '../../api/problem.ts'
import type { Change } from '../../api/revisions.ts'
import type { OpenSession } from '../../api/sessions.ts'
import type { RunningUsers } from '../users/users.ts'
import type { SessionTables } from './migrations.ts'
import { hashToken, newToken } from './session-token.ts'

/**
 * Writes a new session inside a change; only the hash of its token is stored. `now` in milliseconds since the epoch.
 * Throws `Problem` 401 `login_required` when the user was deleted or the name now belongs to another user.
 */
export async function insertSession(
  trx: Transaction,
  change: Pick<Change, 'opened'>,
  input: OpenSession,
  users: Pick<RunningUsers, 'holderIn'>,
  now: number,
): Promise<{ readonly id: string; readonly token: string }> {
  const holder = await users.holderIn(trx, input.user)
  if (holder === undefined || (input.holder !== undefined && input.holder !== holder)) {
    throw new Problem(401, 'login_required', 'The user has just been removed. Sign in again.')
  }
  const token = newToken()
  const id = uuidv7()
  await trx
    .withTables<SessionTables>()
    .insertInto('sessions')
    .values({
      id,
      hash: hashToken(token),
      kind: input.kind,
      user_name: input.user,
      holder,
      connector: input.connector ?? null,
      app_id: input.appId ?? null,
      parent_id: input.parentId ?? null,
      client_ip: input.clientIp,
      client: input.client ?? null,
      satisfied: JSON.stringify(input.satisfied ?? []),
      created: input.since ?? now,
      expires: input.expires,
      idle_ms: input.idleMs ?? 0,
      last_used: now,
    })
    .execute()
  change.opened(id)
  return { id, token }
}
