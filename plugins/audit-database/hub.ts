import {
  audit,
  auditSinks,
  changes,
  database,
  defineHubPlugin,
  MezError,
  migrations,
  parseDuration,
  sessions,
  Type,
  webRoutes,
} from '@mezite/core'
import { auditRoutes } from './audit-routes.ts'
import { createPruner } from './create-pruner.ts'
import { createSink } from './create-sink.ts'
import { createTail } from './create-tail.ts'
import { auditMigrations } from './migrations.ts'

/** Keeps audit events in the hub's database. README.md says how to query and export them. */
export default defineHubPlugin({
  name: 'audit-database',
  api: 1,
  summary: 'Keeps audit events in the database',
  config: Type.Object(
    { retention: Type.String({ default: '90d', pattern: '^[1-9][0-9]{0,8}(m|h|d)$' }) },
    { additionalProperties: false },
  ),
  needs: { audit, changes, database },
  wants: { sessions },
  provides: { auditSinks, migrations, webRoutes },
  setup({ config, clock, log, tap, use, provide }) {
    const retentionMs = parseDuration(config.retention)
    if (retentionMs === null) {
      throw new MezError('MEZ_CONFIG_INVALID', `retention: '${config.retention}' is longer than ten years`)
    }
    const pruner = createPruner({ database: use.database, retentionMs, clock, log })
    const tail = createTail(use.database, log)
    provide.migrations(auditMigrations)
    provide.auditSinks(createSink(use.database))
    provide.webRoutes(auditRoutes({ ...use, tail }))
    tap.lifecycle.start(() => pruner.start())
    tap.lifecycle.drain(() => tail.end())
    tap.lifecycle.stop(() => {
      tail.end()
      return pruner.stop()
    })
  },
})
