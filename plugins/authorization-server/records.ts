import { createHash } from 'node:crypto'
import type { Clock, Database, SecretBox, Users } from '@mezite/core'
import { sql } from 'kysely'
import type { Adapter, AdapterPayload, errors } from 'oidc-provider'
import { calls } from './calls.ts'
import type { Consent } from './consent.ts'
import { ROUTES } from './endpoint-routes.ts'
import type { RecordRow, Tables } from './migrations.ts'

const TABLE = 'authorization_server_records'
/** A device asks every 5 s (RFC 8628 section 3.2); this much earlier is not too early, because clocks differ. */
const POLL_MS = 4_500
const MOST_POLLING = 10_000
/** Their payload contains the id that is a secret: the library reads it from there. */
const SEALED: ReadonlySet<string> = new Set(['Session', 'Interaction', 'DeviceCode'])
/** Their id is not a secret, and the payload may name it. */
const PUBLIC: ReadonlySet<string> = new Set(['Grant', 'Client'])

/** What the library stores, in the hub's database. Ids that are secrets are stored as hashes. */
export interface Records {
  /** The library's storage of one model. */
  adapter(model: string): Adapter
  /** The row with this id. */
  row(model: string, id: string): Promise<RecordRow | undefined>
  /** Sets columns of the row with this id. */
  update(model: string, id: string, values: Partial<RecordRow>): Promise<void>
  /** Rows of a model, newest first; at most 1,000. */
  list(model: string, where?: Partial<RecordRow>): Promise<readonly RecordRow[]>
  /**
   * Deletes rows, except sessions of the library, which end with those of the hub, and resolves to the ids of the sessions of the access tokens among them, which the caller ends.
   */
  remove(
    where: Partial<Pick<RecordRow, 'key' | 'model' | 'grant_id' | 'account' | 'client_id' | 'session_id'>>,
    db?: Database,
  ): Promise<readonly string[]>
  /** Remembers the id for so many seconds; false if it was taken before, on any hub. */
  takeOnce(id: string, seconds: number): Promise<boolean>
  /**
   * Deletes what depends on a session of the hub that has ended, and calls `logouts` in the same transaction with the
   * sessions of the library among it: on one hub of the cluster.
   */
  sessionEnded(
    id: string,
    logouts: (trx: Database, sessions: readonly AdapterPayload[]) => Promise<void>,
  ): Promise<void>
  /** Deletes the oldest registered clients that nobody lets in, beyond so many. */
  keepUsedClients(most: number): Promise<void>
  /** Deletes what has expired. */
  purge(): Promise<void>
}

const NOTHING = {
  grant_id: null,
  uid: null,
  user_code: null,
  account: null,
  client_id: null,
  session_id: null,
  consumed: null,
}

const keyOf = (model: string, id: string): string =>
  `${model}:${createHash('sha256').update(id).digest('base64url')}`

