import { closeSync, openSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'

const SQLITE_BUSY = 5

/**
 * Locks an empty file, which is created with mode 0600 because every user who can read it can lock it. Returns null if
 * the lock is taken, by this process or another, and throws errors of the file system. Keep the lock: garbage collection
 * would release it.
 *
 * It is an SQLite lock: the kernel releases it however the process ends, so it is never stale, and it also works between
 * containers that share the directory.
 */
export function lockFile(path: string): { release(): void } | null {
  closeSync(openSync(path, 'a', 0o600))
  const file = new DatabaseSync(path, { timeout: 0 })
  try {
    file.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
    return { release: () => file.close() }
  } catch (error) {
    file.close()
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return null
    throw error
  }
}
