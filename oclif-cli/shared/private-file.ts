import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { CliError } from './cli-error.ts'
import { type SecretStore, systemSecrets } from './secret-store.ts'

/**
 * The text of a file that contains secrets; null if it does not exist. Throws `MEZ_CREDENTIALS_UNSAFE` if other users can
 * read or write it, or if it belongs to another user.
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
    // Windows closes the folder of a person to others by its access lists, and reports modes that mean nothing.
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      const text = `${file} is accessible to other users (mode 0${(mode & 0o777).toString(8)})`
      throw new CliError('MEZ_CREDENTIALS_UNSAFE', text)
    }
    if (process.getuid !== undefined && uid !== process.getuid())
      throw new CliError('MEZ_CREDENTIALS_UNSAFE', `${file} belongs to another user`)
    return readFileSync(handle, 'utf8')
  } catch (cause) {
    throw cause instanceof CliError ? cause : unreadable(file, cause)
  } finally {
    closeSync(handle)
  }
}

/** Replaces a file atomically, with mode 0600: a reader sees the old text or the new one. The folder must exist. */
export function writePrivateFile(file: string, text: string): void {
  const draft = `${file}.${randomBytes(6).toString('hex')}`
  try {
    writeFileSync(draft, text, { flag: 'wx', mode: 0o600, flush: true })
    renameSync(draft, file)
  } catch (cause) {
    rmSync(draft, { force: true })
    throw unwritable(file, cause)
  }
}

/** Throws the error of a later `writePrivateFile` as far as it can be foreseen; leaves an existing file alone. */
export function checkPrivateFile(file: string): void {
  const draft = `${file}.${randomBytes(6).toString('hex')}`
  try {
    if (file === '') throw new Error('the name is empty')
    if (statSync(file, { throwIfNoEntry: false })?.isDirectory()) throw new Error('it is a folder')
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

/** The folder of a program's files: `variable` from the environment, or `folder` in the home directory. */
export function programHome(variable: string, folder: string): string {
  return process.env[variable] || join(homedir(), folder)
}

/** The store of the system for the secrets of a program; null if `variable` names the folder in which everything is to be. */
export const programSecrets = (variable: string, service: string): SecretStore | null =>
  process.env[variable] ? null : systemSecrets(service)

/** Creates the folder if needed, and closes it to other users (0700). */
export function makePrivateFolder(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    chmodSync(dir, 0o700)
  } catch (cause) {
    throw new CliError('MEZ_FILE_UNWRITABLE', `cannot create ${dir}: ${(cause as Error).message}`, { cause })
  }
}
