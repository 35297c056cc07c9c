import { sql } from 'kysely'
import { open } from './stores.ts'

/** Run by embedded.test.ts, which kills this process: prints how many transactions are acknowledged. */
const database = await open({ driver: 'embedded', dataDir: process.env.TEST_DATA_DIR ?? '' })
const { db } = database
await sql`CREATE TABLE IF NOT EXISTS written (x integer)`.execute(db)
await sql`CREATE TABLE IF NOT EXISTS written_twice (x integer)`.execute(db)
const { rows } = await sql<{ n: number }>`SELECT count(*) AS n FROM written`.execute(db)
for (let n = rows[0]?.n ?? 0; ; n++) {
  await db.transaction().execute(async (trx) => {
    await sql`INSERT INTO written VALUES (${n})`.execute(trx)
    await sql`INSERT INTO written_twice VALUES (${n})`.execute(trx)
  })
  process.stdout.write(`${n + 1}\n`)
}
