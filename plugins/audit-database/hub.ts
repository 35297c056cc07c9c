import {
  adminRights,
  audit,
  auditSinks,
  database,
  databaseChecks,
  defineHubPlugin,
  jobs,
  migrations,
  revisions,
  secretBox,
  sessions,
  Type,
  webRoutes,
} from '@mezite/core'
import { recordedRequests } from '@mezite/core/administration'
import { databaseServer } from '@mezite/core/postgres-session'
import { auditRoutes } from './audit-routes.ts'
import { type CheckpointKey, openCheckpointKey } from './checkpoint-key.ts'
import { createCheckpoints } from './checkpoints.ts'
import { createDayPartitions } from './day-partitions.ts'
import { misspelledTypes } from './event-types.ts'
import { buildIndexes } from './index-builder.ts'
import { auditMigrations } from './migrations.ts'
import { reasons } from './reasons.ts'
import { createRecordedRequests } from './recorded-requests.ts'
import { createPruner } from './retention.ts'
import { createSink } from './sink.ts'
import { createTail } from './tail.ts'
import { noteSpans } from './trail-spans.ts'
import { verifyTrail } from './verification.ts'
import { verifyRoute } from './verification-route.ts'
import { visitRoutes } from './visit-routes.ts'

const RETENTION_MS = 10 * 60_000
/** What is newer is read event by event by searches. */
const SPANS_MS = 30_000
/** The first run of a retention that was shortened may delete years. */
const LONGEST_RETENTION_MS = 6 * 3_600_000

/** Keeps audit events in the hub's database. The page understand/audit-trail of the documentation says how to query and export them. */
export default defineHubPlugin({
  name: 'audit-database',
  api: 1,
  summary: 'Keeps audit events in the database',
  config: Type.Closed({
    retention: Type.Duration({ default: '90d', min: '1m', description: 'how long events are kept' }),
    retention_by_type: Type.Optional(
      Type.Map(Type.Duration({ min: '1m' }), {
        description: 'how long events of certain types are kept instead, such as `app.request: 30d`',
      }),
    ),
    retention_role: Type.Optional(
      Type.String({
        pattern: '^[a-z_][a-z0-9_]{0,62}$',
        description: 'PostgreSQL role that deletes old events, if the role of the hub may not',
      }),
    ),
  }),
  validate: ({ retention_by_type = {} }) => misspelledTypes(Object.keys(retention_by_type)),
  needs: { adminRights, audit, revisions, database, databaseServer, jobs, secretBox },
  wants: { sessions },
  provides: { auditSinks, databaseChecks, migrations, recordedRequests, webRoutes },
  reasons,
  setup({ config, clock, log, tap, use, provide }) {
    let opened: CheckpointKey | undefined
    const key = () => {
      if (!opened) throw new Error('the checkpoint key is not loaded yet')
      return opened
    }
    const retentionRole = config.retention_role ?? null
    const { url } = use.databaseServer
    const pruner = createPruner({
      database: use.database,
      url,
      periods: { others: config.retention, byType: { ...config.retention_by_type } },
      retentionRole,
      key,
      clock,
      log,
    })
    use.jobs.add({
      name: 'audit-database-retention',
      everyMs: RETENTION_MS,
      deadlineMs: LONGEST_RETENTION_MS,
      run: async (signal) => `${await pruner.prune(signal)} events deleted`,
    })
    const days =
      url === null ? null : createDayPartitions({ database: use.database, url, retentionRole, clock, log })
    let indexed = false
    use.jobs.add({
      name: 'audit-database-search',
      everyMs: SPANS_MS,
      deadlineMs: LONGEST_RETENTION_MS,
      run: async (signal) => {
        const built = indexed ? 0 : await buildIndexes(use.database, url, log)
        indexed = built !== null
        const noted = await noteSpans(use.database, signal)
        if (indexed) await days?.keep()
        return `${noted} pieces of the trail noted, ${built ?? 0} indexes built`
      },
    })
    const checkpoints = createCheckpoints({ database: use.database, key, clock, log })
    const tail = createTail(use.database, log)
    provide.migrations(auditMigrations)
    provide.databaseChecks({
      title: 'the audit trail',
      async *run(copy) {
        const own = await openCheckpointKey(copy, use.secretBox)
        const report = yield* verifyTrail(copy, own, { byCaller: null, byHub: null })
        const [finding] = report.findings
        return finding ? `${finding.what} ${finding.n ?? ''} ${finding.detail}` : null
      },
    })
    const sink = createSink(use.database, url)
    provide.auditSinks(sink)
    provide.recordedRequests(createRecordedRequests(use.database, clock))
    provide.webRoutes(auditRoutes({ ...use, tail }))
    provide.webRoutes(visitRoutes(use))
    provide.webRoutes(verifyRoute({ ...use, key, newest: checkpoints.newest, log }))
    tap.lifecycle.start(async () => {
      opened = await openCheckpointKey(use.database, use.secretBox)
      checkpoints.start()
    })
    tap.lifecycle.drain(() => tail.end())
    tap.lifecycle.stop(async () => {
      tail.end()
      await checkpoints.stop()
      await sink.stop()
    })
  },
})