/** Keeps the library's state in one table. `thrown`: the library's errors, which is loaded only when it is needed. */
export function createRecords(deps: {
  readonly database: Database
  readonly secretBox: Pick<SecretBox, 'seal' | 'open'>
  readonly users: Pick<Users, 'keyOf'>
  readonly clock: Clock
  readonly thrown: Pick<typeof errors, 'InvalidGrant' | 'InvalidRequest' | 'SlowDown'>
}): Records {
  const { secretBox, users, clock, thrown } = deps
  const db = deps.database.withTables<Tables>()
  const place = (key: string) => ({ table: TABLE, id: key, purpose: 'payload' })

  function written(model: string, key: string, payload: AdapterPayload): string {
    const { jti, ...rest } = payload
    const text = JSON.stringify(PUBLIC.has(model) || SEALED.has(model) ? payload : rest)
    return SEALED.has(model) ? secretBox.seal(place(key), Buffer.from(text)).toString('base64') : text
  }

  function readRow(row: RecordRow, id?: string): AdapterPayload {
    const text = SEALED.has(row.model)
      ? secretBox.open(place(row.key), Buffer.from(row.payload, 'base64')).toString('utf8')
      : row.payload
    const payload = JSON.parse(text) as AdapterPayload
    return {
      ...payload,
      ...(id !== undefined && !PUBLIC.has(row.model) && row.model !== 'Client' ? { jti: id } : {}),
      ...(row.consumed === null || row.model === 'Client'
        ? {}
        : { consumed: Math.floor(row.consumed / 1_000) }),
    } as AdapterPayload
  }

  /** The session at the hub that the row ends with. That of an access token is set once it is open. */
  function sessionOf(model: string, payload: AdapterPayload): string | null {
    if (model === 'Grant') return (payload as { consent?: Consent }).consent?.anchor ?? null
    return model === 'Session' && payload.accountId ? (calls.getStore()?.hubSession?.id ?? null) : null
  }

  const living = () =>
    db
      .selectFrom(TABLE)
      .selectAll()
      .where((where) => where.or([where('expires', 'is', null), where('expires', '>', clock.now())]))

  const row = (model: string, id: string): Promise<RecordRow | undefined> =>
    living().where('key', '=', keyOf(model, id)).executeTakeFirst() as Promise<RecordRow | undefined>

  /** A session of the library belongs to one of the hub: beside another one, the library does not find it. */
  const isVisible = ({ model, session_id }: RecordRow): boolean =>
    model !== 'Session' || session_id === null || session_id === calls.getStore()?.hubSession?.id

  /** When a device asked last, by the key of its code: the library would let it ask as often as it likes. */
  const polls = new Map<string, number>()
  function countPoll(key: string): void {
    const now = clock.monotonic()
    const last = polls.get(key) ?? Number.NEGATIVE_INFINITY
    if (now - last < POLL_MS) throw new thrown.SlowDown()
    if (polls.size >= MOST_POLLING) polls.delete(polls.keys().next().value as string)
    polls.delete(key)
    polls.set(key, now)
  }

  const remove: Records['remove'] = async (where, within = deps.database) => {
    let query = within.withTables<Tables>().deleteFrom(TABLE).where('model', '!=', 'Session')
    for (const [column, value] of Object.entries(where))
      query = query.where(column as 'key', '=', value as string)
    const gone = await query.returning(['model', 'session_id']).execute()
    return gone.flatMap(({ model, session_id }) =>
      model === 'AccessToken' && session_id ? [session_id] : [],
    )
  }

  async function takeOnce(id: string, seconds: number, payload: AdapterPayload = {}): Promise<boolean> {
    const model = 'ReplayDetection'
    const now = clock.now()
    const expires = now + seconds * 1_000
    const row = {
      ...NOTHING,
      key: keyOf(model, id),
      model,
      payload: written(model, '', payload),
      created: now,
      expires,
    }
    const stored = await db
      .insertInto(TABLE)
      .values(row)
      .onConflict((conflict) =>
        conflict.column('key').doUpdateSet({ expires }).where(`${TABLE}.expires`, '<=', now),
      )
      .returning('key')
      .executeTakeFirst()
    return stored !== undefined
  }

  function adapter(model: string): Adapter {
    return {
      async upsert(id, payload, ttlSeconds) {
        const key = keyOf(model, id)
        const now = clock.now()
        const { accountId, grantId, uid, userCode, clientId } = payload
        const values = {
          key,
          model,
          payload: written(model, key, payload),
          grant_id: model === 'Grant' ? id : (grantId ?? null),
          uid: uid ?? null,
          user_code: userCode ?? null,
          account: accountId === undefined ? null : users.keyOf(accountId),
          client_id: clientId ?? (model === 'Client' ? id : null),
          session_id: sessionOf(model, payload),
          created: now,
          expires: ttlSeconds ? now + ttlSeconds * 1_000 : null,
        }
        const { created: _, key: __, ...changed } = values
        if (model !== 'ReplayDetection') {
          await db
            .insertInto(TABLE)
            .values({ ...values, consumed: null })
            .onConflict((conflict) => conflict.column('key').doUpdateSet(changed))
            .execute()
          return
        }
        // The library looks first and then stores: two uses at once would both pass.
        if (!(await takeOnce(id, ttlSeconds ?? 0, payload)))
          throw new thrown.InvalidRequest('the assertion or proof was used before')
      },
      async find(id) {
        const found = await row(model, id)
        if (found && model === 'DeviceCode' && calls.getStore()?.request.url === ROUTES.token)
          countPoll(found.key)
        return found && isVisible(found) ? readRow(found, id) : undefined
      },
      async findByUid(uid) {
        const found = (await living().where('model', '=', model).where('uid', '=', uid).executeTakeFirst()) as
          | RecordRow
          | undefined
        return found && readRow(found)
      },
      async findByUserCode(userCode) {
        const found = await living()
          .where('model', '=', model)
          .where('user_code', '=', userCode)
          .executeTakeFirst()
        return found && readRow(found as RecordRow)
      },
      async consume(id) {
        const used = await db
          .updateTable(TABLE)
          .set({ consumed: clock.now() })
          .where('key', '=', keyOf(model, id))
          .where('consumed', 'is', null)
          .returning('key')
          .executeTakeFirst()
        if (used === undefined) throw new thrown.InvalidGrant('it was used before')
      },
      async destroy(id) {
        await db.deleteFrom(TABLE).where('key', '=', keyOf(model, id)).execute()
      },
      // The library calls it for all models at once: one that took the rows of access tokens along would hide their sessions.
      async revokeByGrantId(grantId) {
        await remove({ model, grant_id: grantId })
      },
    }
  }

  return {
    adapter,
    row,
    takeOnce,
    async update(model, id, values) {
      await db.updateTable(TABLE).set(values).where('key', '=', keyOf(model, id)).execute()
    },
    async list(model, where = {}) {
      let query = living().where('model', '=', model)
      for (const [column, value] of Object.entries(where))
        query = query.where(column as 'key', '=', value as string)
      return (await query.orderBy('created', 'desc').limit(1_000).execute()) as RecordRow[]
    },
    remove,
    sessionEnded: (id, logouts) =>
      deps.database.transaction().execute(async (trx) => {
        const gone = await trx
          .withTables<Tables>()
          .deleteFrom(TABLE)
          .where('session_id', '=', id)
          .returningAll()
          .execute()
        const grants = gone.flatMap(({ model, grant_id }) =>
          model === 'Grant' && grant_id ? [grant_id] : [],
        )
        if (grants.length > 0)
          await trx.withTables<Tables>().deleteFrom(TABLE).where('grant_id', 'in', grants).execute()
        await logouts(
          trx,
          gone.filter(({ model }) => model === 'Session').map((row) => readRow(row as RecordRow)),
        )
      }),
    async keepUsedClients(most) {
      await sql`DELETE FROM authorization_server_records WHERE key IN (
        SELECT key FROM authorization_server_records AS client WHERE model = 'Client' AND NOT EXISTS (
          SELECT 1 FROM authorization_server_records AS used
          WHERE used.model = 'Grant' AND used.client_id = client.client_id
        ) ORDER BY created DESC, key OFFSET ${most}
      )`.execute(db)
    },
    async purge() {
      await sql`DELETE FROM authorization_server_records WHERE expires < ${clock.now()}`.execute(db)
    },
  }
}
