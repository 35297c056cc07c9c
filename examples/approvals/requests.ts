import { randomUUID } from 'node:crypto'
import type { Database, Migrations, Transaction } from '@mezite/core'

/** Somebody waits for an answer. */
export interface AccessRequest {
  readonly id: string
  readonly user: string
  /** UUID of the application: another one of the same name is another application. */
  readonly app: string
  readonly reason: string
  /** Milliseconds since the epoch. */
  readonly made: number
}

type Row = Omit<AccessRequest, 'user'> & { readonly person: string }
type Tables = { approvals_open: Row }

export const requestMigrations: Migrations = {
  owner: 'approvals',
  migrations: {
    '0001-requests': {
      async up(db) {
        await db.schema
          .createTable('approvals_open')
          .addColumn('id', 'text', (column) => column.primaryKey())
          .addColumn('person', 'text', (column) => column.notNull())
          .addColumn('app', 'text', (column) => column.notNull())
          .addColumn('reason', 'text', (column) => column.notNull())
          .addColumn('made', 'double precision', (column) => column.notNull())
          .addUniqueConstraint('approvals_once', ['person', 'app'])
          .execute()
      },
    },
  },
}

/** The requests that nobody has answered. */
export function createRequests(database: Database) {
  const requestOf = ({ person: user, ...rest }: Row): AccessRequest => ({ ...rest, user })
  return {
    /** Resolves to false if the person already waits for this application. */
    async add(trx: Transaction, { user, ...rest }: Omit<AccessRequest, 'id'>): Promise<boolean> {
      const added = await trx
        .withTables<Tables>()
        .insertInto('approvals_open')
        .values({ ...rest, id: randomUUID(), person: user })
        .onConflict((conflict) => conflict.constraint('approvals_once').doNothing())
        .returning('id')
        .executeTakeFirst()
      return added !== undefined
    },
    /** Oldest first. */
    async list(): Promise<readonly AccessRequest[]> {
      const all = database.withTables<Tables>().selectFrom('approvals_open').selectAll()
      return (await all.orderBy('made').limit(200).execute()).map(requestOf)
    },
    /** Removes it; undefined if somebody else has. */
    async take(trx: Transaction, id: string): Promise<AccessRequest | undefined> {
      const rows = trx.withTables<Tables>().deleteFrom('approvals_open').where('id', '=', id)
      const row = await rows.returningAll().executeTakeFirst()
      return row && requestOf(row)
    },
  }
}
