import { parseDuration } from '@mezite/core'
import { problemFor } from './reasons.ts'

const LONGEST_REASON = 500
const LONGEST_PATH = 2_048

/** One field of a query or a form; empty if it is missing or given twice. */
export function textOf(from: unknown, name: string): string {
  const value = (Object(from) as Record<string, unknown>)[name]
  return typeof value === 'string' ? value : ''
}

/** Throws `Problem` 400 for a text that is not a duration. */
export function durationOf(text: string): number {
  const ms = parseDuration(text)
  if (ms !== null) return ms
  throw problemFor('duration_invalid', `"${text.slice(0, 40)}" is not a duration. Examples: 30m, 2h, 1d.`)
}

/** A character that people can see. Fillers and blanks of some scripts are letters or symbols without a picture. */
const VISIBLE = /[[\p{L}\p{N}\p{P}\p{S}]--[\p{Default_Ignorable_Code_Point}\u2800]]/v

/** The reason as people wrote it, on one line; empty if nobody could read it. Throws `Problem` 400 for one that is too long. */
export function reasonOf(text: string): string {
  const line = text
    .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g, ' ')
    .trim()
  if (!VISIBLE.test(line)) return ''
  if (line.length <= LONGEST_REASON) return line
  throw problemFor('reason_too_long', `The reason is too long (at most ${LONGEST_REASON} characters).`)
}

/** Path and query at the app, or null. */
export function pathOf(text: string): string | null {
  return text.length <= LONGEST_PATH && /^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/.test(text) ? text : null
}
