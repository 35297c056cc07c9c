import { hash } from 'node:crypto'
import { sql } from 'kysely'
import type { Clock } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import type { OpenDatabase } from '../database/database.ts'
import type { LiveHub, Registry } from './live-hubs.ts'
import type { HubTables } from './migrations.ts'

const BEAT_MS = 2_000
/** Notifies that a hub starts or stops. */
const CHANNEL = 'mezite_hubs'

/**
 * The hubs that share a PostgreSQL. Each hub writes a heartbeat every 2 s, and is no longer listed 10 s after its last one.
 * `report` writes `applied` at once instead of with the next heartbeat.
 */
export function createRegistry(
  options: Pick<OpenDatabase, 'db' | 'listen' | 'notify'> & {
    readonly instanceId: string
    readonly version: string
    readonly clock: Clock
    readonly log: Log
  },
): Registry {
  const { instanceId, version, clock, log } = options
  const clocks = compareClocks(options)
  const db = options.db.withTables<HubTables>()
  const since = new Date()
  const listeners: (() => void)[] = []
  let applied = -1
  let address: string | null = null
  let reachable: ReadonlyMap<string, string> = new Map()
  let olderHubs = true
  /** Every live hub relays: one of an older version needs a link to each agent. */
  let allRelay = false
  let timer: NodeJS.Timeout | undefined
  let unlisten: (() => void) | undefined
  let beating: Promise<unknown> = Promise.resolve()
  const beats = new Set<Promise<void>>()
  let stopped = false

  /** Does nothing after `stop`: another heartbeat would list the hub again. */
  async function beat(): Promise<void> {
    if (stopped) return
    const saying = say()
    beats.add(saying)
    await saying.finally(() => beats.delete(saying))
  }

  async function say(): Promise<void> {
    const queriedAt = clock.monotonic()
    const { rows } = await sql<{
      ms: number
    }>`INSERT INTO hubs (id, version, applied, address, openings, relays)
      VALUES (${instanceId}, ${version}, ${applied}, ${address}, true, true)
      ON CONFLICT (id) DO UPDATE SET seen = now(), applied = excluded.applied, address = excluded.address
      RETURNING (extract(epoch FROM clock_timestamp()) * 1000)::double precision AS ms`.execute(db)
    for (const { ms } of rows) clocks.observe(ms, queriedAt)
  }

  /** The last known addresses stay in use while the database is unreachable, because links do not depend on it. */
  async function look(): Promise<void> {
    const live = await rows()
    olderHubs = live.some(({ openings }) => !openings)
    const found = new Map(live.flatMap(({ id, address: at }) => (at === null ? [] : [[id, at]])))
    const relayed = allRelay
    allRelay = live.every(({ relays }) => relays)
    const same =
      relayed === allRelay &&
      found.size === reachable.size &&
      [...found].every(([id, at]) => reachable.get(id) === at)
    reachable = found
    if (!same) for (const listener of listeners) listener()
  }

  async function deleteOld(): Promise<void> {
    await sql`DELETE FROM hubs WHERE seen < now() - interval '1 minute'`.execute(db)
    await sql`DELETE FROM hub_cuts WHERE at < now() - interval '1 minute'`.execute(db)
    await sql`DELETE FROM hub_streams WHERE hub NOT IN (SELECT id FROM hubs)`.execute(db)
  }

  function schedule(): void {
    timer = setTimeout(() => {
      beating = beat()
        .then(deleteOld)
        .then(look)
        .catch((error) => log.debug({ cause: messageOf(error) }, 'failed to write the heartbeat of this hub'))
        .finally(() => {
          if (!stopped) schedule()
        })
    }, BEAT_MS)
  }

  const rows = () =>
    db
      .selectFrom('hubs')
      .selectAll()
      .where(sql<boolean>`seen > now() - interval '10 seconds'`)
      .orderBy('started')
      .execute()

  async function list(): Promise<readonly LiveHub[]> {
    const self: LiveHub = { id: instanceId, version, since, applied, address }
    const live = (await rows()).map((row) => ({
      id: row.id,
      version: row.version,
      address: row.address,
      since: new Date(row.started),
      applied: Number(row.applied),
    }))
    return live.some(({ id }) => id === instanceId) ? live : [...live, self]
  }

  return {
    list,
    get reachable() {
      return reachable
    },
    hubsOf: (hostname) => (allRelay ? chooseHubs(hostname, reachable) : reachable),
    get relays() {
      return allRelay && isPartial(reachable)
    },
    get olderHubs() {
      return olderHubs
    },
    get clockAheadMs() {
      return clocks.aheadMs
    },
    onChanged: (listener) => void listeners.push(listener),
    async announce(at) {
      address = at
      if (stopped) return
      await beat()
      await look()
      void options.notify(CHANNEL)
    },
    async report({ after, n, streams }) {
      applied = n
      if (stopped) return
      if (streams > 0) {
        await sql`INSERT INTO hub_cuts (hub, after, n, streams) VALUES (${instanceId}, ${after}, ${n}, ${streams})
          ON CONFLICT DO NOTHING`.execute(db)
      }
      await beat()
    },
    async start() {
      await beat()
      schedule()
      unlisten = options.listen(CHANNEL, () => {
        look().catch((error) => log.debug({ cause: messageOf(error) }, 'failed to look up the other hubs'))
      })
    },
    async stop() {
      stopped = true
      clearTimeout(timer)
      unlisten?.()
      await Promise.allSettled([beating, ...beats])
      await db
        .deleteFrom('hubs')
        .where('id', '=', instanceId)
        .execute()
        .catch((error) => log.debug({ cause: messageOf(error) }, 'hub deregistration failed'))
    },
  }
}

