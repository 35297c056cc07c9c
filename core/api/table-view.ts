import type { Transaction } from './database.ts'
import type { ChangeKind, View } from './revisions.ts'

/** A copy of a table in memory, of which changed rows are read again. */
export interface TableView<Row> extends View {
  /** The stored rows with these keys; null: all. */
  rowsOf(trx: Transaction, keys: readonly string[] | null): Promise<readonly Row[]>
}

/**
 * The view of a table with one row for each key. `swap` replaces the copies of the keys, or with null all copies, by the
 * rows that are there now. A row that cannot be read must not make it throw.
 */
export function tableView<Row>({
  name,
  kind,
  table,
  key,
  swap,
}: {
  readonly name: string
  /** What changes of a row touch. */
  readonly kind: ChangeKind
  readonly table: string
  /** The column with the key. */
  readonly key: keyof Row & string
  readonly swap: (keys: readonly string[] | null, rows: readonly Row[]) => void
}): TableView<Row> {
  const column: string = key
  const rowsOf: TableView<Row>['rowsOf'] = async (trx, keys) => {
    // biome-ignore lint/suspicious/noExplicitAny: the caller names its table and its columns
    const all = trx.withTables<any>().selectFrom(table).selectAll()
    return (await (keys === null ? all : all.where(column, 'in', keys)).execute()) as Row[]
  }
  return {
    name,
    kinds: [kind],
    rowsOf,
    async loadAll(trx) {
      const rows = await rowsOf(trx, null)
      return () => swap(null, rows)
    },
    async refresh(trx, touched) {
      const keys = [...(touched.get(kind) ?? [])]
      if (keys.length === 0) return () => {}
      const rows = await rowsOf(trx, keys)
      return () => swap(keys, rows)
    },
  }
}
