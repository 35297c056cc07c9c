import { chmodSync, constants, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { access, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { MezError, messageOf } from '../../kernel/error.ts'
import { lockFile } from '../../kernel/file-lock.ts'

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
 */
export function lockDataDir(dataDir: string): { release(): void } {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  chmodSync(dataDir, 0o700)
  const pidPath = join(dataDir, 'lock.pid')
  const lock = lockFile(join(dataDir, 'lock'))
  if (lock === null) {
    const holder = readPid(pidPath)
    const who = holder === null ? 'another process' : `the process with pid ${holder}`
    throw new MezError('MEZ_DATABASE_LOCKED', `the data directory ${dataDir} is in use by ${who}`)
  }
  writeFileSync(pidPath, `${process.pid}\n`, { mode: 0o600 })
  return lock
}

function readPid(path: string): string | null {
  try {
    return /^\d{1,10}/.exec(readFileSync(path, 'utf8'))?.[0] ?? null
  } catch {
    return null
  }
}
