import type { ReadableRequest } from '@mezite/core/types'
import { JsonFault, readStrictJson } from './strict-json.ts'

/** Why the operations of a request cannot be read, in a sentence. */
export class Unreadable extends Error {}

export type Members = Readonly<Record<string, unknown>>

/** The one value of a header; undefined: there is none. Throws `Unreadable` for two. */
export function headerOf(headers: ReadableRequest['headers'], name: string): string | undefined {
  const values = headers.filter((_, at) => at % 2 === 1 && headers[at - 1]?.toLowerCase() === name)
  if (values.length > 1) throw new Unreadable(`The request has two headers ${name}.`)
  return values[0]
}

const JSON_TYPE = /^application\/(?:json|[a-z0-9.!#$&^_-]+\+json)[ \t]*(?:;[ \t]*charset="?utf-8"?[ \t]*)?$/i

/** A body that was read and is not compressed. Throws `Unreadable`. */
export function bodyOf({ headers, body, unread }: ReadableRequest): Buffer {
  if (unread || body === null) throw new Unreadable('The body is too long, too slow or has trailers.')
  const encoding = headerOf(headers, 'content-encoding')
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity')
    throw new Unreadable('A compressed body cannot be read.')
  return body
}

/** The JSON of a body that no server reads as anything else. Throws `Unreadable`. */
export function jsonBodyOf(request: ReadableRequest): unknown {
  const body = bodyOf(request)
  if (!JSON_TYPE.test(headerOf(request.headers, 'content-type') ?? ''))
    throw new Unreadable('The body must be of the type application/json.')
  try {
    return readStrictJson(body)
  } catch (error) {
    if (error instanceof JsonFault) throw new Unreadable(error.message)
    throw error
  }
}

export const isMembers = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A text that is a name in records and rules. */
export const isName = (value: unknown): value is string =>
  typeof value === 'string' &&
  value.length > 0 &&
  value.length <= 1_024 &&
  value.isWellFormed() &&
  !/\p{Cc}/u.test(value)
