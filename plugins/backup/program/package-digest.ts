import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The attestation of a program, in the folder of the package `@mezite/hub`. */
export const ATTESTATION = 'attestation.json'

/** Whether no program reads a file: types, source maps, documentation. Some forms of a release leave them out. */
export const isUnread = (path: string): boolean =>
  /(?:\.map|\.d\.[cm]?ts|\.flow|\.tsbuildinfo|(?:^|\/)(?:CHANGELOG|README|HISTORY)(?![^/]*\.[cm]?js$)[^/]*)$/i.test(
    path,
  )

/** Folders whose files are not of the package, or that only authors of plugins use. */
const LEFT_OUT = ['node_modules', 'testing']

/**
 * The SHA-256 in hexadecimal of everything that runs in the folder of a package: of a line for each file, with its hash and path, as
 * `sha256sum` prints them. It is the same in every form of a release, whose images name another Node.js in the first line of a program.
 */
export function packageDigest(folder: string): string {
  const lines = filesOf(folder)
    .sort()
    .map((path) => {
      const content = readFileSync(join(folder, path))
      const isScript = content.subarray(0, 2).equals(Buffer.from('#!'))
      const rest = isScript ? content.subarray(content.indexOf('\n')) : content
      return `${createHash('sha256').update(rest).digest('hex')}  ${path}\n`
    })
  return createHash('sha256').update(lines.join('')).digest('hex')
}

/** Paths with `/`, without dependencies. */
const filesOf = (folder: string, below = ''): string[] =>
  readdirSync(join(folder, below), { withFileTypes: true }).flatMap((entry) => {
    const path = below === '' ? entry.name : `${below}/${entry.name}`
    if (entry.isDirectory()) return LEFT_OUT.includes(entry.name) ? [] : filesOf(folder, path)
    return isUnread(path) || path === 'LICENSE' || path === ATTESTATION ? [] : [path]
  })
