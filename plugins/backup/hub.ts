import { isAbsolute } from 'node:path'
import {
  audit,
  database,
  defineHubPlugin,
  jobs,
  MezError,
  metrics,
  migrations,
  publicNames,
  secretBox,
  Type,
  webRoutes,
} from '@mezite/core'
import { databaseServer } from '@mezite/core/postgres-session'
import type { BackupSource } from './archive/backup.ts'
import { backupRoute } from './backup-route.ts'
import { reasons } from './reasons.ts'
import { createSchedule } from './schedule.ts'
import { readVersion } from './version.ts'

/** Encrypted backups of the running cluster. The page plugins/backup of the documentation says how to make and restore them. */
export default defineHubPlugin({
  name: 'backup',
  api: 1,
  summary: 'Encrypted backups of the running cluster',
  config: Type.Closed({
    recipients: Type.Optional(
      Type.Array(Type.String({ pattern: '^age1[a-z0-9]{58,}$' }), {
        description: 'public keys that backups are encrypted to',
      }),
    ),
    schedule: Type.Optional(
      Type.Closed(
        {
          folder: Type.String({ minLength: 1, description: 'absolute path of the folder of backups' }),
          every: Type.Duration({ default: '1d', min: '1m', description: 'from one backup to the next' }),
          keep: Type.Integer({ default: 7, minimum: 1, description: 'how many backups stay' }),
        },
        { description: 'backups that the hub makes by itself' },
      ),
    ),
  }),
  needs: { audit, database, databaseServer, jobs, metrics, migrations, publicNames, secretBox },
  provides: { webRoutes },
  reasons,
  setup({ clock, config, log, tap, use, provide }) {
    const source = async (): Promise<BackupSource> => ({
      database: use.database,
      migrations: use.migrations,
      cluster: use.publicNames.clusterName,
      version: await readVersion(),
      encryptionKey: use.secretBox.exportKey(),
      shared: use.databaseServer.url === null,
    })
    provide.webRoutes(backupRoute({ audit: use.audit, source, log }))
    const { recipients = [], schedule } = config
    if (!schedule) return
    if (recipients.length === 0 || !isAbsolute(schedule.folder))
      throw new MezError(
        'MEZ_CONFIG_INVALID',
        'plugins.backup.schedule needs recipients and an absolute folder',
      )
    const { every, ...kept } = schedule
    const running = createSchedule({ ...kept, everyMs: every, recipients }, { ...use, source, clock, log })
    tap.lifecycle.start(running.start)
    tap.lifecycle.stop(running.stop)
  },
})
