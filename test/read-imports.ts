import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

export const root = join(import.meta.dirname, '..')

export interface Import {
  readonly from: string
  /** A path from the root for a file of ours, otherwise what the statement says. */
  readonly to: string
  /** The package that `to` is of; null for files and modules of Node.js. */
  readonly package: string | null
  readonly typeOnly: boolean
}

export const textOf = (file: string): string => readFileSync(join(root, file), 'utf8')

/** The source files of a folder, as paths from the root. */
export const sourcesOf = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.([jt]s|tsx)$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((file) => !/(^|\/)(node_modules|dist|fixtures|templates)\//.test(file))

const IMPORT =
  /^(?:import|export)\s+(type\s)?(?:[^'"`;]*?\sfrom\s+)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/gm

/** What the files import, statically or with `import()`. */
export const importsOf = (files: readonly string[]): Import[] =>
  files.flatMap((from) =>
    [...textOf(from).matchAll(IMPORT)].map(([statement, type, fixed, dynamic]) => {
      const target = (fixed ?? dynamic)!
      const to = target.startsWith('.') ? relative(root, join(root, dirname(from), target)) : target
      const names = /\{([^}]*)\}/
        .exec(statement)?.[1]
        ?.split(',')
        .map((name) => name.trim())
      const onlyTypes = names?.filter(Boolean).every((name) => name.startsWith('type ')) ?? false
      return {
        ...{ from, to },
        package: /^(\.|node:)/.test(target) ? null : /^(?:@[^/]+\/)?[^/]+/.exec(target)![0],
        typeOnly:
          type !== undefined ||
          (onlyTypes && !statement.includes('import(') && !/^import \w+,/.test(statement)),
      }
    }),
  )
