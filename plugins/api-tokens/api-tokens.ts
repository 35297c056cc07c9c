import { createHash, randomBytes } from 'node:crypto'
import {
  type Actor,
  type AdminRights,
  type Change,
  type Clock,
  type Database,
  defineResource,
  type Log,
  messageOf,
  type Revisions,
  type RunningChange,
  type Static,
  type Subject,
  type Transaction,
  type Users,
  type WebRoutes,
} from '@mezite/core'
import { type Collection, PageQuery } from '@mezite/core/administration'
import type { LockView } from '@mezite/core/identity'
import { v7 as uuidv7 } from 'uuid'
import { problemFor } from './reasons.ts'
import { CreatedToken, NewToken, TokenDocument, tokenDocument } from './token-document.ts'

/** Secret scanners look for it, and it distinguishes an API token from a session's token. */
const PREFIX = 'mezite_api_'
const SECRET = /^mezite_api_[A-Za-z0-9_-]{43}$/
const OPERATOR = 'operator@socket'
const DEFAULT_TTL_SECONDS = 30 * 24 * 3_600
/** The last use is stored at most this often. */
const USED_MS = 60_000
/** Expired tokens are listed for this long. */
const KEPT_MS = 30 * 24 * 3_600_000

/** The kind of record that changes of API tokens touch. */
const API_TOKEN = 'api-token'

/** The core's migrations (`core-access`) create the table, because tokens were once part of the core. */
interface TokenRow {
  readonly id: string
  /** Unique. The audit trail calls its holder `token:<name>`. */
  readonly name: string
  /** SHA-256 of the whole token, base64url. */
  readonly hash: string
  /** JSON array. */
  readonly roles: string
  /** The person who created it; it never has a role that this person lacks now. */
  readonly creator: string
  /**
   * The identity that held the creator's name then (`User.holder`), empty if there was none and for the operator: the token
   * is not valid under another one. Null: the token is older than this field, and only the name is compared.
   */
  readonly holder: string | null
  /** Milliseconds since the epoch. */
  readonly created: number
  readonly expires: number
  readonly used_at: number | null
}
type Tables = { readonly api_tokens: TokenRow }
type NewApiToken = Static<typeof NewToken>

/** A credential of a program for the JSON API. Its secret is shown once and stored as a hash. */
export interface ApiToken extends Omit<TokenRow, 'roles' | 'used_at'> {
  readonly roles: readonly string[]
  /** Within a minute; null: never. Only `list` knows it, because storing it is not a change. */
  readonly usedAt: number | null
}

/** API tokens, and the changes that administrators make. Every change is recorded in its own transaction. */
export interface RunningApiTokens {
  readonly collection: Collection<ApiToken, TokenRow, NewApiToken>
  /** `/v1/webapi/api-tokens`. A token is shown once, on creation. */
  readonly routes: WebRoutes
  /**
   * The subject of a bearer token, with its current roles: none while the token, or the person whose roles it uses, is
   * locked. Null when it is not a valid API token. Called for every bearer token; reads from memory.
   */
  identify(secret: string): Subject | null
  /** Expired ones too, for a month. */
  list(): Promise<readonly ApiToken[]>
  /** Removes the tokens that the user with this key created, in the change that takes the name from its holder. */
  revokeOf(trx: Transaction, change: Pick<Change, 'touch' | 'audit'>, key: string, by: Actor): Promise<void>
}

