import {
  audit,
  database,
  defineHubPlugin,
  migrations,
  publicNames,
  secretBox,
  Type,
  webRoutes,
} from '@mezite/core'
import { databaseServer } from '@mezite/core/postgres-session'
import type { BackupSource } from './archive/backup.ts'
import { backupRoute } from './backup-route.ts'
import { readVersion } from './version.ts'

/** Encrypted backups of the running cluster. README.md says how to make and restore them. */
export default defineHubPlugin({
  name: 'backup',
  api: 1,
  summary: 'Encrypted backups of the running cluster',
  config: Type.Object(
    {
      recipients: Type.Optional(
        Type.Array(Type.String({ pattern: '^age1[a-z0-9]{58,}$' }), {
          description: 'public keys that backups are encrypted to',
        }),
      ),
    },
    { additionalProperties: false },
  ),
  needs: { audit, database, databaseServer, migrations, publicNames, secretBox },
  provides: { webRoutes },
  setup({ log, use, provide }) {
    const source = async (): Promise<BackupSource> => ({
      database: use.database,
      migrations: use.migrations,
      cluster: use.publicNames.clusterName,
      version: await readVersion(),
      encryptionKey: use.secretBox.exportKey(),
      shared: use.databaseServer.url === null,
    })
    provide.webRoutes(backupRoute({ audit: use.audit, source, log }))
  },
})
