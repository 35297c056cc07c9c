import { globSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { textOf } from './read-imports.ts'

/** Test files that run in one process. */
export interface Unit {
  /** The path of its only file, or the word of the mark. */
  readonly name: string
  readonly files: readonly string[]
  /** Units of the same word share their files: each takes the next one that no other has taken. */
  readonly sharedAs?: string
}

/**
 * Lines with which a test file, or a module that tests import, says what `npm test` must know of it:
 *
 * - `// together: hubs`: runs in one process with the other files of this mark, because loading sources takes a second of
 *   processor time: `quick` takes less than that, `rooms` uses a database, `hubs`, `plugin-hubs`, `tunnels`, `protocols`,
 *   `sign-in` and `programs` start a hub, `mezctl` and `msh` are command lines, `dashboard` has a browser, `suites` proves
 *   the suites for authors of plugins; a file that measures memory runs alone
 * - `// in: test/packaging/packages.test.ts`: that file runs it
 * - `// long`: begins early, because nothing may be left to run when all others have ended
 * - `// needs: nginx, chromium`: programs that it starts
 */
const MARK = /^\/\/ (together|in|needs|long)(?:: (.+))?$/gm
type Word = 'together' | 'in' | 'needs' | 'long'

/** The marks of a file, such as `{ together: 'hubs', needs: 'nginx' }`. */
export const marksOf = (file: string): Readonly<Partial<Record<Word, string>>> =>
  Object.fromEntries([...textOf(file).matchAll(MARK)].map(([, word, value]) => [word, value ?? '']))

const IMPORTED =
  /^(?:import|export)\s+(?!type\s)(?:[^'"`;]*?\sfrom\s+)?'(\.[^']+\.ts)'|\bimport\('(\.[^']+\.ts)'\)/gm
const known = new Map<string, ReadonlySet<string>>()

/** The programs that a test file needs: those of its own mark, and of every module below `test` and `examples` that it imports. */
export function needsOf(file: string): ReadonlySet<string> {
  const found = known.get(file)
  if (found !== undefined) return found
  const needs = new Set(marksOf(file).needs?.split(', ') ?? [])
  // Modules may import each other.
  known.set(file, needs)
  for (const [, fixed, dynamic] of textOf(file).matchAll(IMPORTED)) {
    const to = join(dirname(file), (fixed ?? dynamic)!)
    if (/^(test|examples)\//.test(to)) for (const need of needsOf(to)) needs.add(need)
  }
  return needs
}

/** These run while the packages are made; then files of one mark, which take longest, and those marked as long. */
const FIRST = ['quick', 'rooms']
/** Equals are in the order of their names. */
const rank = ({ name, files }: Unit) =>
  FIRST.includes(name) ? 3 : files.length > 1 ? 2 : Number(marksOf(name).long !== undefined)

/** These test files, or all of them, as the processes in which they run; first those that must begin first. */
export function unitsOf(files?: readonly string[]): readonly Unit[] {
  const units = new Map<string, string[]>()
  for (const file of files ?? globSync('test/**/*.test.ts', { exclude: ['**/fixtures/**'] }).sort()) {
    const marks = marksOf(file)
    if (files === undefined && marks.in !== undefined) continue
    // Somebody who names one file waits for that file alone.
    const name = files === undefined ? (marks.together ?? file) : file
    units.set(name, [...(units.get(name) ?? []), file])
  }
  const all = [...units].map(([name, its]): Unit => ({ name, files: its }))
  return all.sort((one, other) => rank(other) - rank(one) || one.name.localeCompare(other.name))
}

/** Each n-th unit from the i-th on, such as `1/3`: the long ones come first, so that all shards get some. Throws for another text. */
export function shardOf(units: readonly Unit[], shard: string): readonly Unit[] {
  const [, i, n] = /^([1-9]\d*)\/([1-9]\d*)$/.exec(shard) ?? []
  if (i === undefined || Number(i) > Number(n))
    throw new Error(`--shard ${shard}: write it as 1/3, 2/3 and 3/3 for three machines`)
  return units.filter((_, at) => at % Number(n) === Number(i) - 1)
}
