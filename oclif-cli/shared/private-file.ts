import { randomBytes } from 'node:crypto'
import {
  closeSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { CliError } from './cli-error.ts'

/**
 * The text of a file that holds secrets; null when there is none. One that others may read or write, or that belongs
 * to someone else, is refused with `MEZ_CREDENTIALS_UNSAFE`.
 */
export function readPrivateFile(file: string): string | null {
  let handle: number
  try {
    handle = openSync(file, 'r')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw unreadable(file, cause)
  }
  try {
    const { mode, uid } = fstatSync(handle)
    if ((mode & 0o077) !== 0 || (process.getuid !== undefined && uid !== process.getuid())) {
      throw new CliError('MEZ_CREDENTIALS_UNSAFE', `${file} can be read or changed by others, it is not used`)
    }
    return readFileSync(handle, 'utf8')
  } catch (cause) {
    throw cause instanceof CliError ? cause : unreadable(file, cause)
  } finally {
    closeSync(handle)
  }
}

/** Puts a file of mode 0600 in place at once: a reader finds the old text or the new one. The folder must exist. */
export function writePrivateFile(file: string, text: string): void {
  const draft = `${file}.${randomBytes(6).toString('hex')}`
  try {
    const handle = openSync(draft, 'wx', 0o600)
    try {
      writeFileSync(handle, text)
      fsyncSync(handle)
    } finally {
      closeSync(handle)
    }
    renameSync(draft, file)
  } catch (cause) {
    rmSync(draft, { force: true })
    throw unwritable(file, cause)
  }
}

/** Throws what `writePrivateFile` would, where that can be told before; a file that is there stays as it is. */
export function checkPrivateFile(file: string): void {
  const draft = `${file}.${randomBytes(6).toString('hex')}`
  try {
    if (file === '' || statSync(file, { throwIfNoEntry: false })?.isDirectory())
      throw new Error('it is no name of a file')
    closeSync(openSync(draft, 'wx', 0o600))
  } catch (cause) {
    throw unwritable(file, cause)
  }
  rmSync(draft, { force: true })
}

function unwritable(file: string, cause: unknown): CliError {
  return new CliError('MEZ_FILE_UNWRITABLE', `cannot write ${file}: ${(cause as Error).message}`, { cause })
}

function unreadable(file: string, cause: unknown): CliError {
  return new CliError('MEZ_FILE_UNREADABLE', `cannot read ${file}: ${(cause as Error).message}`, { cause })
}
