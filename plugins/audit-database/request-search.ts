import type { Transaction } from '@mezite/core'
import { takeOfContexts } from './context-search.ts'
import { inContexts } from './event-filter.ts'
import { type TrailSearch, walk } from './request-walk.ts'
import type { Part } from './search-days.ts'

/**
 * The numbers of the nearest requests in these days that match, in the order of the search. Finds the contexts first and takes
 * the nearest requests of each, so that neither a frequent nor a rare value makes it read all of a day.
 */
export async function findRequests(
  trx: Transaction,
  search: TrailSearch,
  days: readonly Part[],
  part: Part,
  limit: number,
): Promise<readonly number[]> {
  const { filter, forward } = search
  const isOfContexts = inContexts(filter) !== null || filter.agent !== undefined
  if (!isOfContexts || filter.request !== undefined) return walk(trx, search, part, limit)
  const { first, last } = part
  const known = filter.agent === undefined ? last : Math.min(last, search.known)
  const steps: [part: Part, find: (part: Part, limit: number) => Promise<readonly number[]>][] = [
    [{ first, last: known }, (part, limit) => takeOfContexts(trx, search, days, part, limit)],
    [{ first: Math.max(first, known + 1), last }, (part, limit) => walk(trx, search, part, limit)],
  ]
  const found: number[] = []
  for (const [part, find] of forward ? steps : steps.reverse())
    if (found.length < limit && part.first <= part.last)
      found.push(...(await find(part, limit - found.length)))
  return found
}
