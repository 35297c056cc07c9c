import type { FastifyReply, FastifyRequest } from 'fastify'
import type { TObject, TSchema } from 'typebox'
import { inTurns } from '../kernel/turns.ts'
import { Type } from './config-types.ts'
import { searchFor, statesOf } from './search.ts'

/** Members of the query of every list. Without `limit`, a list is complete. */
const pageQuery = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, description: 'Most entries of one page' })),
  after: Type.Optional(
    Type.String({ maxLength: 1_200, description: 'Cursor of the next page, from the header Link' }),
  ),
  q: Type.Optional(
    Type.String({
      maxLength: 200,
      description:
        'Words in any order, labels as `team=data`, states as `state:locked`; the best match first',
    }),
  ),
}

/** The query of a list that has no filters of its own. */
export const PageQuery = Type.Closed(pageQuery)

/** The query of a list whose keys are names. */
export const NamedPageQuery = Type.Closed({
  ...pageQuery,
  name: Type.Optional(Type.String({ maxLength: 300, description: 'Only the entry with this name' })),
})

/** The query of a list that `sort` can sort by these names too. */
export const sortedQuery = (query: TSchema, names: readonly string[]): TSchema =>
  names.length === 0
    ? query
    : Type.Closed({
        ...(query as TObject).properties,
        sort: Type.Optional(
          Type.String({
            pattern: `^-?(?:${names.join('|')})$`,
            must: `one of ${names.join(', ')}; with - before it, the last is first`,
          }),
        ),
      })

interface PageParameters {
  readonly limit?: number
  readonly after?: string
  readonly q?: string
  readonly sort?: string
  readonly name?: string
}

/** How a list is ordered and searched. */
export interface ListOrder<T> {
  /** Unique, and stable while the entry exists; entries are sorted by it. */
  keyOf(row: T): string
  /** What `q` searches, in any case: what people call the entry first, labels as `team=data`, states as `state:ready`. */
  textOf(row: T): string | readonly string[]
  /** By what else `sort` can sort. Numbers are not negative. Default: nothing. */
  readonly sorts?: Sorts<T>
  /** Default: false. */
  readonly descending?: boolean
}

/** Values by which a list can be sorted, by their names in `sort`. */
export type Sorts<T> = Readonly<Record<string, (row: T) => string | number | null>>

/** The part of a text that counts in `sort`. */
const MOST_SORTED = 200

/**
 * The entries of a list that the request asks for, by `limit`, `after`, `q` and `sort`. A page continues after the last key of the
 * page before, so entries that come or go in between shift nothing. If there are more, sets the header `Link` with the next
 * page (RFC 8288, `rel="next"`). `X-Mezite-List` counts what was found of how many, with `near` if nothing matches but for a
 * typing mistake; `X-Mezite-States` how many are in each state, whichever of them `q` names (dictionaries of RFC 9651). Works in
 * turns (`inTurns`).
 */
export async function pageOf<T>(
  request: FastifyRequest,
  reply: FastifyReply,
  rows: readonly T[],
  order: ListOrder<T>,
): Promise<readonly T[]> {
  const { limit, after, q = '', name, sort = '' } = request.query as PageParameters
  const { keyOf, textOf, sorts = {}, descending = false } = order
  if (limit === undefined && name === undefined && q === '' && sort === '') return rows
  const search = searchFor(q)
  const by = sort === '' ? undefined : sorts[sort.replace('-', '')]
  const down = by ? sort.startsWith('-') : descending
  const sortedBy = (row: T, rank: number): string => {
    if (by) return `${sortable(by(row))}\t${keyOf(row)}`
    if (q === '') return keyOf(row)
    const place = Math.round(100 * (down ? rank : 100 - rank))
    const key = keyOf(row)
    // Of two that match alike, that with the shorter name is first.
    return [String(place).padStart(5, '0'), String(key.length).padStart(5, '0'), key].join('\t')
  }
  const states = new Map<string, number>()
  const found: (readonly [key: string, row: T])[] = []
  const find = async (spelling: 'exact' | 'near'): Promise<boolean> => {
    let matched = false
    for await (const row of inTurns(rows)) {
      if (name !== undefined && keyOf(row) !== name) continue
      const given = textOf(row)
      const texts = typeof given === 'string' ? [given] : given
      const rank = search.rank(texts, spelling)
      if (rank === 0) continue
      matched = true
      for (const state of statesOf(texts)) states.set(state, (states.get(state) ?? 0) + 1)
      if (search.inStates(texts)) found.push([sortedBy(row, rank), row])
    }
    return matched
  }
  const near = !(await find('exact')) && q !== '' && (await find('near'))
  const counts = `found=${found.length}, all=${rows.length}${near ? ', near' : ''}`
  reply.header('x-mezite-list', counts)
  if (states.size > 0) reply.header('x-mezite-states', [...states].map(([of, n]) => `${of}=${n}`).join(', '))
  const sign = down ? -1 : 1
  const wanted = after === undefined ? found : found.filter(([key]) => (down ? key < after : key > after))
  wanted.sort(([one], [other]) => (one < other ? -sign : sign))
  const page = wanted.slice(0, limit)
  const last = page.at(-1)?.[0]
  if (last !== undefined && wanted.length > page.length) {
    const next = new URL(request.url, 'https://hub.invalid')
    next.searchParams.set('after', last)
    reply.header('link', `<${next.pathname}${next.search}>; rel="next"`)
  }
  return page.map(([, row]) => row)
}

const sortable = (value: string | number | null): string =>
  typeof value === 'number'
    ? value.toFixed(3).padStart(24, '0')
    : (value ?? '').slice(0, MOST_SORTED).toLowerCase()
