import type { HubClient, Query } from '@mezite/cli-shared'
import { type Flat, listOf } from './resource.ts'

const PAGE = 500

/** Events from a time or place on, page after page by the last event's id, until `limit` or the end. */
export async function* readAudit(
  client: HubClient,
  query: Query,
  limit: number,
): AsyncGenerator<Flat, void, undefined> {
  let left = limit
  let after = query.after
  while (left > 0) {
    const page = await readPage(client, { ...query, after }, left)
    yield* page
    const last = page.at(-1)?.id
    if (page.length < PAGE || typeof last !== 'string' || last === after) return
    left -= page.length
    after = last
  }
}

/** The newest events, at most `limit`, oldest first; pages go back by the first event's id. */
export async function readNewestAudit(client: HubClient, query: Query, limit: number): Promise<Flat[]> {
  const pages: Flat[][] = []
  let left = limit
  let before: string | undefined
  while (left > 0) {
    const page = await readPage(client, { ...query, before }, left)
    pages.unshift(page)
    const first = page[0]?.id
    if (page.length < PAGE || typeof first !== 'string' || first === before) break
    left -= page.length
    before = first
  }
  return pages.flat()
}

async function readPage(client: HubClient, query: Query, left: number): Promise<Flat[]> {
  const limit = Math.min(left, PAGE)
  return listOf(await client.call('GET', '/audit', { query: { ...query, limit } })).slice(0, limit)
}
