import type { Clock, Database, Log } from '@mezite/core'
import { messageOf } from '@mezite/core'
import { sql } from 'kysely'

const EVERY_MS = 10 * 60_000
const BATCH = 1_000
const PAUSE_MS = 50

/** Deletes what is older than the retention, a bounded piece at a time, so that writers never wait long. */
export function createPruner(parts: { database: Database; retentionMs: number; clock: Clock; log: Log }) {
  const { database, retentionMs, clock, log } = parts
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  let working: Promise<unknown> = Promise.resolve()

  /** Resolves with how many events went. */
  async function prune(): Promise<number> {
    const before = new Date(clock.now() - retentionMs)
    let gone = 0
    while (!stopped) {
      const { numAffectedRows = 0n } = await sql`DELETE FROM audit_database_events WHERE seq IN
        (SELECT seq FROM audit_database_events WHERE time < ${before} ORDER BY time LIMIT ${BATCH})`.execute(
        database,
      )
      gone += Number(numAffectedRows)
      if (numAffectedRows < BATCH) break
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
    if (gone > 0) log.info({ gone, before: before.toISOString() }, 'old audit events deleted')
    return gone
  }

  function run(): void {
    working = prune().catch((error) => log.error({ error: messageOf(error) }, 'old audit events stay'))
  }

  return {
    prune,
    start() {
      run()
      timer = setInterval(run, EVERY_MS).unref()
    },
    async stop() {
      stopped = true
      clearInterval(timer)
      await working
    },
  }
}
