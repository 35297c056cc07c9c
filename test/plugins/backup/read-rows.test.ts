// together: rooms
import type { Database } from '@mezite/core'
import { sql } from 'kysely'
import t from 'tap'
import { readDatabase } from '../../../plugins/backup/database/read-rows.ts'
import { openTestDatabase } from '../../state/database/stores.ts'

t.test('a copy fails if rows go, from anywhere, after the moment of which it is', async (t) => {
  const { db, close } = await openTestDatabase([])
  t.teardown(close)
  await sql`CREATE TABLE events (seq integer PRIMARY KEY, text text)`.execute(db)
  await sql`INSERT INTO events SELECT n, 'x' FROM generate_series(1, 100) n`.execute(db)
  const read = async (meanwhile: (db: Database) => Promise<unknown>): Promise<number> => {
    let [rows, table] = [0, '']
    const parts = readDatabase({ database: db, without: new Set(), appendOnly: new Set(['events']) })
    for await (const part of parts) {
      if ('table' in part) table = part.table
      if (table !== 'events') continue
      if ('table' in part) await meanwhile(db)
      else rows += part.rows
    }
    return rows
  }
  const insert = sql`INSERT INTO events VALUES (200, 'later')`
  t.equal(await read((db) => insert.execute(db)), 100, 'rows that come later are not in it')
  for (const seq of [1, 50, 200])
    await t.rejects(
      read((db) => sql`DELETE FROM events WHERE seq = ${seq}`.execute(db)),
      { code: 'MEZ_COPY_INCOMPLETE', message: /rows of events were deleted/ },
      `row ${seq}`,
    )
})
