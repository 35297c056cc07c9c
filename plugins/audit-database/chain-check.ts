import { beginningOf, type Gap, type Link, nextLink } from './chain.ts'
import type { Checkpoint, Start } from './statement.ts'
import { isFiledAs } from './stored-name.ts'

/** An event as it is stored. */
export interface TrailRow {
  readonly seq: number
  readonly id: string
  readonly time: Date
  readonly type: string
  readonly user_name: string | null
  readonly app: string | null
  readonly session_id: string | null
  readonly client_ip: string | null
  readonly reason: string | null
  /** The exact text. */
  readonly text: string
  readonly hub: string | null
  readonly n: number | null
  readonly hash: string | null
}

/** A fault of a chain, at its first bad record, or of a checkpoint or removal. */
export interface Finding {
  /**
   * `edited`, `deleted`, `inserted`, `reordered`: this event; `truncated`: the events after it are missing; `rewritten`: the
   * chain is consistent, but differs from the signed one; `forged`: not signed by this cluster.
   */
  readonly kind: 'edited' | 'deleted' | 'inserted' | 'reordered' | 'truncated' | 'rewritten' | 'forged'
  readonly what: 'event' | 'checkpoint' | 'removal'
  /** Number in its chain, or of the checkpoint or removal. */
  readonly n: number | null
  readonly hub: string | null
  readonly seq: number | null
  readonly id: string | null
  readonly time: string | null
  readonly detail: string
}

interface Break {
  readonly n: number
  readonly at: number
}

const MOST = 100

/** Follows all chains at once through the trail, oldest event first. A broken chain is still followed, but no longer checked. */
export class ChainCheck {
  events = 0
  unchained = 0
  /** Events that retention by type has removed. */
  removed = 0
  readonly findings: Finding[] = []
  readonly #start: Start
  readonly #last = new Map<string, Link>()
  /** The next number that a broken chain should have had, and the index of the finding. */
  readonly #broken = new Map<string, Break>()
  /** The last gap of each chain. */
  readonly #gaps = new Map<string, Gap>()
  #unchainedUntil = Number.POSITIVE_INFINITY

  constructor(start: Start) {
    this.#start = start
    for (const [hub, link] of Object.entries(start.chains)) this.#last.set(hub, link)
  }

  get chains(): number {
    return this.#last.size
  }

  /** Events beyond this place must be in a chain. */
  unchainedUntil(seq: number): void {
    this.#unchainedUntil = Math.min(this.#unchainedUntil, seq)
  }

