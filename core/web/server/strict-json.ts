import { Problem } from '../../api/problem.ts'
import { problemFor } from '../../api/reasons.ts'

const MAX_DEPTH = 32
const FORBIDDEN = new Set(['__proto__', 'constructor', 'prototype'])
/** The escape itself, not an escaped backslash before `u0000`. */
const NUL = /(?<!\\)(?:\\\\)*\\u0000/
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Parses JSON strictly: UTF-8, at most 32 levels deep, without duplicate keys, without keys that reach a prototype, and
 * without NUL characters, which PostgreSQL cannot store.
 * An empty body is undefined. Throws `Problem` 400 `bad_json`.
 */
export function parseStrictJson(bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined
  try {
    const text = utf8.decode(bytes)
    checkDepth(text)
    const value: unknown = JSON.parse(text)
    checkKeys(text)
    if (NUL.test(text)) throw bad('The body contains a NUL character.')
    return value
  } catch (error) {
    if (error instanceof Problem) throw error
    throw bad('The body is not valid JSON.')
  }
}

/** Runs before parsing: counts brackets outside strings. */
function checkDepth(text: string): void {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const char = text[at]
    if (char === '"') at = endOfString(text, at)
    else if (char === '{' || char === '[') {
      if (++depth > MAX_DEPTH) throw bad(`The body is nested deeper than ${MAX_DEPTH} levels.`)
    } else if (char === '}' || char === ']') depth--
  }
}

/** Runs after parsing, so the text is known to be well formed. */
function checkKeys(text: string): void {
  const stack: (Set<string> | null)[] = []
  for (let at = 0; at < text.length; at++) {
    const char = text[at]
    if (char === '{') stack.push(new Set())
    else if (char === '[') stack.push(null)
    else if (char === '}' || char === ']') stack.pop()
    else if (char === '"') {
      const end = endOfString(text, at)
      const keys = stack.at(-1)
      if (keys && isKey(text, end)) {
        const key = JSON.parse(text.slice(at, end + 1)) as string
        if (FORBIDDEN.has(key)) throw bad(`The key ${JSON.stringify(key)} is not allowed.`)
        if (keys.has(key)) throw bad(`Duplicate key ${JSON.stringify(key.slice(0, 64))}.`)
        keys.add(key)
      }
      at = end
    }
  }
}

/** A string in an object is a key if a colon follows it. */
function isKey(text: string, end: number): boolean {
  let at = end + 1
  while (at < text.length && ' \t\r\n'.includes(text[at]!)) at++
  return text[at] === ':'
}

function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '"') return at
  }
  return text.length
}

function bad(detail: string): Problem {
  return problemFor('bad_json', detail)
}
