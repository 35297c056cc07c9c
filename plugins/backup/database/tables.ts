import type { Database } from '@mezite/core'
import { MezError } from '@mezite/core'
import { sql } from 'kysely'

/** A table of the cluster, and how its rows are read and written. */
export interface Table {
  readonly name: string
  readonly columns: readonly Column[]
  /** The columns of its primary key, in order. */
  readonly key: readonly Column[]
  /** The planner's estimate of its rows; at least 0. */
  readonly estimate: number
}

export interface Column {
  readonly name: string
  /** As SQL writes it: `character varying(63)`. */
  readonly type: string
}

/** kysely's own tables, which belong to a version of the programs and not to the cluster. */
const isMigrationTable = (name: string) => /_migrations(_lock)?$/.test(name)

interface Row {
  name: string
  columns: string
  key: string
  estimate: number
  parents: string
}

/**
 * The tables of the cluster, each after those that its foreign keys refer to. Throws `MEZ_COPY_REFUSED` for a table without a
 * primary key, whose rows could not be read in pieces.
 */
export async function listTables(database: Database): Promise<readonly Table[]> {
  const { rows } = await sql<Row>`
    SELECT c.relname AS name, greatest(c.reltuples, 0)::double precision AS estimate,
      (SELECT coalesce(json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod))
          ORDER BY a.attnum), '[]')::text
        FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') AS columns,
      (SELECT coalesce(json_agg(k.attname ORDER BY place.n), '[]')::text
        FROM pg_index i
        CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS place(attnum, n)
        JOIN pg_attribute k ON k.attrelid = c.oid AND k.attnum = place.attnum
        WHERE i.indrelid = c.oid AND i.indisprimary) AS key,
      (SELECT coalesce(json_agg(DISTINCT p.relname), '[]')::text
        FROM pg_constraint f JOIN pg_class p ON p.oid = f.confrelid
        WHERE f.conrelid = c.oid AND f.contype = 'f' AND f.confrelid <> c.oid) AS parents
    FROM pg_class c
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = current_schema()::regnamespace
    ORDER BY c.relname`.execute(database)
  const found = new Map<string, Table & { parents: readonly string[] }>()
  for (const { name, columns, key, estimate, parents } of rows) {
    if (isMigrationTable(name)) continue
    const all = JSON.parse(columns) as Column[]
    const names = JSON.parse(key) as string[]
    if (names.length === 0)
      throw new MezError('MEZ_COPY_REFUSED', `the table ${name} has no primary key, so it cannot be copied`)
    const typed = names.map((one) => all.find((column) => column.name === one)!)
    found.set(name, { name, columns: all, key: typed, estimate, parents: JSON.parse(parents) as string[] })
  }
  const ordered = new Map<string, Table>()
  const add = (name: string, below: readonly string[]) => {
    const table = found.get(name)
    if (!table || ordered.has(name) || below.includes(name)) return
    for (const parent of table.parents) add(parent, [...below, name])
    ordered.set(name, table)
  }
  for (const name of found.keys()) add(name, [])
  return [...ordered.values()]
}

/** The owners whose migrations have run on this database, also those that are no longer configured. */
export async function listOwners(database: Database): Promise<readonly string[]> {
  const { rows } = await sql<{ prefix: string }>`
    SELECT left(relname, -length('_migrations')) AS prefix FROM pg_class
    WHERE relkind = 'r' AND relname LIKE '%\\_migrations' AND relnamespace = current_schema()::regnamespace
    ORDER BY relname`.execute(database)
  return rows.map(({ prefix }) => prefix.replaceAll('_', '-'))
}

/** The tables that have rows, except those in `without`, each with the plugin that owns it; null: not a plugin's. */
export async function listFilled(
  database: Database,
  without: ReadonlySet<string> = new Set(),
): Promise<Readonly<Record<string, string | null>>> {
  const longestFirst = [...(await listOwners(database))].sort((a, b) => b.length - a.length)
  const filled: Record<string, string | null> = {}
  for (const { name } of await listTables(database)) {
    if (without.has(name)) continue
    const { rows } = await sql`SELECT 1 FROM ${sql.table(name)} LIMIT 1`.execute(database)
    if (rows.length === 0) continue
    filled[name] = longestFirst.find((owner) => name.startsWith(`${owner.replaceAll('-', '_')}_`)) ?? null
  }
  return filled
}

/** An index that no constraint needs. */
export interface Index {
  readonly name: string
  readonly table: string
  /** The statement that creates it. */
  readonly definition: string
}

/** The indexes of the cluster's tables, except those of primary keys and constraints. */
export async function listIndexes(database: Database): Promise<readonly Index[]> {
  const { rows } = await sql<Index>`
    SELECT i.relname AS name, t.relname AS table, pg_get_indexdef(i.oid) AS definition
    FROM pg_index x
    JOIN pg_class i ON i.oid = x.indexrelid
    JOIN pg_class t ON t.oid = x.indrelid
    WHERE t.relkind = 'r' AND NOT t.relispartition AND t.relnamespace = current_schema()::regnamespace
      AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.oid)
    ORDER BY t.relname, i.relname`.execute(database)
  return rows.filter(({ table }) => !isMigrationTable(table))
}

/** The names of the migrations that have run, by owner. */
export async function listMigrations(
  database: Database,
  owners: readonly string[],
): Promise<Readonly<Record<string, readonly string[]>>> {
  const done: Record<string, readonly string[]> = {}
  for (const owner of owners) {
    const table = sql.table(`${owner.replaceAll('-', '_')}_migrations`)
    const { rows } = await sql<{ name: string }>`SELECT name FROM ${table} ORDER BY name`.execute(database)
    done[owner] = rows.map(({ name }) => name)
  }
  return done
}
