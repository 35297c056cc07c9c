import type { Clock, Database, SecretBox } from '@mezite/core'
import { sql } from 'kysely'
import type { Adapter, AdapterPayload, errors } from 'oidc-provider'
import { consentOf } from './consent.ts'
import type { RecordRow, Tables } from './migrations.ts'
import { createRecordAdapter } from './record-adapter.ts'
import { createRecordFormat, keyOf, livingRows, TABLE } from './record-format.ts'

interface LetIn {
  readonly anchor: string
  readonly clientId: string
  readonly assertedBy: string | undefined
}

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
  /** Who is let in now: for each consent the session that stands for it, the client, and the provider that asserted it. */
  letIn(clientId?: string): Promise<readonly LetIn[]>
  /**
   * Deletes rows, except sessions of the library, which end with those of the hub, and resolves to the ids of the sessions of the access tokens among them, which the caller ends.
   */
  remove(
    where: Partial<Pick<RecordRow, 'key' | 'model' | 'grant_id' | 'account' | 'client_id' | 'session_id'>>,
    db?: Database,
  ): Promise<readonly string[]>
  /** Remembers the id for so many seconds, with this payload; false if it was taken before, on any hub. */
  takeOnce(id: string, seconds: number, payload?: AdapterPayload): Promise<boolean>
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

/** Keeps the library's state in one table. `thrown`: the library's errors, which is loaded only when it is needed. */
export function createRecords(deps: {
  readonly database: Database
  readonly secretBox: Pick<SecretBox, 'seal' | 'open'>
  readonly clock: Clock
  readonly thrown: Pick<typeof errors, 'InvalidGrant' | 'InvalidRequest' | 'SlowDown'>
}): Records {
  const { clock } = deps
  const db = deps.database.withTables<Tables>()
  const format = createRecordFormat(deps.secretBox)
  const living = () => livingRows(db, clock.now())

  const row = (model: string, id: string): Promise<RecordRow | undefined> =>
    living().where('key', '=', keyOf(model, id)).executeTakeFirst() as Promise<RecordRow | undefined>

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
      payload: format.write(model, '', payload),
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

  return {
    adapter: createRecordAdapter({ ...deps, db, format, records: { row, remove, takeOnce } }),
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
    async letIn(clientId) {
      const all = living()
        .clearSelect()
        .select(['session_id', 'client_id', 'payload'])
        .where('model', '=', 'Grant')
      const rows = await (clientId === undefined ? all : all.where('client_id', '=', clientId)).execute()
      return rows.flatMap(({ session_id: anchor, client_id, payload }) =>
        anchor === null || client_id === null
          ? []
          : [{ anchor, clientId: client_id, assertedBy: consentOf({ payload })?.assertedBy }],
      )
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
          gone.filter(({ model }) => model === 'Session').map((row) => format.read(row as RecordRow)),
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
