import type { Database, Migrations, Transaction } from '@mezite/core'
import { messageOf } from '@mezite/core'
import { sql } from 'kysely'
import { listMigrations, listOwners, listTables, type Table } from './tables.ts'

/** A migration that a start of this version would run. */
export interface Pending {
  readonly owner: string
  readonly name: string
  readonly up: Migrations['migrations'][string]['up']
}

export interface Rehearsed extends Pick<Pending, 'owner' | 'name'> {
  /** About how long it will take, in milliseconds; null: it could not be tried, and `problem` says why. */
  readonly ms: number | null
  readonly problem: string | null
  /** Rows of the largest table that it reads or changes whole; 0: none. */
  readonly rows: number
}

/** Rows of each table that a rehearsal copies. */
const SAMPLE = 20_000

/** What this version would run, in its order, and what a newer version has run. */
export async function comparedMigrations(
  database: Database,
  all: readonly Migrations[],
): Promise<{ pending: readonly Pending[]; newer: readonly string[] }> {
  const done = await listMigrations(database, await listOwners(database))
  const pending = all.flatMap(({ owner, migrations }) =>
    Object.entries(migrations)
      .filter(([name]) => !done[owner]?.includes(name))
      .map(([name, { up }]) => ({ owner, name, up })),
  )
  const newer = all.flatMap(({ owner, migrations }) =>
    (done[owner] ?? []).filter((name) => !Object.hasOwn(migrations, name)).map((name) => `${owner}/${name}`),
  )
  return { pending, newer }
}

/**
 * Runs migrations on temporary copies of all tables, with some of their rows, and rolls everything back: hubs that run meanwhile
 * do not notice. The time of a migration that reads or changes a table whole is that of the copy by the share of its rows.
 */
export async function rehearse(
  database: Database,
  pending: readonly Pending[],
): Promise<readonly Rehearsed[]> {
  const rehearsed: Rehearsed[] = []
  const undo = new Error('the rehearsal is over')
  const running = database.transaction().execute(async (trx) => {
    const counts = await copyTables(trx, await listTables(trx))
    await sql`SET LOCAL search_path TO pg_temp`.execute(trx)
    for (const each of pending) rehearsed.push(await rehearseOne(trx, each, counts))
    throw undo
  })
  await running.catch((error) => {
    if (error !== undo) throw error
  })
  return rehearsed
}

/** Resolves to the number of rows of each table. */
async function copyTables(trx: Transaction, tables: readonly Table[]): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>()
  for (const { name, columns, estimate } of tables) {
    const [own, copy] = [sql.table(name), sql.table(`pg_temp.${name}`)]
    const names = sql.join(columns.map((column) => sql.ref(column.name)))
    // Until the copy exists, the name alone is that of the table.
    const source = sql`SELECT ${names} FROM ${own} LIMIT ${sql.lit(SAMPLE)}`
    await sql`CREATE TEMP TABLE rehearsal_rows ON COMMIT DROP AS ${source}`.execute(trx)
    await sql`CREATE TABLE ${copy} (LIKE ${own} INCLUDING ALL)`.execute(trx)
    const { numAffectedRows = 0n } = await sql`INSERT INTO ${copy} (${names}) OVERRIDING SYSTEM VALUE
      SELECT ${names} FROM rehearsal_rows`.execute(trx)
    await sql`DROP TABLE rehearsal_rows`.execute(trx)
    const copied = Number(numAffectedRows)
    counts.set(name, copied < SAMPLE ? copied : Math.max(copied, estimate))
  }
  return counts
}

interface Touched {
  readonly name: string
  readonly indexes: number
  readonly changed: number
}

async function rehearseOne(
  trx: Transaction,
  { owner, name, up }: Pending,
  counts: ReadonlyMap<string, number>,
): Promise<Rehearsed> {
  const before = await workOn(trx)
  await sql`SAVEPOINT rehearsal`.execute(trx)
  try {
    const began = performance.now()
    await up(trx)
    const took = performance.now() - began
    const after = await workOn(trx)
    const rows = [...after].flatMap(([table, work]) =>
      before.has(table) && before.get(table) !== work ? (counts.get(table) ?? 0) : [],
    )
    const most = Math.max(0, ...rows)
    return {
      owner,
      name,
      problem: null,
      rows: most,
      ms: Math.max(1, Math.round(took * Math.max(1, most / SAMPLE))),
    }
  } catch (error) {
    await sql`ROLLBACK TO SAVEPOINT rehearsal`.execute(trx)
    return { owner, name, problem: messageOf(error), rows: 0, ms: null }
  }
}

/** What was done to each copy so far: its indexes, and how many rows were written. */
async function workOn(trx: Transaction): Promise<ReadonlyMap<string, string>> {
  const { rows } = await sql<Touched>`SELECT c.relname AS name,
      (SELECT count(*)::int FROM pg_index WHERE indrelid = c.oid) AS indexes,
      (pg_stat_get_xact_tuples_inserted(c.oid) + pg_stat_get_xact_tuples_updated(c.oid))::int AS changed
    FROM pg_class c WHERE c.relnamespace = pg_my_temp_schema() AND c.relkind = 'r'`.execute(trx)
  return new Map(rows.map(({ name, indexes, changed }) => [name, `${indexes} ${changed}`]))
}
