import { createHash } from 'node:crypto'
import { globSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const CHECKSUMS = 'SHA256SUMS'

export const sha256Of = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex')

/** Paths of the files below a folder, sorted; without the checksums themselves. */
export const filesIn = (folder: string): readonly string[] =>
  globSync('**', { cwd: folder })
    .filter((file) => file !== CHECKSUMS && statSync(join(folder, file)).isFile())
    .sort()

/** Writes `SHA256SUMS` for every file of a folder, with which `sha256sum --check` checks downloads. */
export function writeChecksums(folder: string): void {
  const lines = filesIn(folder).map((file) => `${sha256Of(readFileSync(join(folder, file)))}  ${file}\n`)
  writeFileSync(join(folder, CHECKSUMS), lines.join(''))
}
