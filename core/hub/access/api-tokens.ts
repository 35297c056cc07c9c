import { createHash, randomBytes } from 'node:crypto'
import { v7 as uuidv7 } from 'uuid'
import type { Actor } from '../../api/audit.ts'
import type { Database } from '../../api/database.ts'
import { Problem } from '../../api/problem.ts'
import type { Revisions, View } from '../../api/revisions.ts'
import type { Subject } from '../../api/subject.ts'
import type { Clock } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import type { RunningUsers } from '../users/users.ts'
import type { ApiToken, ApiTokens } from './api-token.ts'
import { API_TOKEN, apiTokenEvent } from './api-token-revocation.ts'
import type { Locks } from './lock.ts'
import type { AccessTables, ApiTokenTable } from './migrations.ts'

/** What secret scanners look for, and what tells a token from a session's. */
const PREFIX = 'mezite_api_'
const SECRET = /^mezite_api_[A-Za-z0-9_-]{43}$/
const OPERATOR = 'operator@socket'
/** The last use is written this often. */
const USED_MS = 60_000
/** Expired tokens stay listed for this long. */
const KEPT_MS = 30 * 24 * 3_600_000

export interface NewApiToken {
  readonly name: string
  readonly roles: readonly string[]
  readonly ttlMs: number
}

export interface ListedApiToken extends ApiToken {
  /** Milliseconds since the epoch, within a minute; null: never. */
  readonly usedAt: number | null
}

/** API tokens and what an administrator does with them. Every change is recorded in its own transaction. */
export interface RunningApiTokens extends ApiTokens {
  /**
   * Throws `Problem` 409 `token_exists`, 403 `roles_exceed_own` when the actor lacks one of the roles, 403
   * `token_makes_no_token` when a token asks, and 401 `login_required` when the actor is no user any more.
   */
  create(token: NewApiToken, actor: Actor): Promise<{ readonly token: ApiToken; readonly secret: string }>
  /** Expired ones too, for a month. */
  list(): Promise<readonly ListedApiToken[]>
  /** Throws `Problem` 404 `token_not_found`. */
  remove(id: string, actor: Actor): Promise<ApiToken>
}