/** Keeps API tokens in memory by the hash of their secret, up to date by the change sequence. */
export function createApiTokens(options: {
  readonly db: Database
  readonly revisions: Pick<Revisions, 'write' | 'addView'>
  readonly users: Pick<Users, 'byName' | 'rolesOf' | 'holderIn' | 'keyOf'>
  readonly locks: LockView
  readonly adminRights: Pick<AdminRights, 'covers'>
  readonly clock: Clock
  readonly log: Log
}): RunningApiTokens {
  const { users, locks, adminRights, clock, log } = options
  const db = options.db.withTables<Tables>()
  let byHash = new Map<string, ApiToken>()
  const usedAt = new Map<string, number>()
  const resource = defineResource<ApiToken, TokenRow, NewApiToken>({
    name: 'token',
    noun: 'API token',
    collection: 'api-tokens',
    changeKind: API_TOKEN,
    table: 'api_tokens',
    key: 'id',
    form: { flat: TokenDocument },
    example: { name: 'deploy', roles: ['admin'], ttl_seconds: 86_400 },
    read: tokenOf,
    show: tokenDocument,
    order: ({ name, id }) => `${name} ${id}`,
    search: ({ name, id, roles, creator, expires }) => [
      ...[name, id, creator, ...roles.map((role) => `role:${role}`)],
      `state:${expires <= clock.now() ? 'expired' : 'valid'}`,
    ],
    sorts: {
      name: ({ name }) => name,
      created: ({ created }) => created,
      expires: ({ expires }) => expires,
      used: ({ usedAt }) => usedAt,
    },
    swapped(tokens) {
      byHash = new Map([...tokens.values()].map((token) => [token.hash, token]))
    },
    audited,
    verbs: {
      list: { rows: list, query: PageQuery },
      create: { body: NewToken, returns: CreatedToken, row: newToken },
      remove: { within: async ({ row: { name } }) => ({ name }) },
    },
  })

  /**
   * Throws `Problem` 409 `token_exists`, 403 `roles_exceed_own` when the actor lacks one of the roles, 403
   * `token_makes_no_token` when a token asks, and 401 `login_required` when the actor is no longer a user.
   */
  async function newToken(
    { name, roles, ttl_seconds: ttl = DEFAULT_TTL_SECONDS }: NewApiToken,
    { subject, mayGive }: Actor,
    created: number,
    { trx, change }: RunningChange,
  ): Promise<{ readonly row: TokenRow; readonly shown: object }> {
    if (subject.kind === 'token') throw problemFor('token_makes_no_token')
    const beyond = roles.filter((role) => !subject.roles.includes(role))
    if (beyond.length > 0) {
      const detail = `You cannot grant ${beyond.join(', ')}: a token can only have roles that its creator has.`
      throw problemFor('roles_exceed_own', detail)
    }
    mayGive?.({ roles })
    const holder = subject.kind === 'operator' ? null : await users.holderIn(trx, subject.user)
    if (holder === undefined) throw problemFor('login_required', 'Your user was just removed. Sign in again.')
    const tables = trx.withTables<Tables>()
    const expired = await tables
      .deleteFrom('api_tokens')
      .where((where) =>
        where.or([
          where('expires', '<', created - KEPT_MS),
          where.and([where('name', '=', name), where('expires', '<=', created)]),
        ]),
      )
      .returning('id')
      .execute()
    for (const { id } of expired) change.touch(API_TOKEN, id)
    const taken = await tables.selectFrom('api_tokens').select('id').where('name', '=', name).execute()
    if (taken.length > 0) throw problemFor('token_exists', `The API token ${name} already exists.`)
    const secret = PREFIX + randomBytes(32).toString('base64url')
    const row = {
      id: uuidv7(),
      name,
      hash: hashOf(secret),
      roles: JSON.stringify([...new Set(roles)].sort()),
      creator: subject.user,
      holder: holder ?? '',
      created,
      expires: created + ttl * 1_000,
      used_at: null,
    }
    return { row, shown: { token: secret } }
  }

  const collection = resource.open(options)

  async function list(): Promise<readonly ApiToken[]> {
    return (await db.selectFrom('api_tokens').selectAll().orderBy('created').execute()).map(tokenOf)
  }

  /** The token's roles that its creator still has; none when either of them is locked. */
  function subjectOf({ name, roles, creator }: ApiToken): Subject {
    const holder: Subject = { user: `token:${name}`, roles, kind: 'token', sessionId: null, satisfied: [] }
    const own = creator === OPERATOR ? ['admin'] : users.rolesOf(creator)
    const locked =
      locks.lockFor(holder, null) ?? locks.lockFor({ ...holder, user: creator, roles: own }, null)
    const kept = locked === null ? roles.filter((role) => own.includes(role)) : []
    // Another role of the creator may deny what the token's role allows.
    const granted = adminRights.covers({ user: creator, roles: own }, kept) ? kept : []
    return Object.freeze({ ...holder, roles: granted })
  }

  /** False when the creator's name belongs to another person now. */
  const isOfCreator = ({ creator, holder }: ApiToken): boolean =>
    creator === OPERATOR || holder === null || holder === (users.byName(creator)?.holder ?? '')

  function noteUse({ id }: ApiToken): void {
    const now = clock.now()
    if (now - (usedAt.get(id) ?? 0) < USED_MS) return
    usedAt.set(id, now)
    db.updateTable('api_tokens')
      .set({ used_at: now })
      .where('id', '=', id)
      .execute()
      .catch((error) =>
        log.debug({ error: messageOf(error) }, 'failed to store the last use of an API token'),
      )
  }

  return {
    collection,
    routes: resource.routes(collection),
    list,
    identify(secret) {
      if (!SECRET.test(secret)) return null
      const token = byHash.get(hashOf(secret))
      if (!token || token.expires <= clock.now() || !isOfCreator(token)) return null
      noteUse(token)
      return subjectOf(token)
    },
    async revokeOf(trx, change, key, by) {
      const tables = trx.withTables<Tables>()
      const all = await tables.selectFrom('api_tokens').select(['id', 'name', 'creator']).execute()
      for (const token of all.filter(({ creator }) => users.keyOf(creator) === key)) {
        await tables.deleteFrom('api_tokens').where('id', '=', token.id).execute()
        change.touch(API_TOKEN, token.id)
        await change.audit({ type: 'token.deleted', success: true, by, fields: audited(token) })
      }
    },
  }
}

/** Fields of the audit events, without the secret. */
const audited = ({ id, name }: Pick<TokenRow, 'id' | 'name'>) => ({ name, token: id, kind: 'api' })

const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('base64url')

/** Unreadable roles grant nothing. */
function tokenOf({ roles, holder, used_at: usedAt, ...row }: TokenRow): ApiToken {
  let parsed: unknown = null
  try {
    parsed = JSON.parse(roles)
  } catch {}
  const list = Array.isArray(parsed) ? parsed.filter((role) => typeof role === 'string') : []
  return Object.freeze({ ...row, roles: list, holder: holder ?? null, usedAt })
}
