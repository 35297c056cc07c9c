import { dirname, join, relative } from 'node:path'
import { sourcesOf, textOf } from '../oclif-cli/packaging/sources.ts'
import { root } from '../oclif-cli/packaging/workspaces.ts'

export { root, sourcesOf, textOf }

export interface Import {
  readonly from: string
  /** A path from the root for a file of ours, otherwise what the statement says. */
  readonly to: string
  /** The package that `to` is of; null for files and modules of Node.js. */
  readonly package: string | null
  readonly typeOnly: boolean
}

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
        from,
        to,
        package: /^(\.|node:)/.test(target) ? null : /^(?:@[^/]+\/)?[^/]+/.exec(target)![0],
        typeOnly:
          type !== undefined ||
          (onlyTypes && !statement.includes('import(') && !/^import \w+,/.test(statement)),
      }
    }),
  )
