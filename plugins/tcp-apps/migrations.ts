import type { Migrations } from '@mezite/core'

export interface OpenTable {
  readonly id: string
  readonly instance: string
  /** The start event, JSON. */
  readonly event: string
  /** Milliseconds since the epoch, as `seen` by the clock of the database. */
  readonly started: number
}

export type OpenTables = {
  readonly tcp_apps_open: OpenTable
  readonly tcp_apps_hubs: { readonly instance: string; readonly seen: number }
}

/** Open connections and the hubs that hold them, so that another hub records the ends of a killed hub's connections. */
export const tcpAppsMigrations: Migrations = {
  owner: 'tcp-apps',
  transient: ['tcp_apps_open', 'tcp_apps_hubs'],
  migrations: {
    '0001-open-connections': {
      async up(db) {
        await db.schema
          .createTable('tcp_apps_open')
          .addColumn('id', 'text', (column) => column.primaryKey())
          .addColumn('instance', 'text', (column) => column.notNull())
          .addColumn('event', 'text', (column) => column.notNull())
          .addColumn('started', 'double precision', (column) => column.notNull())
          .execute()
        await db.schema
          .createTable('tcp_apps_hubs')
          .addColumn('instance', 'text', (column) => column.primaryKey())
          .addColumn('seen', 'double precision', (column) => column.notNull())
          .execute()
      },
    },
  },
}
