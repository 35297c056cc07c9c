// long
/** The thread that writes audit events to PostgreSQL: what it holds counts, and its failures close the gate. */
import { once } from 'node:events'
import type { Worker } from 'node:worker_threads'
import { systemClock } from '@mezite/core/protocol'
import { testEvent } from '@mezite/core/testing'
import { sql } from 'kysely'
import t from 'tap'
import { auditMigrations } from '../../../plugins/audit-database/migrations.ts'
import { createSink } from '../../../plugins/audit-database/sink.ts'
import { batchesTo, linesOf } from '../../event-lines.ts'
import { auditOf } from '../../state/audit/open-audit.ts'
import { ownPostgresStore } from '../../state/database/postgres-stores.ts'
import { keptLog, open } from '../../state/database/stores.ts'
import { until } from '../../until.ts'

const store = await ownPostgresStore()
t.teardown(() => store.close())
const config = await store.config()
const url = config.driver === 'postgres' ? config.url : ''
const database = await open(config)
t.teardown(() => database.close())
const { db } = database
await database.migrate([auditMigrations])

/** Every thread that a sink has started, the newest last. */
const threads: Worker[] = []
const keep = (worker: Worker) => void threads.push(worker)
process.on('worker', keep)
t.teardown(() => process.off('worker', keep))

type Tap = typeof t

function startSink(t: Tap) {
  const sink = createSink(db, url)
  t.teardown(() => sink.stop())
  return sink
}

/** An audit that is full with ten events, and has stored its first one. */
async function startAudit(t: Tap, writeMs = 20_000) {
  const sink = startSink(t)
  const audit = auditOf([sink], keptLog(), {
    limits: { lingerMs: 5, full: 10, fullMs: 0, writeMs, firstRetryMs: 50, longestRetryMs: 100 },
  })
  audit.open()
  t.teardown(() => audit.close())
  audit.record(event('first'))
  await until(async () => (await names()).includes('first') && audit.accepting, 'the first event')
  // It is in the tables before this thread knows of it.
  await audit.flush()
  return audit
}

async function empty(): Promise<void> {
  await sql`TRUNCATE audit_database_texts, audit_database_requests, audit_database_contexts, audit_database_chains`.execute(
    db,
  )
}

async function names(): Promise<string[]> {
  const { rows } = await sql<{ type: string }>`SELECT type FROM audit_database_events ORDER BY seq`.execute(
    db,
  )
  return rows.map(({ type }) => type)
}

/** Keeps the table locked until the returned function is called: writes wait. */
async function lockTable(): Promise<() => Promise<void>> {
  const held = Promise.withResolvers<void>()
  const locked = Promise.withResolvers<void>()
  const done = db.transaction().execute(async (trx) => {
    await sql`LOCK TABLE audit_database_events IN EXCLUSIVE MODE`.execute(trx)
    locked.resolve()
    await held.promise
  })
  await locked.promise
  return () => {
    held.resolve()
    return done
  }
}

const isWaiting = async () => {
  const { rows } = await sql`SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'relation'`.execute(db)
  return rows.length > 0
}

const request = (n: number) =>
  testEvent(
    {
      type: 'app.request',
      success: true,
      user: `user${n % 50}@example.com`,
      roles: ['access'],
      clientIp: `203.0.113.${n % 200}`,
      sessionId: sessions[n % 50]!,
      requestId: crypto.randomUUID(),
      fields: {
        app: `app-${n % 20}`,
        agent: 'node-1',
        method: 'GET',
        path: '/api/health',
        status: 200,
        bytes_in: 0,
        bytes_out: 1024,
        duration_ms: 3,
        upgrade: null,
      },
    },
    { cluster: 'demo.example.com', hub: sessions[0]! },
  )
const sessions = Array.from({ length: 50 }, () => crypto.randomUUID())

const event = (type: string) => ({ type, success: true })
const lines = (...types: string[]) =>
  linesOf(
    types.map((type) => ({
      id: crypto.randomUUID(),
      type,
      time: new Date().toISOString(),
      cluster: 'c',
      hub: 'h',
      user: null,
      roles: null,
      client_ip: null,
      session_id: null,
      request_id: null,
      reason: null,
      success: true,
    })),
  )

t.test('a batch whose response was lost with its thread is stored once', async (t) => {
  await empty()
  const sink = startSink(t as unknown as Tap)
  const first = lines('a', 'b')
  await sink.write(first, 1)
  await threads.at(-1)?.terminate()
  await sink.write(first, 1)
  await sink.write(lines('c'), 2)
  t.strictSame(await names(), ['a', 'b', 'c'])
  const after = startSink(t as unknown as Tap)
  await after.write(lines('d'), 1)
  t.strictSame(await names(), ['a', 'b', 'c', 'd'], 'the numbers of another start are its own')
})

