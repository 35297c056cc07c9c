import { createHash } from 'node:crypto'
import type { Database } from '@mezite/core'
import { sql } from 'kysely'
import { beginningOf, type Gap } from './chain.ts'
import type { TrailRow } from './chain-check.ts'
import { hasType, type TypeSet } from './retention-periods.ts'
import type { PlacedLink } from './statement.ts'

/** Gaps that are read and written together. */
const PAGE = 1_000
const DELETED = 10_000

/** Finds the gaps that the removal of some types leaves in a part of the trail, whose chains are intact. */
export class GapFinder {
  /** Removed events, with those that earlier removals took. */
  events = 0
  newest = 0
  readonly chains: Map<string, PlacedLink>
  readonly #types: TypeSet
  readonly #open = new Map<string, Gap>()
  #ended: Gap[] = []

  constructor(types: TypeSet, chains: Readonly<Record<string, PlacedLink>>) {
    this.#types = types
    this.chains = new Map(Object.entries(chains))
  }

  event({ seq, hub, n, hash, type, time }: TrailRow): void {
    this.newest = Math.max(this.newest, time.getTime())
    const isRemoved = hasType(this.#types, type)
    if (isRemoved) this.events += 1
    if (hub === null || n === null || hash === null) return
    if (isRemoved) this.#extend({ seq, hub, n, last: n, hash, before: this.#before(hub) })
    else this.#close(hub)
    this.chains.set(hub, { seq, n, hash })
  }

  /** A gap that an earlier removal left. */
  gap(gap: Gap): void {
    const { seq, hub, n, last, hash } = gap
    this.events += last - n + 1
    this.#extend(gap)
    this.chains.set(hub, { seq, n: last, hash })
  }

  /** How many gaps `take` would return. */
  get ended(): number {
    return this.#ended.length
  }

  /** The gaps that have ended since the last call. */
  take(): readonly Gap[] {
    const ended = this.#ended
    this.#ended = []
    return ended
  }

  /** The part is over. */
  end(): void {
    for (const hub of [...this.#open.keys()]) this.#close(hub)
  }

  #before(hub: string): string {
    return (this.chains.get(hub) ?? beginningOf(hub)).hash
  }

  #extend(gap: Gap): void {
    const open = this.#open.get(gap.hub)
    this.#open.set(gap.hub, open ? { ...open, last: gap.last, hash: gap.hash } : gap)
  }

  #close(hub: string): void {
    const gap = this.#open.get(hub)
    if (gap) this.#ended.push(gap)
    this.#open.delete(hub)
  }
}

export async function storeGaps(database: Database, removal: number, gaps: readonly Gap[]): Promise<void> {
  for (let at = 0; at < gaps.length; at += PAGE) {
    await sql`INSERT INTO audit_database_gaps (removal, seq, hub, n, last, before, hash)
      SELECT ${removal}::bigint, seq, hub, n, last, before, hash
      FROM json_to_recordset(${JSON.stringify(gaps.slice(at, at + PAGE))}::json)
        AS gap (seq bigint, hub text, n bigint, last bigint, before text, hash text)`.execute(database)
  }
}

/** Yields the stored gaps of a removal in the order of the trail, and returns the hash over all of them. */
export async function* readGaps(database: Database, removal: number): AsyncGenerator<Gap, string, undefined> {
  const digest = createHash('sha256')
  for (let [after, full] = [-1, true]; full; ) {
    const { rows } = await sql<Gap>`SELECT seq, hub, n, last, before, hash FROM audit_database_gaps
      WHERE removal = ${removal} AND seq > ${after} ORDER BY seq LIMIT ${PAGE}`.execute(database)
    for (const { seq, hub, n, last, before, hash } of rows)
      digest.update(`${JSON.stringify([seq, hub, n, last, before, hash])}\n`)
    yield* rows
    full = rows.length === PAGE
    after = rows.at(-1)?.seq ?? after
  }
  return digest.digest('base64url')
}

export async function hashOfGaps(database: Database, removal: number): Promise<string> {
  const gaps = readGaps(database, removal)
  for (;;) {
    const { value, done } = await gaps.next()
    if (done) return value
  }
}

/** Of removals that were replaced, have gone with their part, or were interrupted. One look into the index for each removal. */
export async function deleteOldGaps(database: Database): Promise<void> {
  const { rows } = await sql<{ removal: number }>`WITH RECURSIVE found (removal) AS (
      SELECT min(removal) FROM audit_database_gaps
      UNION ALL
      SELECT (SELECT min(removal) FROM audit_database_gaps WHERE removal > found.removal)
      FROM found WHERE found.removal IS NOT NULL
    ) SELECT removal FROM found
    WHERE removal IS NOT NULL AND removal NOT IN (SELECT number FROM audit_database_removals)`.execute(
    database,
  )
  for (const { removal } of rows) {
    for (let count = DELETED; count === DELETED; ) {
      const { numAffectedRows = 0n } =
        await sql`DELETE FROM audit_database_gaps WHERE removal = ${removal} AND seq IN (
        SELECT seq FROM audit_database_gaps WHERE removal = ${removal} ORDER BY seq LIMIT ${DELETED})`.execute(
          database,
        )
      count = Number(numAffectedRows)
    }
  }
}
