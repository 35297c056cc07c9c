import type { EventFilter } from '../../../plugins/audit-database/event-filter.ts'
import { readEvents } from '../../../plugins/audit-database/event-query.ts'
import { requestIdOf, sessionOf } from '../../plugins/audit-database/long-trail.ts'
import type { BenchMachine } from '../bench-machine.ts'
import { inRounds } from '../measure.ts'
import { alone, type Figure, most } from '../row.ts'
import { beforeDay, DAY_MS, eventsOfDay, openTrail, type Trail } from '../targets/trail.ts'

const DAYS = 5
/** Events on a page of results. */
const PAGE = 100

interface Filter {
  readonly name: string
  /** Of what is frequent, and of what is rare or only in the oldest day. */
  readonly there: readonly EventFilter[]
  /** Find nothing. */
  readonly absent: readonly EventFilter[]
}

export const searches = {
  name: 'searches',
  summary: `searches of an audit trail of --events events in ${DAYS} days, by every documented filter`,
  compares:
    'equal: nothing is compared; the newest page of results, by the slowest of the values of a filter, without HTTP; all of the trail is in memory',
  async run(machine: BenchMachine): Promise<Figure[]> {
    const postgres = await machine.postgres()
    // A note says so: the embedded database is not for so many.
    if (postgres === null) return []
    const trail = await openTrail(await postgres.createDatabase())
    try {
      const events = eventsOfDay(machine.options.events, DAYS)
      for (let day = 0; day < DAYS; day++) {
        machine.options.progress(`  ${(day * events).toLocaleString('en-US')} events`)
        await trail.fillDay(day, { events, former: day === 0 ? 1 : 0 })
      }
      await trail.vacuum()
      const figures: Figure[] = []
      for (const filter of filtersOf(trail.clock.at)) {
        const what = `search ${filter.name}, ${(events * DAYS).toLocaleString('en-US')} events`
        figures.push(...(await machine.part(what, () => slowestOf(machine, trail, what, filter))))
      }
      return figures
    } finally {
      await trail.close()
    }
  },
}

/** In rounds of its own, so that a moment in which the machine is slow voids no other filter. */
async function slowestOf(
  machine: BenchMachine,
  { db }: Trail,
  what: string,
  filter: Filter,
): Promise<Figure[]> {
  const of = await inRounds(machine, [filter], async ({ there, absent }) => {
    let ms = 0
    for (const search of [...there, ...absent]) {
      const begun = performance.now()
      const found = await readEvents(db, search, { before: null }, PAGE)
      ms = Math.max(ms, performance.now() - begun)
      if (found.length > 0 === absent.includes(search))
        throw new Error(`${JSON.stringify(search)} found ${found.length} events`)
    }
    return { ms }
  })
  const times = of(filter).map(({ ms }) => ms)
  return [alone(what, 'ms', times, most(300, 100))]
}

/** `newest`: when the last day of the trail begins, in milliseconds since 1970. */
function filtersOf(newest: number): readonly Filter[] {
  const at = (days: number) => new Date(newest - days * DAY_MS)
  const oldest = beforeDay(0)
  return [
    { name: 'of everything', there: [{}], absent: [] },
    { name: 'by person', there: [{ user: 'user-3' }, { user: 'former' }], absent: [{ user: 'nobody' }] },
    {
      name: 'by app',
      there: [{ app: 'app-1' }, { app: 'rare' }, { app: 'retired' }],
      absent: [{ app: 'none' }],
    },
    {
      name: 'by type',
      there: [{ type: 'app.request' }, { type: 'user.login' }, { type: 'role.updated' }],
      absent: [{ type: 'none' }],
    },
    {
      name: 'by request id',
      there: [{ request: requestIdOf(oldest + 777) }, { request: requestIdOf(oldest + 800) }],
      absent: [{ request: requestIdOf(1) }],
    },
    { name: 'by session', there: [{ session: sessionOf(oldest + 3) }], absent: [{ session: 'none' }] },
    {
      name: 'by address',
      there: [{ ip: '203.0.113.1' }, { ip: '198.51.100.7' }],
      absent: [{ ip: '192.0.2.99' }],
    },
    { name: 'by agent', there: [{ agent: 'db-1' }, { agent: 'db-old' }], absent: [{ agent: 'none' }] },
    {
      name: 'by reason',
      there: [{ reason: 'connection_refused' }, { reason: 'label_mismatch' }],
      absent: [{ reason: 'none' }],
    },
    {
      name: 'by time',
      there: [{ to: at(3.5) }, { from: at(3.5), to: at(3.4) }, { from: at(-0.5) }],
      absent: [{ to: at(100) }],
    },
    {
      name: 'by two filters',
      there: [
        { user: 'user-3', to: at(3.5) },
        { user: 'user-3', agent: 'db-2' },
        { ip: '203.0.113.1', agent: 'db-old' },
      ],
      absent: [
        { app: 'app-1', agent: 'none' },
        { app: 'retired', user: 'nobody' },
      ],
    },
  ]
}
