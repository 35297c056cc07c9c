import type { Clock, Database, Revisions, Transaction, View } from '@mezite/core'
import type { RequestRow, RequestTables, ReviewRow } from './migrations.ts'
import { type AccessRequest, requestOf } from './request.ts'

/** What the sequence of changes calls requests. */
export const KIND = 'access-request'
/** Closed requests stay in memory this long, so that waiting tabs see the outcome and limits count them. */
const KEPT_MS = 3_600_000
const MOST_LISTED = 500
/** Closed requests stay in the database this long, so that a yearly review still shows them; the audit trail keeps their events. */
const STORED_MS = 400 * 86_400_000
/** No identity has this as `User.holder`. */
const NOBODY = ''

/** Requests: open and recent ones in memory on every hub, all in the database. */
export interface RequestStore {
  /** In memory: everything that is pending or approved, and what was made or closed in the last hour; oldest first. */
  recent(): readonly AccessRequest[]
  byId(id: string): AccessRequest | undefined
  /** Also older ones. */
  find(id: string): Promise<AccessRequest | undefined>
  /** As the transaction sees it. */
  findIn(trx: Transaction, id: string): Promise<AccessRequest | undefined>
  /** The newest first: all that are pending or approved, and of the others the newest, so that 500 are listed or more. */
  list(of?: { readonly key?: string }): Promise<readonly AccessRequest[]>
  /** What is pending or approved of an account, as the transaction sees it. */
  openIn(trx: Transaction, key: string): Promise<readonly AccessRequest[]>
  /** Makes requests from before a first sign-in those of nobody. Resolves to their ids. */
  disown(trx: Transaction, key: string): Promise<readonly string[]>
  insert(trx: Transaction, row: RequestRow): Promise<void>
  update(trx: Transaction, id: string, set: Partial<RequestRow>): Promise<void>
  addReview(trx: Transaction, row: ReviewRow): Promise<void>
  /** Deletes requests, with their reviews, that were closed 400 days ago or earlier. Resolves to what it did. */
  prune(): Promise<string>
  /** Resolves when the request may have changed, or when the time is over. */
  changed(id: string, waitMs: number, signal: AbortSignal): Promise<void>
}

export function createRequestStore(options: {
  readonly database: Database
  readonly revisions: Pick<Revisions, 'addView' | 'onApplied'>
  readonly clock: Clock
}): RequestStore {
  const { revisions, clock } = options
  const db = options.database.withTables<RequestTables>()
  const held = new Map<string, AccessRequest>()
  const waiting = new Map<string, Set<() => void>>()

  async function read(
    from: Pick<Database, 'withTables'>,
    ids: readonly string[] | null,
  ): Promise<AccessRequest[]> {
    const tables = from.withTables<RequestTables>()
    const since = clock.now() - KEPT_MS
    const all = tables.selectFrom('access_requests').selectAll()
    const rows = await (ids === null
      ? all.where((eb) =>
          eb.or([
            eb('state', 'in', ['pending', 'approved']),
            eb('created', '>', since),
            eb('closed', '>', since),
          ]),
        )
      : all.where('id', 'in', ids)
    ).execute()
    return withReviews(from, rows)
  }

  async function withReviews(
    from: Pick<Database, 'withTables'>,
    rows: readonly RequestRow[],
  ): Promise<AccessRequest[]> {
    if (rows.length === 0) return []
    const reviews = await from
      .withTables<RequestTables>()
      .selectFrom('access_requests_reviews')
      .selectAll()
      .where(
        'request',
        'in',
        rows.map(({ id }) => id),
      )
      .execute()
    const byRequest = Map.groupBy(reviews, ({ request }) => request)
    return rows.map((row) => requestOf(row, byRequest.get(row.id) ?? []))
  }

  const view: View = {
    name: 'access-requests',
    kinds: [KIND],
    async loadAll(trx) {
      const found = await read(trx, null)
      return () => {
        held.clear()
        for (const one of found) held.set(one.id, one)
      }
    },
    async refresh(trx, touched) {
      const ids = [...(touched.get(KIND) ?? [])]
      const found = ids.length === 0 ? [] : await read(trx, ids)
      return () => {
        for (const id of ids) held.delete(id)
        for (const one of found) held.set(one.id, one)
        forgetOld()
      }
    },
  }
  function forgetOld(): void {
    const since = clock.now() - KEPT_MS
    for (const [id, one] of held)
      if (!isOpen(one) && one.created < since && (one.closed ?? 0) < since) held.delete(id)
  }
  revisions.addView(view)
  revisions.onApplied((touched) => {
    for (const id of touched?.get(KIND) ?? waiting.keys()) for (const wake of waiting.get(id) ?? []) wake()
  })

  return {
    recent: () => [...held.values()].sort((a, b) => (a.id < b.id ? -1 : 1)),
    byId: (id) => held.get(id),
    async find(id) {
      return held.get(id) ?? (await read(options.database, [id]))[0]
    },
    findIn: async (trx, id) => (await read(trx, [id]))[0],
    async list({ key } = {}) {
      const all = db.selectFrom('access_requests').selectAll().orderBy('id', 'desc').limit(MOST_LISTED)
      const newest = await withReviews(
        options.database,
        await (key === undefined ? all : all.where('user_key', '=', key)).execute(),
      )
      // An open request may be older than 500 others.
      const listed = new Map(newest.map((one) => [one.id, one]))
      for (const one of held.values())
        if (isOpen(one) && (key === undefined || one.user_key === key)) listed.set(one.id, one)
      return [...listed.values()].sort((a, b) => (a.id < b.id ? 1 : -1))
    },
    async openIn(trx, key) {
      const all = trx.withTables<RequestTables>().selectFrom('access_requests').selectAll()
      const own = all.where('user_key', '=', key).where('state', 'in', ['pending', 'approved'])
      return withReviews(trx, await own.execute())
    },
    async disown(trx, key) {
      const all = trx.withTables<RequestTables>().updateTable('access_requests').set({ holder: NOBODY })
      const rows = await all.where('user_key', '=', key).where('holder', 'is', null).returning('id').execute()
      return rows.map(({ id }) => id)
    },
    async insert(trx, row) {
      await trx.withTables<RequestTables>().insertInto('access_requests').values(row).execute()
    },
    async update(trx, id, set) {
      const tables = trx.withTables<RequestTables>()
      await tables.updateTable('access_requests').set(set).where('id', '=', id).execute()
    },
    async addReview(trx, row) {
      await trx.withTables<RequestTables>().insertInto('access_requests_reviews').values(row).execute()
    },
    async prune() {
      const closed = db.deleteFrom('access_requests').where('closed', '<', clock.now() - STORED_MS)
      const { numDeletedRows } = await closed.executeTakeFirstOrThrow()
      return `${numDeletedRows} old requests deleted`
    },
    changed(id, waitMs, signal) {
      const { promise, resolve } = Promise.withResolvers<void>()
      const all = waiting.get(id) ?? new Set()
      waiting.set(id, all.add(resolve))
      const timer = setTimeout(resolve, waitMs).unref()
      signal.addEventListener('abort', () => resolve(), { once: true })
      return promise.finally(() => {
        clearTimeout(timer)
        all.delete(resolve)
        if (all.size === 0) waiting.delete(id)
      })
    },
  }
}

const isOpen = ({ stored }: AccessRequest): boolean => stored === 'pending' || stored === 'approved'
