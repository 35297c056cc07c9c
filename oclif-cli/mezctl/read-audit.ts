import type { HubClient, Query } from '@mezite/cli-shared'
import { type Flat, listOf } from './resource.ts'

const PAGE = 500

/** Events in order of time, page after page by the last event's id, until `limit` or the end. */
export async function* readAudit(
  client: HubClient,
  query: Query,
  limit: number,
): AsyncGenerator<Flat, void, undefined> {
  let left = limit
  let after = query.after
  while (left > 0) {
    const limit = Math.min(left, PAGE)
    const page = listOf(await client.call('GET', '/audit', { query: { ...query, limit, after } }))
    yield* page.slice(0, limit)
    const last = page.at(-1)?.id
    if (page.length < limit || typeof last !== 'string' || last === after) return
    left -= page.length
    after = last
  }
}
