import type { FastifyReply, FastifyRequest } from 'fastify'
import { inTurns } from '../kernel/turns.ts'
import { Type } from './config-types.ts'

/** Members of the query of every list. Without `limit`, a list is complete. */
const pageQuery = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, description: 'Most entries of one page' })),
  after: Type.Optional(
    Type.String({ maxLength: 600, description: 'Cursor of the next page, from the header Link' }),
  ),
  q: Type.Optional(Type.String({ maxLength: 200, description: 'Only entries that contain this text' })),
}

/** The query of a list that has no filters of its own. */
export const PageQuery = Type.Closed(pageQuery)

/** The query of a list whose keys are names. */
export const NamedPageQuery = Type.Closed({
  ...pageQuery,
  name: Type.Optional(Type.String({ maxLength: 300, description: 'Only the entry with this name' })),
})

interface PageParameters {
  readonly limit?: number
  readonly after?: string
  readonly q?: string
  readonly name?: string
}

/** How a list is ordered and searched. */
export interface ListOrder<T> {
  /** Unique, and stable while the entry exists; entries are sorted by it. */
  keyOf(row: T): string
  /** What `q` searches, in any case. */
  textOf(row: T): string
  /** Default: false. */
  readonly descending?: boolean
}

/**
 * The entries of a list that the request asks for, by `limit`, `after` and `q`. A page continues after the last key of the page
 * before, so entries that come or go in between shift nothing. If there are more, sets the header `Link` with the next
 * page (RFC 8288, `rel="next"`). Searches in turns (`inTurns`).
 */
export async function pageOf<T>(
  request: FastifyRequest,
  reply: FastifyReply,
  rows: readonly T[],
  order: ListOrder<T>,
): Promise<readonly T[]> {
  const { limit, after, q, name } = request.query as PageParameters
  const { keyOf, textOf, descending = false } = order
  const words = q?.toLowerCase()
  const isWanted = (row: T) =>
    (name === undefined || keyOf(row) === name) &&
    (words === undefined || textOf(row).toLowerCase().includes(words))
  let found = rows
  if (words !== undefined || name !== undefined) {
    const wanted: T[] = []
    for await (const row of inTurns(rows)) if (isWanted(row)) wanted.push(row)
    found = wanted
  }
  if (limit === undefined) return found
  const sign = descending ? -1 : 1
  const isAfter = (key: string, other: string) => (descending ? key < other : key > other)
  const sorted: (readonly [key: string, row: T])[] = []
  for await (const row of inTurns(found)) {
    const key = keyOf(row)
    if (after === undefined || isAfter(key, after)) sorted.push([key, row])
  }
  sorted.sort(([one], [other]) => (one < other ? -sign : sign))
  const page = sorted.slice(0, limit)
  const last = page.at(-1)?.[0]
  if (last !== undefined && sorted.length > limit) {
    const next = new URL(request.url, 'https://hub.invalid')
    next.searchParams.set('after', last)
    reply.header('link', `<${next.pathname}${next.search}>; rel="next"`)
  }
  return page.map(([, row]) => row)
}
