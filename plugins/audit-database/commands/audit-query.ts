import { type Flat, type HubClient, listOf, type Query } from '@mezite/cli'

const PAGE = 500

/** Events after the one with this id, oldest first, at most `limit`. */
export async function* readSince(
  client: HubClient,
  id: string,
  limit: number,
): AsyncGenerator<Flat, void, undefined> {
  let left = limit
  let after = id
  while (left > 0) {
    const page = await readPage(client, { after }, left)
    yield* page
    const last = page.at(-1)?.id
    if (page.length < PAGE || typeof last !== 'string' || last === after) return
    left -= page.length
    after = last
  }
}

/**
 * The newest matching events, newest first, at most `limit`; `cut` is true if older ones match too. `isWanted` looks at events that the
 * hub has found.
 */
export async function readNewest(
  client: HubClient,
  query: Query,
  limit: number,
  isWanted: ((event: Flat) => boolean) | null = null,
): Promise<{ readonly events: readonly Flat[]; readonly cut: boolean }> {
  const events: Flat[] = []
  let before: string | undefined
  while (events.length <= limit) {
    // One more than the limit shows whether older events match.
    const left = isWanted === null ? limit + 1 - events.length : PAGE
    const page = await readPage(client, { ...query, before }, left)
    const newest = page.toReversed()
    events.push(...(isWanted === null ? newest : newest.filter(isWanted)))
    const first = page[0]?.id
    if (page.length < PAGE || typeof first !== 'string' || first === before) break
    before = first
  }
  return { events: events.slice(0, limit), cut: events.length > limit }
}

/** A page of the trail. The hub sends every page oldest first, from either end of the trail. */
async function readPage(client: HubClient, query: Query, left: number): Promise<readonly Flat[]> {
  const limit = Math.min(left, PAGE)
  return listOf<Flat>(await client.call('GET', '/audit', { query: { ...query, limit } })).slice(0, limit)
}
