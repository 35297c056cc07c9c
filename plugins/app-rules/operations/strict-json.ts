/** Why bytes are not one JSON text that every server reads in the same way. */
export class JsonFault extends Error {}

const DEEPEST = 64
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads one JSON text (RFC 8259). Throws `JsonFault` for what servers read differently or not at all: bytes that are not UTF-8, a byte order mark,
 * duplicate names at any depth, more than 64 levels, comments, anything after the value.
 */
export function readStrictJson(bytes: Uint8Array): unknown {
  let text: string
  try {
    text = utf8.decode(bytes)
  } catch {
    throw new JsonFault('The body is not UTF-8.')
  }
  if (text.startsWith('\ufeff')) throw new JsonFault('The body begins with a byte order mark.')
  checkNames(text)
  try {
    return JSON.parse(text)
  } catch {
    throw new JsonFault('The body is not one JSON document.')
  }
}

/** Of an object: the names so far; of an array: null. */
type Level = Set<string> | null

/** Checks the levels and names of what `JSON.parse` will accept; what it will not accept, this may pass. */
function checkNames(text: string): void {
  const levels: Level[] = []
  /** The next string is a name. */
  let isName = false
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x7b: // {
      case 0x5b: {
        // [
        if (levels.length === DEEPEST) throw new JsonFault(`The body has more than ${DEEPEST} levels.`)
        isName = text.charCodeAt(at) === 0x7b
        levels.push(isName ? new Set() : null)
        break
      }
      case 0x7d: // }
      case 0x5d: // ]
        levels.pop()
        isName = false
        break
      case 0x2c: // ,
        isName = (levels.at(-1) ?? null) !== null
        break
      case 0x22: {
        const end = endOfString(text, at)
        if (isName) addName(levels.at(-1), text.slice(at, end))
        isName = false
        at = end - 1
        break
      }
    }
  }
}

/** The place after the closing quote. */
function endOfString(text: string, begin: number): number {
  for (let at = begin + 1; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x5c) at += 1
    else if (code === 0x22) return at + 1
  }
  throw new JsonFault('The body is not one JSON document.')
}

function addName(level: Level | undefined, quoted: string): void {
  let name: string
  try {
    // Most names need no decoding, which would take most of the time.
    name = quoted.includes('\\') ? (JSON.parse(quoted) as string) : quoted.slice(1, -1)
  } catch {
    throw new JsonFault('The body is not one JSON document.')
  }
  if (level?.has(name)) throw new JsonFault('The body has a duplicate name.')
  level?.add(name)
}
