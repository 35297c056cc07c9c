// together: rooms
/** Codes that nobody has issued cost a read each: what they leave of the database to everybody else. */
import { sql } from 'kysely'
import t from 'tap'
import type { App } from '../../../core/api/app.ts'
import type { Session } from '../../../core/api/sessions.ts'
import { sessionsMigrations } from '../../../core/gate/sessions/migrations.ts'
import { newToken } from '../../../core/gate/sessions/session-insert.ts'
import { createSessionTickets } from '../../../core/gate/sessions/session-ticket.ts'
import { systemClock } from '../../../core/kernel/clock.ts'
import { postgresStore } from '../../state/database/postgres-stores.ts'
import { changesOf, open } from '../../state/database/stores.ts'
import { startStopwatch } from '../../stopwatch.ts'
import { until } from '../../until.ts'

const FLOOD = 600

t.test('a flood of unknown codes on a slow database is refused, and other queries still run', async (t) => {
  const store = await postgresStore()
  t.teardown(() => store.close())
  const config = await store.config()
  const [database, other] = [await open(config), await open(config)]
  t.teardown(() => Promise.all([database.close(), other.close()]))
  await database.migrate([sessionsMigrations])
  const revisions = changesOf(database)
  await revisions.start()
  t.teardown(() => revisions.stop())

  const hubSession = { id: 'hub-1', kind: 'hub', user: 'ann', expires: Date.now() + 60_000 } as Session
  const app = { id: 'app-1' } as App
  const tickets = createSessionTickets({
    db: database.db,
    revisions,
    living: () => hubSession,
    redeem: async () => ({ id: 'app-session', token: 'secret' }),
    opened: () => hubSession,
    endReplayed: async () => {},
    clock: systemClock,
  })
  const nonceHash = 'n'.repeat(43)
  const redeem = (code: string) => tickets.redeem({ code, app, nonceHash, clientIp: '192.0.2.7' })
  const code = await tickets.issue({ hubSession, app, nonceHash, satisfied: [] })

  let flood: Promise<PromiseSettledResult<unknown>[]> = Promise.resolve([])
  await other.db.transaction().execute(async (trx) => {
    await sql`LOCK TABLE session_handovers IN ACCESS EXCLUSIVE MODE`.execute(trx)
    flood = Promise.allSettled(Array.from({ length: FLOOD }, () => redeem(newToken())))
    const waiting = () =>
      sql<{ n: number }>`SELECT count(*)::int AS n FROM pg_locks WHERE NOT granted`.execute(trx)
    await until(async () => (await waiting()).rows[0]!.n > 0, 'the flood waits for the database')
    const watch = startStopwatch()
    await revisions.catchUp()
    t.ok(watch.took() < 5_000, 'changes are read meanwhile')
    await t.rejects(
      redeem(code),
      { status: 503, code: 'handover_busy' },
      'nor is a good code believed unknown',
    )
  })
  const reasons = (await flood).map((one) => (one.status === 'rejected' ? one.reason.code : 'unknown'))
  t.ok(reasons.filter((reason) => reason === 'handover_busy').length > FLOOD / 2, 'refused without a query')
  t.match(await redeem(code), { token: 'secret' }, 'the same code works when it is calm again')
})
