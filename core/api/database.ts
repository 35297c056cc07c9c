import type { Kysely, Transaction as KyselyTransaction } from 'kysely'
import type { Migration } from 'kysely/migration'
import { serviceRef, slotRef } from '../kernel/reference.ts'

// Kysely asks for an index signature, which an interface does not have.
declare module 'kysely' {
  interface Kysely<DB> {
    /** With the tables of a plugin by name: an interface, or a type. */
    withTables<Tables extends object>(): Kysely<DB & Tables>
  }
  interface Transaction<DB> {
    withTables<Tables extends object>(): Transaction<DB & Tables>
  }
}

/**
 * The hub's database. It knows no tables: each owner names its own with `db.withTables<MyTables>()`, so that a misspelled
 * table or column does not compile.
 *
 * `COPY … FROM STDIN` takes its one parameter, a Buffer, as its input; `COPY … TO STDOUT` returns its output. Both return one
 * row, `{ count, bytes }`: the number of rows, and the output in the text format of COPY.
 */
// biome-ignore lint/complexity/noBannedTypes: no tables, unlike Record<string, never>
export type Database = Kysely<{}>
/** The database inside a transaction: its statements are committed or rolled back together. */
// biome-ignore lint/complexity/noBannedTypes: see Database
export type Transaction = KyselyTransaction<{}>

/** The migrations of one owner, separate from those of other owners. They may only add, in the SQL of PostgreSQL 15. */
export interface Migrations {
  /**
   * The plugin's name, which also prefixes its tables (`-` becomes `_`). Unique; owners that begin with `core` are the hub's, whose
   * tables have no prefix.
   */
  readonly owner: string
  /** By name, run in alphabetical order: `0001-roles`. */
  readonly migrations: Readonly<Record<string, Migration>>
  /**
   * Tables whose rows a backup leaves out, because a restore would bring back what has been used or revoked since:
   * sessions, one-use codes. Moving a cluster to another database copies them.
   */
  readonly transient?: readonly string[]
  /**
   * Tables that only grow, each with one bigint as its primary key: a backup reads their rows up to the largest key of its
   * snapshot without holding the snapshot. Rows may be deleted from the beginning.
   */
  readonly appendOnly?: readonly string[]
}

/** The hub's own database, PostgreSQL or embedded. */
export const database = serviceRef<Database>('database')

/** Migrations of the tables that a plugin owns. */
export const migrations = slotRef<Migrations>('migrations')

/** Where the database is, for a plugin that opens a connection of its own; `url` is null if it is embedded. */
export const databaseServer = serviceRef<{
  /** May contain a password: never log it. */
  readonly url: string | null
}>('databaseServer')

/** Proves that the rows of a plugin are whole after they were copied to another database. */
export interface DatabaseCheck {
  /** What it proves, for people: `the audit trail`. */
  readonly title: string
  /**
   * Reads the copy through `database`, a transaction that is committed only if no check finds a fault. Yields the number of
   * rows checked so far; returns the first fault as a sentence, or null.
   */
  run(database: Database): AsyncGenerator<number, string | null>
}

/** Checks that run before the copy of a database is committed. */
export const databaseChecks = slotRef<DatabaseCheck>('databaseChecks')
