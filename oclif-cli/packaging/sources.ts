import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { root } from './workspaces.ts'

/** The text of a file, by its path from the root of the repository. */
export const textOf = (file: string): string => readFileSync(join(root, file), 'utf8')

/** The source files of a folder, as paths from the root. */
export const sourcesOf = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.([jt]s|tsx)$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((file) => !/(^|\/)(node_modules|dist|fixtures|templates)\//.test(file))