const TOLERATED_MS = 5_000
const REPORT_MS = 10 * 60_000
/** A slower response is ignored: it does not show precisely enough when the database read its clock. */
const QUICK_MS = 1_000

/** Compares the clock of this hub with the clock of the database, which all hubs share, and warns about a difference. */
export function compareClocks({ clock, log }: { readonly clock: Clock; readonly log: Log }) {
  let aheadMs = 0
  let reportedAt = Number.NEGATIVE_INFINITY
  return {
    /** How far this hub's clock is ahead; negative when it is behind, 0 until it is known. */
    get aheadMs() {
      return aheadMs
    },
    /** Takes the database's time (milliseconds since the epoch) and when it was queried, by `clock.monotonic()`. */
    observe(databaseMs: number, queriedAt: number): void {
      const now = clock.monotonic()
      const tookMs = now - queriedAt
      if (tookMs > QUICK_MS) return
      aheadMs = Math.round(clock.now() - tookMs / 2 - databaseMs)
      if (Math.abs(aheadMs) <= TOLERATED_MS || now - reportedAt < REPORT_MS) return
      reportedAt = now
      const difference = `${Math.abs(aheadMs) / 1_000} s ${aheadMs > 0 ? 'ahead of' : 'behind'}`
      log.warn(
        { aheadMs },
        `the clock of this hub is ${difference} the database's: set both by NTP, or sessions, locks and codes expire at wrong times`,
      )
    },
  }
}

/** Up to so many hubs, an agent keeps a link to each of them. */
const MOST_LINKED = 4
/** With more, it keeps links to so many. */
const CHOSEN = 3

/** Whether there are so many hubs that agents have links to some of them only, and the others relay. */
export const isPartial = (reachable: ReadonlyMap<string, string>): boolean => reachable.size > MOST_LINKED

/**
 * The hubs that an agent keeps links to, with their addresses by id: all of at most 4, otherwise the 3 of which a hash with
 * the agent's name is largest (rendezvous hashing). So all hubs choose alike, and one that starts or stops changes only its
 * own share.
 */
export function chooseHubs(
  hostname: string,
  reachable: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  if (!isPartial(reachable)) return reachable
  const weighed = [...reachable].map(([id, address]) => ({
    id,
    address,
    weight: hash('sha256', `${id} ${hostname}`),
  }))
  weighed.sort((a, b) => (a.weight < b.weight ? 1 : -1))
  return new Map(weighed.slice(0, CHOSEN).map(({ id, address }) => [id, address]))
}