  event(row: TrailRow): void {
    this.events += 1
    const { hub, n, hash } = row
    if (hub === null || n === null || hash === null) {
      this.unchained += 1
      if (row.seq > this.#unchainedUntil) this.#find('inserted', row, 'is in no chain')
      return
    }
    const before = this.#last.get(hub) ?? beginningOf(hub)
    this.#last.set(hub, { n, hash })
    const broken = this.#broken.get(hub)
    if (broken !== undefined) {
      this.#tellMore(broken, row)
      return
    }
    if (n > before.n + 1) this.#find('deleted', { ...row, n: before.n + 1 }, `is missing; ${n} comes next`)
    else if (n <= before.n && n >= (this.#gaps.get(hub)?.n ?? n + 1))
      this.#find('inserted', row, 'was removed by retention, and is there again')
    else if (n <= before.n) this.#find('reordered', row, `comes after number ${before.n}`)
    else if (nextLink(before, row.text).hash !== hash) this.#find('edited', row, 'does not fit its hash')
    else if (!sameColumns(row)) this.#find('edited', row, 'is filed under something else than it says')
  }

  /** Links that retention by type has removed from here on: the chain goes on after the last of them. */
  gap(gap: Gap): void {
    const { hub, n, last, hash, seq } = gap
    this.removed += last - n + 1
    const before = this.#last.get(hub) ?? beginningOf(hub)
    this.#gaps.set(hub, gap)
    this.#last.set(hub, { n: last, hash })
    if (this.#broken.has(hub)) return
    const at = { hub, n: before.n, seq, id: null, time: null }
    if (n > before.n + 1) this.#find('deleted', { ...at, n: before.n + 1 }, `is missing; ${n} comes next`)
    else if (n <= before.n)
      this.#find('reordered', at, `is after number ${n}, which was removed by retention`)
    else if (gap.before !== before.hash)
      this.#find('rewritten', at, `is not what retention signed when it removed number ${n}`)
  }

  /** Compares the chains with a checkpoint, once the trail has been read up to its place. */
  compare({ number, time, seq, chains }: Checkpoint): void {
    if (seq <= this.#start.seq) return
    for (const [hub, link] of Object.entries(chains)) {
      const gap = this.#gaps.get(hub)
      const isInGap = gap !== undefined && link.n >= gap.n && link.n < gap.last
      if (!isInGap) this.#same(hub, link, `checkpoint ${number} of ${time}`)
    }
  }

  /** Compares the end of a chain with the one that its hub has stored. */
  end(hub: string, link: Link): void {
    this.#same(hub, link, 'the last that was recorded')
  }

  findSigned(what: 'checkpoint' | 'removal', kind: Finding['kind'], number: number, detail: string): void {
    this.#add({ kind, what, n: number, hub: null, seq: null, id: null, time: null, detail })
  }

  #same(hub: string, link: Link, reference: string): void {
    const last = this.#last.get(hub)
    if (this.#broken.has(hub) || (last?.n === link.n && last.hash === link.hash)) return
    const at = { hub, n: last?.n ?? 0, seq: null, id: null, time: null }
    if (last === undefined || last.n < link.n)
      this.#find('truncated', at, `is the last that is left; ${reference} is number ${link.n}`)
    else this.#find('rewritten', at, `is not what ${reference} says of number ${link.n}`)
  }

  #find(
    kind: Finding['kind'],
    row: Pick<TrailRow, 'hub' | 'n'> & { seq: number | null; id: string | null; time: Date | null },
    detail: string,
  ): void {
    const { hub, n, seq } = row
    const next = kind === 'truncated' ? (n ?? 0) + 1 : n
    if (hub !== null && next !== null) this.#broken.set(hub, { n: next, at: this.findings.length })
    // A missing event has neither; the next one shows where it was.
    const id = kind === 'deleted' ? null : row.id
    const time = row.time === null ? null : row.time.toISOString()
    this.#add({ kind, what: 'event', n, hub, seq, id, time, detail })
  }

  #add(finding: Finding): void {
    if (this.findings.length < MOST) this.findings.push(finding)
  }

  /** The records after the break show whether the missing ones were moved or deleted. */
  #tellMore({ n, at }: Break, row: TrailRow): void {
    const found = this.findings[at]
    if (found?.kind !== 'deleted' && found?.kind !== 'truncated') return
    const { seq, id, time } = row
    const detail = 'stands further back than it belongs'
    if (row.n === n)
      this.findings[at] = { ...found, kind: 'reordered', n, id, seq, time: time.toISOString(), detail }
    else if (found.kind === 'truncated')
      this.findings[at] = { ...found, kind: 'deleted', n, seq, detail: `is missing; ${row.n} comes next` }
  }
}

/** Whether the columns that filters use match the event. */
function sameColumns({ id, time, text, hub, ...row }: TrailRow): boolean {
  const fields = JSON.parse(text) as Record<string, unknown>
  return (
    fields.id === id &&
    fields.time === time.toISOString() &&
    fields.hub === hub &&
    isFiledAs(row.user_name, fields.user) &&
    isFiledAs(row.app, fields.app) &&
    (['type', 'session_id', 'client_ip', 'reason'] as const).every(
      (name) => (row[name] ?? '') === (fields[name] ?? ''),
    )
  )
}
