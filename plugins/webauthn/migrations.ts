import type { Database, Migrations } from '@mezite/core'

/** A passkey of a person. Times in milliseconds since the epoch. */
export interface KeyRow {
  /** Credential id, base64url. */
  readonly id: string
  readonly user_key: string
  /** Identity that enrolled it, `User.holder`: a later holder of the name does not get its passkeys. */
  readonly holder: string
  readonly public_key: Uint8Array
  readonly counter: number
  readonly name: string
  /** JSON list, unsigned: only a hint for the browser. */
  readonly transports: string
  readonly aaguid: string
  /** 1: the private key may be copied to other devices. */
  readonly backup_eligible: number
  /** SHA-256 of the root that its attestation leads to, or null. */
  readonly attested_root: string | null
  readonly created: number
  readonly last_used: number | null
}

/** A one-use enrolment link. */
export interface LinkRow {
  readonly id: string
  /** SHA-256 of the token, base64url. */
  readonly hash: string
  readonly user_key: string
  /** Identity that it was created for; null: the name had none yet. */
  readonly holder: string | null
  /** Who made it, whose rights are asked again when it is used; null: made before this was stored, so it does not work. */
  readonly maker_kind: 'operator' | 'person' | 'program' | null
  readonly maker: string | null
  /** The account of a person. */
  readonly maker_key: string | null
  readonly maker_holder: string | null
  readonly created: number
  readonly expires: number
  readonly used_at: number | null
}

/** An invitation that can be used, or could have been until it expired. */
export interface InvitationRow {
  readonly id: string
  /** SHA-256 of the token, base64url. */
  readonly hash: string
  /** The name that the person will have, as `User.name` and `User.key`. */
  readonly name: string
  readonly user_key: string
  /** JSON list. */
  readonly roles: string
  /** What the person will be identified by: `sub` of the identity. */
  readonly sub: string
  /** Name of who invites; the key and holder of that account are null for the operator on the hub's machine. */
  readonly inviter: string
  readonly inviter_key: string | null
  readonly inviter_holder: string | null
  /** The role by which the inviter had the right. */
  readonly right_role: string | null
  readonly created: number
  readonly expires: number
}

export type WebauthnTables = {
  webauthn_keys: KeyRow
  webauthn_links: LinkRow
  webauthn_invitations: InvitationRow
  /** Spent challenges, until they would have expired anyway. */
  webauthn_spent: { hash: string; expires: number }
}

export const webauthnMigrations: Migrations = {
  owner: 'webauthn',
  transient: ['webauthn_links', 'webauthn_invitations'],
  migrations: {
    '0001-keys': {
      async up(db: Database) {
        await db.schema
          .createTable('webauthn_keys')
          .addColumn('id', 'text', (column) => column.primaryKey())
          .addColumn('user_key', 'text', (column) => column.notNull())
          .addColumn('holder', 'text', (column) => column.notNull())
          .addColumn('public_key', 'bytea', (column) => column.notNull())
          .addColumn('counter', 'double precision', (column) => column.notNull())
          .addColumn('name', 'text', (column) => column.notNull())
          .addColumn('transports', 'text', (column) => column.notNull())
          .addColumn('aaguid', 'text', (column) => column.notNull())
          .addColumn('backup_eligible', 'integer', (column) => column.notNull())
          .addColumn('attested_root', 'text')
          .addColumn('created', 'double precision', (column) => column.notNull())
          .addColumn('last_used', 'double precision')
          .execute()
        await db.schema.createIndex('webauthn_keys_user').on('webauthn_keys').column('user_key').execute()
        await db.schema
          .createTable('webauthn_links')
          .addColumn('id', 'text', (column) => column.primaryKey())
          .addColumn('hash', 'text', (column) => column.notNull().unique())
          .addColumn('user_key', 'text', (column) => column.notNull())
          .addColumn('holder', 'text')
          .addColumn('created', 'double precision', (column) => column.notNull())
          .addColumn('expires', 'double precision', (column) => column.notNull())
          .addColumn('used_at', 'double precision')
          .execute()
        await db.schema
          .createTable('webauthn_spent')
          .addColumn('hash', 'text', (column) => column.primaryKey())
          .addColumn('expires', 'double precision', (column) => column.notNull())
          .execute()
      },
    },
    '0002-invitations': {
      async up(db: Database) {
        let table = db.schema
          .createTable('webauthn_invitations')
          .addColumn('id', 'text', (column) => column.primaryKey())
          .addColumn('hash', 'text', (column) => column.notNull().unique())
        for (const name of ['name', 'user_key', 'roles', 'sub', 'inviter'])
          table = table.addColumn(name, 'text', (column) => column.notNull())
        for (const name of ['inviter_key', 'inviter_holder', 'right_role'])
          table = table.addColumn(name, 'text')
        for (const name of ['created', 'expires'])
          table = table.addColumn(name, 'double precision', (column) => column.notNull())
        await table.execute()
      },
    },
    '0003-link-makers': {
      async up(db: Database) {
        for (const name of ['maker_kind', 'maker', 'maker_key', 'maker_holder'])
          await db.schema.alterTable('webauthn_links').addColumn(name, 'text').execute()
      },
    },
  },
}