t.test('M158 events in the thread count, and ten uncommitted ones close the gate', async (t) => {
  await empty()
  const audit = await startAudit(t as unknown as Tap)
  const release = await lockTable()
  for (let n = 0; n < 9; n++) audit.record(event(`n${n}`))
  t.ok(audit.accepting, 'nine')
  await until(isWaiting, 'the thread has them')
  audit.record(event('n9'))
  t.notOk(audit.accepting, 'ten')
  await release()
  await until(() => audit.accepting, 'accepting again')
  await audit.flush()
  t.strictSame(await names(), ['first', ...Array.from({ length: 10 }, (_, n) => `n${n}`)])
})

t.test('M158 a database that stops for 1.5 s at 4,000 events a second closes no gate', async (t) => {
  await empty()
  const time = { ms: 0 }
  const sink = startSink(t as unknown as Tap)
  const audit = auditOf([sink], keptLog(), {
    clock: { ...systemClock, monotonic: () => time.ms },
    limits: { writeMs: 60_000 },
  })
  audit.open()
  t.teardown(() => audit.close())
  const release = await lockTable()
  t.teardown(release)
  let refused = 0
  for (let n = 0; n < 6_000; n++) {
    audit.record(event('app.request'))
    if (n % 40 === 0) time.ms += 10
    if (!audit.accepting) refused += 1
  }
  await until(isWaiting, 'the thread waits')
  t.equal(refused, 0)
  t.ok(audit.accepting, 'after 1.5 s')
  time.ms = 2_100
  t.notOk(audit.accepting, 'but not after 2 s')
  await release()
  await until(() => audit.accepting, 'accepting again', 60_000)
  await audit.flush()
  const { rows } = await sql<{ n: number }>`SELECT count(*)::int AS n FROM audit_database_events`.execute(db)
  t.equal(rows[0]?.n, 6_000)
})

t.test('M158 a thread that hangs closes the gate; another one stores each event once', async (t) => {
  await empty()
  const audit = await startAudit(t as unknown as Tap, 3_000)
  const hung = threads.at(-1)!
  const ended = once(hung, 'exit')
  const release = await lockTable()
  audit.record(event('second'))
  await until(() => !audit.accepting, 'not accepting')
  await ended
  t.notOk(audit.accepting, 'nor is it while the next thread has stored nothing')
  await release()
  await until(() => audit.accepting, 'accepting again')
  t.not(threads.at(-1), hung)
  audit.record(event('third'))
  await audit.flush()
  t.strictSame(await names(), ['first', 'second', 'third'])
})

t.test('M158 a thread that dies closes the gate until another one has stored its events', async (t) => {
  await empty()
  const audit = await startAudit(t as unknown as Tap)
  const release = await lockTable()
  audit.record(event('second'))
  await until(isWaiting, 'the thread is writing')
  await threads.at(-1)?.terminate()
  await until(() => !audit.accepting, 'not accepting')
  await release()
  await until(() => audit.accepting, 'accepting again')
  t.strictSame(await names(), ['first', 'second'])
})

t.test('M158 an unreachable database closes the gate, and loses no event', async (t) => {
  await empty()
  const audit = await startAudit(t as unknown as Tap)
  await store.server.stop()
  audit.record(event('second'))
  await until(() => !audit.accepting, 'not accepting')
  await store.server.start()
  await until(() => audit.accepting, 'accepting again')
  t.strictSame(await names(), ['first', 'second'])
})

t.test('a thousand events are one transaction, and the sink ends its connection with the hub', async (t) => {
  await empty()
  const sink = startSink(t as unknown as Tap)
  await sink.write(lines(...Array.from({ length: 1_000 }, (_, n) => `n${n}`)), 1)
  const { rows } = await sql<{ n: number }>`SELECT count(DISTINCT xmin::text)::int AS n
    FROM audit_database_texts`.execute(db)
  t.equal(rows[0]?.n, 1)
  const ended = once(threads.at(-1)!, 'exit')
  await sink.stop()
  t.strictSame(await ended, [0], 'without being terminated')
})

t.test('a request takes at most 450 bytes in the tables and their indexes', async (t) => {
  await empty()
  const write = batchesTo(startSink(t as unknown as Tap))
  const count = 20_000
  for (let n = 0; n < count; n += 1_000)
    await write(Array.from({ length: 1_000 }, (_, at) => request(n + at)))
  const { rows } = await sql<{ size: number }>`SELECT
    (pg_total_relation_size('audit_database_requests') + pg_total_relation_size('audit_database_contexts')
      + pg_total_relation_size('audit_database_texts'))::int AS size`.execute(db)
  const each = (rows[0]?.size ?? 0) / count
  t.ok(each > 100 && each <= 450, `${Math.round(each)} bytes`)
})