/** Keeps API tokens in memory by the hash of their secret. */
export function createApiTokens(options: {
  readonly db: Database
  readonly revisions: Pick<Revisions, 'write' | 'addView'>
  readonly users: Pick<RunningUsers, 'byName' | 'rolesOf' | 'holderIn'>
  readonly locks: Pick<Locks, 'lockFor'>
  readonly clock: Clock
  readonly log: Log
}): RunningApiTokens {
  const { revisions, users, locks, clock, log } = options
  const db = options.db.withTables<AccessTables>()
  let byHash = new Map<string, ApiToken>()
  const usedAt = new Map<string, number>()

  const view: View = {
    name: 'api-tokens',
    kinds: [API_TOKEN],
    async loadAll(trx) {
      const rows = await trx.withTables<AccessTables>().selectFrom('api_tokens').selectAll().execute()
      return () => {
        byHash = new Map(rows.map((row) => [row.hash, tokenOf(row as ApiTokenTable)]))
      }
    },
    // There are few, and they change seldom.
    refresh: (trx) => view.loadAll(trx),
  }
  revisions.addView(view)

  /** Of the token's roles those that its creator has now; none when either of them is locked. */
  function subjectOf({ name, roles, creator }: ApiToken): Subject {
    const holder: Subject = { user: `token:${name}`, roles, kind: 'token', sessionId: null, satisfied: [] }
    const own = creator === OPERATOR ? ['admin'] : users.rolesOf(creator)
    const locked =
      locks.lockFor(holder, null) ?? locks.lockFor({ ...holder, user: creator, roles: own }, null)
    const granted = locked === null ? roles.filter((role) => own.includes(role)) : []
    return Object.freeze({ ...holder, roles: granted })
  }

  /** Whoever got the name since has not made it. */
  const isOfItsMaker = ({ creator, holder }: ApiToken): boolean =>
    creator === OPERATOR || holder === null || holder === (users.byName(creator)?.holder ?? '')

  function noteUse({ id }: ApiToken): void {
    const now = clock.now()
    if (now - (usedAt.get(id) ?? 0) < USED_MS) return
    usedAt.set(id, now)
    db.updateTable('api_tokens')
      .set({ used_at: now })
      .where('id', '=', id)
      .execute()
      .catch((error) => log.debug({ error: messageOf(error) }, 'the use of an API token was not noted'))
  }

  return {
    identify(secret) {
      if (!SECRET.test(secret)) return null
      const token = byHash.get(hashOf(secret))
      if (!token || token.expires <= clock.now() || !isOfItsMaker(token)) return null
      noteUse(token)
      return subjectOf(token)
    },

    async create({ name, roles, ttlMs }, actor) {
      const { subject } = actor
      if (subject.kind === 'token') {
        throw new Problem(
          403,
          'token_makes_no_token',
          'An API token cannot make another one; sign in for that.',
        )
      }
      const beyond = roles.filter((role) => !subject.roles.includes(role))
      if (beyond.length > 0) {
        const detail = `You do not have ${beyond.join(', ')}; a token has no more roles than who makes it.`
        throw new Problem(403, 'roles_exceed_own', detail)
      }
      const secret = PREFIX + randomBytes(32).toString('base64url')
      const created = clock.now()
      const own = [...new Set(roles)].sort()
      const asked = {
        id: uuidv7(),
        name,
        roles: own,
        creator: subject.user,
        created,
        expires: created + ttlMs,
      }
      const made = await revisions.write(async (trx, change) => {
        const tables = trx.withTables<AccessTables>()
        const holder = subject.kind === 'operator' ? null : await users.holderIn(trx, subject.user)
        if (holder === undefined)
          throw new Problem(401, 'login_required', 'The user has just been removed. Sign in again.')
        const token = { ...asked, holder: holder ?? '' }
        await tables
          .deleteFrom('api_tokens')
          .where((where) =>
            where.or([
              where('expires', '<', created - KEPT_MS),
              where.and([where('name', '=', name), where('expires', '<=', created)]),
            ]),
          )
          .execute()
        const taken = await tables.selectFrom('api_tokens').select('id').where('name', '=', name).execute()
        if (taken.length > 0) throw new Problem(409, 'token_exists', `There is an API token ${name} already.`)
        await tables
          .insertInto('api_tokens')
          .values({ ...token, roles: JSON.stringify(own), hash: hashOf(secret), used_at: null })
          .execute()
        change.touch(API_TOKEN, token.id)
        await change.audit(apiTokenEvent('token.created', token, actor))
        return token
      }, actor)
      return { token: made, secret }
    },

    async list() {
      const rows = await db.selectFrom('api_tokens').selectAll().orderBy('created').execute()
      return rows.map((row) => ({ ...tokenOf(row as ApiTokenTable), usedAt: row.used_at }))
    },

    remove: (id, actor) =>
      revisions.write(async (trx, change) => {
        const tables = trx.withTables<AccessTables>()
        const row = await tables
          .deleteFrom('api_tokens')
          .where('id', '=', id)
          .returningAll()
          .executeTakeFirst()
        if (!row) {
          const detail = `There is no API token ${id}; \`mezctl api-tokens ls\` lists them.`
          throw new Problem(404, 'token_not_found', detail)
        }
        const token = tokenOf(row as ApiTokenTable)
        change.touch(API_TOKEN, id)
        await change.audit(apiTokenEvent('token.deleted', token, actor))
        return token
      }, actor),
  }
}

const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('base64url')

/** Roles that cannot be read grant nothing. */
function tokenOf({ id, name, roles, creator, holder, created, expires }: ApiTokenTable): ApiToken {
  let parsed: unknown = null
  try {
    parsed = JSON.parse(roles)
  } catch {}
  const list = Array.isArray(parsed) ? parsed.filter((role) => typeof role === 'string') : []
  return Object.freeze({ id, name, roles: list, creator, holder: holder ?? null, created, expires })
}
