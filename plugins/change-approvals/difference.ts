/** One place where a document changes. */
export interface Difference {
  readonly path: string
  /** Null: nothing was there. */
  readonly before: string | null
  /** Null: nothing will be there. */
  readonly after: string | null
}

/** Members that may be a secret, as documents take them: `{ value: … }`, and names that say so. */
const SECRET =
  /^value$|secret|passw|passphrase|token|private|authorization|credential|cookie|api_?-?key|hmac/i
const HIDDEN = '(not shown)'
const LONGEST = 2_000
const MOST = 500

/** What differs between two documents, without secrets: at most 500 places. */
export function differenceOf(before: unknown, after: unknown): readonly Difference[] {
  const [old, next] = [leavesOf(before), leavesOf(after)]
  const paths = [...new Set([...old.keys(), ...next.keys()])].sort()
  return paths
    .filter((path) => old.get(path)?.value !== next.get(path)?.value)
    .slice(0, MOST)
    .map((path) => ({ path, before: shown(old.get(path)), after: shown(next.get(path)) }))
}

interface Leaf {
  readonly value: string
  readonly hidden: boolean
}

function shown(leaf: Leaf | undefined): string | null {
  if (leaf === undefined) return null
  if (leaf.hidden) return HIDDEN
  return leaf.value.length > LONGEST ? `${leaf.value.slice(0, LONGEST)}…` : leaf.value
}

/** Every value by its path. */
function leavesOf(document: unknown): Map<string, Leaf> {
  const found = new Map<string, Leaf>()
  const walk = (value: unknown, path: string, hidden: boolean): void => {
    const members = Object(value) === value ? Object.entries(value as object) : []
    if (members.length === 0) {
      if (value !== undefined) found.set(path, { value: JSON.stringify(value), hidden })
      return
    }
    for (const [name, member] of members) {
      const step = Array.isArray(value) ? `[${name}]` : path === '' ? name : `.${name}`
      walk(member, path + step, hidden || (!Array.isArray(value) && SECRET.test(name)))
    }
  }
  if (document !== null) walk(document, '', false)
  return found
}
