import { v7 as uuidv7 } from 'uuid'
import {
  type Database,
  type DatabaseCheck,
  databaseChecks,
  type Migrations,
  migrations,
} from '../api/database.ts'
import { version } from '../base/loader/runtime-check.ts'
import { createCounts } from '../base/log/counts.ts'
import { createLog } from '../base/log/program-log.ts'
import type { LoadedConfig } from '../hub/config/config-loader.ts'
import type { HubConfig } from '../hub/config/hub-config.ts'
import { hubKernel } from '../hub/hub.ts'
import { openRooms } from '../hub/open-rooms.ts'
import { systemClock } from '../kernel/clock.ts'
import { hubParts } from './parts/hub-parts.ts'

/** The database of a cluster, opened without starting a hub. */
export interface OfflineCluster {
  readonly config: HubConfig
  readonly version: string
  readonly dialect: 'embedded' | 'postgres'
  readonly database: Database
  /** Those of the rooms and the loaded plugins, which have run. */
  readonly migrations: readonly Migrations[]
  readonly checks: readonly DatabaseCheck[]
  close(): Promise<void>
}

export interface OfflineOptions {
  /** Another database in place of the configured one. */
  readonly database?: HubConfig['database']
  /** The database gets the rows of a copy, which are encrypted with this key. */
  readonly copiedKey?: Buffer
  /** Leaves the database as it is: its migrations may be those of another version. */
  readonly unmigrated?: boolean
}

/**
 * Opens and migrates the database of a configuration, or another one in its place, with all plugins set up but nothing
 * started: no port, no background work. Throws `MEZ_DATABASE_LOCKED` while a hub has the embedded database open, and
 * what a start throws for a database that cannot be used.
 */
export async function openOffline(
  { config: configured, plugins }: LoadedConfig,
  { database = configured.database, copiedKey, unmigrated }: OfflineOptions = {},
): Promise<OfflineCluster> {
  const config = { ...configured, database }
  const log = createLog({ level: 'error', format: 'text' })
  const hubVersion = await version()
  const closers: (() => unknown)[] = []
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer()
  }
  try {
    const counts = createCounts(log)
    const kernel = hubKernel({ plugins, log }, systemClock, counts.slowTap)
    const parts = await openRooms(
      {
        parts: hubParts,
        config,
        plugins,
        log,
        kernel,
        counts,
        hubVersion,
        clock: systemClock,
        instanceId: uuidv7(),
        onClose: (closer) => closers.push(closer),
        phase: { now: 'starting' },
        ports: { public: null, diagnostics: null },
      },
      { patient: true, copiedKey },
    )
    const { store } = parts.make(['plugged'])
    const own = kernel.slot(migrations)
    if (!unmigrated) await store.migrate(own)
    return {
      config,
      version: hubVersion,
      dialect: store.dialect,
      database: store.db,
      migrations: own,
      checks: kernel.slot(databaseChecks),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}
