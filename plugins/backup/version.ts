import { readFile } from 'node:fs/promises'
import { findPackageJSON } from 'node:module'

/** The version of this package, which is that of Mezite. */
export async function readVersion(): Promise<string> {
  const file = findPackageJSON('.', import.meta.url)
  return file === undefined
    ? 'unknown'
    : (JSON.parse(await readFile(file, 'utf8')) as { version: string }).version
}
