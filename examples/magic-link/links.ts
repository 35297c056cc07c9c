import type { Clock, Database, Migrations } from '@mezite/core'

/** How long a link works. */
export const LINK_MS = 10 * 60_000

/** A link that was sent. `code` and `browser` are hashes. */
export interface SentLink {
  readonly address: string
  readonly state: string
  readonly code: string
  readonly browser: string
}

type Tables = { magic_link_links: SentLink & { sent: number } }

/** One row for each address, so that the table stays small. */
export const linkMigrations: Migrations = {
  owner: 'magic-link',
  transient: ['magic_link_links'],
  migrations: {
    '0001-links': {
      async up(db) {
        await db.schema
          .createTable('magic_link_links')
          .addColumn('address', 'text', (column) => column.primaryKey())
          .addColumn('state', 'text', (column) => column.notNull())
          .addColumn('code', 'text', (column) => column.notNull())
          .addColumn('browser', 'text', (column) => column.notNull())
          .addColumn('sent', 'double precision', (column) => column.notNull())
          .execute()
      },
    },
  },
}

/** The links that wait for their people, on all hubs. `pauseMs`: the least time between two to one address. */
export function createLinks(database: Database, clock: Clock, pauseMs: number) {
  const tables = () => database.withTables<Tables>()
  return {
    /** Replaces the address's earlier link. Resolves to false if that was sent a moment ago. */
    async add(link: SentLink): Promise<boolean> {
      const row = { ...link, sent: clock.now() }
      const added = await tables()
        .insertInto('magic_link_links')
        .values(row)
        .onConflict((conflict) =>
          conflict
            .column('address')
            .doUpdateSet(row)
            .where('magic_link_links.sent', '<', clock.now() - pauseMs),
        )
        .returning('address')
        .executeTakeFirst()
      return added !== undefined
    },
    /** Ends the link with this code, if it was sent for this browser; undefined if there is none. */
    spend: (code: string, browser: string): Promise<SentLink | undefined> =>
      tables()
        .deleteFrom('magic_link_links')
        .where('code', '=', code)
        .where('browser', '=', browser)
        .where('sent', '>', clock.now() - LINK_MS)
        .returningAll()
        .executeTakeFirst(),
  }
}
