import { readFile } from 'node:fs/promises'
import { isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml'
import { type ConfigProblem, printPath, type ValueProblem } from './config-check.ts'
import { MezError, messageOf } from './error.ts'

/** A configuration file: its value, and the line of each key. */
export interface ConfigFile {
  readonly file: string
  readonly value: unknown
  /** Problems of the YAML itself; `value` must not be used if there are any. */
  readonly problems: readonly ConfigProblem[]
  /** Adds the line of the key to a problem, or the line of the nearest key above it. */
  locate(problem: ValueProblem): ConfigProblem
}

/** Reads a YAML or JSON file. Throws MEZ_CONFIG_UNREADABLE. */
export async function readConfigFile(file: string): Promise<ConfigFile> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new MezError('MEZ_CONFIG_UNREADABLE', `cannot read ${file}: ${messageOf(cause)}`, { cause })
  })
  return parseConfigFile(file, text)
}

/** Reports duplicate keys, several documents, unknown tags and `__proto__` as problems. */
function parseConfigFile(file: string, text: string): ConfigFile {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true })
  const position = (offset: number) => lines.linePos(offset)
  const locate = ({ path, message }: ValueProblem): ConfigProblem => ({
    file,
    line: lineOf(path),
    path: printPath(path),
    message,
  })
  function lineOf(path: readonly string[]): number {
    let node: unknown = document.contents
    let line = 0
    for (const key of path) {
      if (isMap(node)) {
        const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === key)
        if (!isScalar(pair?.key)) break
        line = position(pair.key.range?.[0] ?? 0).line
        node = pair.value
      } else if (isSeq(node)) {
        node = node.items[Number(key)]
        const range = (node as { range?: [number, number, number] } | undefined)?.range
        if (range) line = position(range[0]).line
      } else break
    }
    return line
  }
  const problems: ConfigProblem[] = [...document.errors, ...document.warnings].map((error) => {
    const { line, col } = position(error.pos[0])
    // The library's message for several documents is meant for programmers.
    const several = error.code === 'MULTIPLE_DOCS' && 'contains several documents; expected one'
    return { file, line, path: `column ${col}`, message: several || error.message.split('\n')[0]! }
  })
  let value: unknown = null
  try {
    if (problems.length === 0) value = document.toJS({ maxAliasCount: 100 })
  } catch (error) {
    problems.push({ file, line: 0, path: 'the file', message: messageOf(error) })
  }
  const polluted = findProto(value)
  if (polluted) problems.push(locate({ path: polluted, message: 'unknown key' }))
  return { file, value, problems, locate }
}

function findProto(value: unknown, path: readonly string[] = []): readonly string[] | null {
  if (typeof value !== 'object' || value === null) return null
  for (const [key, inner] of Object.entries(value)) {
    const here = [...path, key]
    const found = key === '__proto__' ? here : findProto(inner, here)
    if (found) return found
  }
  return null
}
