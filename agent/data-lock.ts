import { closeSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { MezError } from '@mezite/core/agent'

const SQLITE_BUSY = 5

/**
 * Takes the data directory for this process until it ends. Throws `MEZ_DATA_DIR_UNWRITABLE` when another mezd has it: the
 * two would take the hub from each other for ever.
 *
 * The lock is SQLite's on a file that holds nothing: the kernel lets go of it when a process ends in whatever way, so it
 * is never stale.
 */
export function lockDataDir(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
    const file = join(dataDir, 'lock')
    // Whoever may read the file can lock it.
    closeSync(openSync(file, 'a', 0o600))
    held = new DatabaseSync(file, { timeout: 0 })
    held.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    // An agent that has joined can do without a directory that it may write to.
    if ((error as { errcode?: number }).errcode !== SQLITE_BUSY) return
    throw new MezError('MEZ_DATA_DIR_UNWRITABLE', `another mezd uses the data directory ${dataDir}`, {
      hint: 'Stop the other mezd, or give this one a data_dir of its own and a join token.',
    })
  }
}

/** Kept here, since the lock would go with the object. */
let held: DatabaseSync | null = null
