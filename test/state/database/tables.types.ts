/** Checked by tsc alone. */
import type { Database, Transaction } from '@mezite/core'

interface Notes {
  readonly text: string
  readonly at: Date
}
interface Tables {
  readonly notes: Notes
}
type Same = { readonly notes: Notes }

export async function checked(db: Database, trx: Transaction): Promise<void> {
  for (const tables of [db.withTables<Tables>(), db.withTables<Same>(), trx.withTables<Tables>()]) {
    const { text } = await tables.selectFrom('notes').select('text').executeTakeFirstOrThrow()
    text.toUpperCase()
    // @ts-expect-error a column of another name
    await tables.selectFrom('notes').select('texts').execute()
    // @ts-expect-error a table of another name
    await tables.selectFrom('note').selectAll().execute()
  }
}
