import { chmodSync, constants, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { access, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { MezError, messageOf } from '../../kernel/error.ts'

/** Creates the data directory if it is missing, accessible to this user only. Throws `MEZ_DATA_DIR_UNWRITABLE`. */
export async function prepareDataDir(dataDir: string): Promise<void> {
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 })
    await access(dataDir, constants.W_OK | constants.X_OK)
  } catch (cause) {
    const message = `the data directory ${dataDir} cannot be used: ${messageOf(cause)}`
    throw new MezError('MEZ_DATA_DIR_UNWRITABLE', message, { cause })
  }
}

/**
 * Takes the exclusive lock on a data directory, which is created with mode 0700. Throws `MEZ_DATABASE_LOCKED` when another
 * process, or this one, has the lock. PGlite itself would open a directory that is in use, and destroy it.
 *
 * It is an SQLite lock on an empty file: the kernel releases it however the process ends, so it is never stale, and it
 * also works between containers that share the directory.
 */
export function lockDataDir(dataDir: string): { release(): void } {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  chmodSync(dataDir, 0o700)
  const path = join(dataDir, 'lock')
  const pidPath = join(dataDir, 'lock.pid')
  const file = new DatabaseSync(path, { timeout: 0 })
  try {
    file.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    file.close()
    if ((error as { errcode?: number }).errcode !== SQLITE_BUSY) throw error
    const holder = readPid(pidPath)
    const who = holder === null ? 'another process' : `the process with pid ${holder}`
    throw new MezError('MEZ_DATABASE_LOCKED', `the data directory ${dataDir} is in use by ${who}`)
  }
  chmodSync(path, 0o600)
  writeFileSync(pidPath, `${process.pid}\n`, { mode: 0o600 })
  return { release: () => file.close() }
}

const SQLITE_BUSY = 5

function readPid(path: string): string | null {
  try {
    return /^\d{1,10}/.exec(readFileSync(path, 'utf8'))?.[0] ?? null
  } catch {
    return null
  }
}
