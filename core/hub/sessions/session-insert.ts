import { createHash, randomBytes } from 'node:crypto'
import { v7 as uuidv7 } from 'uuid'
import type { Transaction } from '../../api/database.ts'
import { Problem } from '../../api/problem.ts'
import type { Change } from '../../api/revisions.ts'
import type { OpenSession, SessionKind } from '../../api/sessions.ts'
import type { Accounts } from '../users/accounts.ts'
import type { SessionTables } from './migrations.ts'

const TOKEN = /^[A-Za-z0-9_-]{43}$/

/** 256 random bits, base64url. */
export const newToken = (): string => randomBytes(32).toString('base64url')

/** The stored form of a token: its SHA-256, base64url. */
export const hashToken = (token: string): string => createHash('sha256').update(token).digest('base64url')

/** Whether the text has the form of a token, so that other text is not hashed. */
export const isToken = (text: string): boolean => TOKEN.test(text)

/**
 * Writes a new session inside a change; only the hash of its token is stored. `now` in milliseconds since the epoch.
 * Throws `Problem` 401 `login_required` when the account was deleted or the name now belongs to another one.
 */
export async function insertSession(
  trx: Transaction,
  change: Pick<Change, 'opened'>,
  input: OpenSession,
  accounts: Pick<Accounts, 'holderIn'>,
  now: number,
): Promise<{ readonly id: string; readonly token: string }> {
  const { token = newToken() } = input
  if (!isToken(token)) throw new TypeError('the token of a session has 43 characters of base64url')
  const holder = await accounts.holderIn(trx, input.user)
  if (holder === undefined || (input.holder !== undefined && input.holder !== holder)) {
    throw new Problem(401, 'login_required', 'The user has just been removed. Sign in again.')
  }
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
      apps: input.kind === 'token' ? JSON.stringify(input.apps ?? []) : null,
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

/** For one sign-in and one app. The browser has only the newest cookie, but earlier sessions may have live streams. */
const MOST_AT_APP = 20
/** Sign-ins of one user, browsers and command lines together; as many again of programs with credentials of plugins. */
const MOST_OF_USER = 1_000
/** Sessions of one user at all apps, of all sign-ins. */
const MOST_AT_APPS = 5_000

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
  const ofUser = living.where('user_name', '=', user)
  const kinds: readonly SessionKind[] = kind === 'token' ? ['token'] : ['hub', 'cert']
  const limits =
    kind === 'app'
      ? ([
          [ofApp, MOST_AT_APP],
          [ofUser.where('kind', '=', 'app'), MOST_AT_APPS],
        ] as const)
      : ([[ofUser.where('kind', 'in', kinds), MOST_OF_USER]] as const)
  const ids = new Set<string>()
  for (const [all, most] of limits) {
    // Ids increase with time.
    const rows = await all
      .orderBy('id', 'desc')
      .offset(most - 1)
      .execute()
    for (const { id } of rows) ids.add(id)
  }
  return [...ids]
}
