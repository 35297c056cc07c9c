import type { Database, Migrations } from '@mezite/core'

/** A row of `devices`. Its key is the id of the session; the secret is the token of the session, of which only the hash is stored. */
export interface DeviceRow {
  readonly id: string
  readonly user_name: string
  readonly user_key: string
  /** UUID of the only app. */
  readonly app: string
  readonly name: string
  /** JSON: the only paths, each with all below it; empty for all. */
  readonly paths: string
  readonly language: 'en' | 'de'
  /** When the person confirmed with a passkey; a confirmation counts once. All times are milliseconds since the epoch. */
  readonly confirmed: number
  readonly created: number
  readonly expires: number
  /** When somebody removed it; null: nobody has. */
  readonly removed: number | null
  readonly first_at: number | null
  readonly first_ip: string | null
  readonly first_agent: string | null
  readonly last_at: number | null
  readonly last_ip: string | null
  readonly last_agent: string | null
  /** JSON: the networks and programs that have used it. */
  readonly seen: string
  /** When another program in another network used it for the first time. */
  readonly moved: number | null
}

export type DeviceTables = { devices: DeviceRow }

export const deviceMigrations: Migrations = {
  owner: 'devices',
  migrations: {
    '0001-devices': {
      async up(db: Database) {
        await db.schema
          .createTable('devices')
          .addColumn('id', 'text', (column) => column.primaryKey())
          .addColumn('user_name', 'text', (column) => column.notNull())
          .addColumn('user_key', 'text', (column) => column.notNull())
          .addColumn('app', 'text', (column) => column.notNull())
          .addColumn('name', 'text', (column) => column.notNull())
          .addColumn('paths', 'text', (column) => column.notNull())
          .addColumn('language', 'text', (column) => column.notNull())
          .addColumn('confirmed', 'bigint', (column) => column.notNull())
          .addColumn('created', 'bigint', (column) => column.notNull())
          .addColumn('expires', 'bigint', (column) => column.notNull())
          .addColumn('removed', 'bigint')
          .addColumn('first_at', 'bigint')
          .addColumn('first_ip', 'text')
          .addColumn('first_agent', 'text')
          .addColumn('last_at', 'bigint')
          .addColumn('last_ip', 'text')
          .addColumn('last_agent', 'text')
          .addColumn('seen', 'text', (column) => column.notNull())
          .addColumn('moved', 'bigint')
          .addUniqueConstraint('devices_confirmed_once', ['user_key', 'confirmed'])
          .execute()
      },
    },
  },
}
