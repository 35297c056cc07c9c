import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock, Log, Metrics } from '@mezite/core'
import { messageOf } from '@mezite/core'
import { type BackupSource, takeBackup } from './archive/backup.ts'

/** How long one backup may take, in milliseconds. */
const DEADLINE_MS = 6 * 3_600_000
/** How often a hub looks at when the last backup was made, in milliseconds. */
const LOOK_MS = 60_000
const ENDING = '.backup'
/** The draft of a backup of the schedule; see `writeArchive`. */
const DRAFT = /^mezite-[\dTZ-]+\.backup\.partial$/

export interface ScheduleOptions {
  readonly folder: string
  readonly everyMs: number
  /** Number of backups that stay in the folder. */
  readonly keep: number
  readonly recipients: readonly string[]
}

interface ScheduleDeps {
  readonly jobs: {
    add(job: {
      name: string
      everyMs: number
      jitterMs: number
      deadlineMs: number
      run: () => Promise<string>
    }): unknown
  }
  readonly metrics: Metrics
  readonly source: () => Promise<BackupSource>
  readonly clock: Clock
  readonly log: Log
}

/** Makes backups in a folder of the hub that has the lease, and removes those beyond the number to keep. */
export function createSchedule({ folder, everyMs, keep, recipients }: ScheduleOptions, deps: ScheduleDeps) {
  const { jobs, metrics, source, clock, log } = deps
  let lastAt = 0
  let timer: NodeJS.Timeout | undefined

  /** A file has its name once it is complete. */
  async function complete(): Promise<readonly string[]> {
    const names = await readdir(folder).catch(() => [])
    return names.filter((name) => name.endsWith(ENDING)).sort()
  }

  async function look(): Promise<void> {
    const newest = (await complete()).at(-1)
    if (newest !== undefined) lastAt = (await stat(join(folder, newest))).mtimeMs
  }

  async function run(): Promise<string> {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    // A hub that ended during a backup has left its draft, which may be as large as the backup.
    for (const left of await readdir(folder))
      if (DRAFT.test(left)) await rm(join(folder, left), { force: true })
    const name = `mezite-${new Date(clock.now()).toISOString().replaceAll(/[:.]/g, '-')}${ENDING}`
    const rows = await takeBackup(await source(), join(folder, name), recipients)
    const own = await complete()
    for (const old of own.slice(0, Math.max(0, own.length - keep)))
      await rm(join(folder, old), { force: true })
    await look()
    return `wrote ${name} with ${rows} rows`
  }

  metrics.gauge(
    'mezite_backup_last_success_timestamp_seconds',
    'When the newest complete backup in the folder of the schedule was made, in Unix time; 0 if there is none',
    () => lastAt / 1_000,
    undefined,
    'max',
  )
  jobs.add({ name: 'backup-schedule', everyMs, jitterMs: 0, deadlineMs: DEADLINE_MS, run })
  return {
    async start(): Promise<void> {
      await look()
      timer = setInterval(() => {
        look().catch((error) => log.debug({ error: messageOf(error) }, 'failed to read the last backup'))
      }, LOOK_MS)
      timer.unref()
    },
    stop: () => clearInterval(timer),
  }
}
