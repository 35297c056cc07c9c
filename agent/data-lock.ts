import { closeSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { MezError } from '@mezite/core/agent'

const SQLITE_BUSY = 5

/**
 * Locks the data directory until this process ends. Throws `MEZ_DATA_DIR_UNWRITABLE` if another mezd uses it: the two
 * would keep replacing each other's link to the hub.
 *
 * It is the SQLite lock of an empty file. The operating system releases it however the process ends, so it is never
 * stale.
 */
export function lockDataDir(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
    const file = join(dataDir, 'lock')
    // Any user who can read the file can lock it.
    closeSync(openSync(file, 'a', 0o600))
    held = new DatabaseSync(file, { timeout: 0 })
    held.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    // An agent that has joined does not need a writable directory.
    if ((error as { errcode?: number }).errcode !== SQLITE_BUSY) return
    throw new MezError('MEZ_DATA_DIR_UNWRITABLE', `another mezd uses the data directory ${dataDir}`, {
      hint: 'Stop the other mezd, or give this one a data_dir of its own and a join token.',
    })
  }
}

/** Referenced here, because garbage collection of the object would release the lock. */
let held: DatabaseSync | null = null
