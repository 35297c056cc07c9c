import { chmodSync, mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { CliError } from './cli-error.ts'

/** Where a program keeps its files: `variable` from the environment, or a folder in the home directory. */
export function programHome(variable: string, folder: string): string {
  return process.env[variable] || join(homedir(), folder)
}

/** Makes the folder when it is not there, and closes it to others (0700). */
export function makePrivateFolder(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    chmodSync(dir, 0o700)
  } catch (cause) {
    throw new CliError('MEZ_FILE_UNWRITABLE', `cannot make ${dir}: ${(cause as Error).message}`, { cause })
  }
}
