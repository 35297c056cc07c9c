import type { Kysely } from 'kysely'
import type { Database } from '../core/index.ts'

/** The database with every table, for a test that looks below the surface of a room. */
// biome-ignore lint/suspicious/noExplicitAny: the test names tables of several owners
export const anyTables = (db: Database): Kysely<any> => db.withTables<any>()
