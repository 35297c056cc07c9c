import { type AuditEvent, type Clock, type Log, messageOf, type Sessions } from '@mezite/core'
import { BOUNDS, type Counters, createCounters, type TrafficRow, type TrafficStore } from './traffic-store.ts'

/** Apps of one period that have counters of their own; the others count in the sum alone. */
const MOST_APPS = 500
const FLUSH_MS = 10_000
/** The sum over all apps. */
const ALL = ''

/** The periods that charts show. */
export const RANGES = {
  hour: { stepMs: 60_000, points: 60 },
  day: { stepMs: 15 * 60_000, points: 96 },
} as const
export type Range = keyof typeof RANGES
const ranges = Object.keys(RANGES) as Range[]

interface Period {
  /** Start, milliseconds since the epoch. */
  readonly time: number
  readonly apps: Map<string, Counters>
  /** Most live sessions at one time. */
  sessions: number
}

/** Figures of one period or one app. Latencies are null without requests. */
export interface Figures {
  readonly requests: number
  readonly errors: number
  readonly p50_ms: number | null
  readonly p95_ms: number | null
  readonly bytes_in: number
  readonly bytes_out: number
}
/** One point of a chart. */
export interface Point extends Figures {
  readonly time: string
  readonly sessions: number
}

/** What the hubs of the cluster have forwarded in the last hour and day. Other hubs' figures are up to 10 s old. */
export interface Traffic {
  /** A tap of `audit.recorded`: counts finished requests and connections. */
  count(event: AuditEvent): void
  /** One point for each period, oldest first, also for those without traffic. `app` undefined: of all apps. */
  points(range: Range, app?: string): Promise<readonly Point[]>
  /** The apps with traffic, those with most requests first, at most 500. */
  apps(range: Range): Promise<readonly ({ readonly app: string } & Figures)[]>
  /** Deletes periods that no chart shows any more, of all hubs. */
  prune(): Promise<void>
  /** Samples the number of live sessions, and stores what was counted, until `stop`. */
  start(): void
  stop(): Promise<void>
}

export function createTraffic(options: {
  readonly sessions: Pick<Sessions, 'list'>
  readonly store: TrafficStore
  readonly clock: Clock
  readonly log: Log
}): Traffic {
  const { sessions, store, clock, log } = options
  /** Periods that are not stored yet, the current one last. */
  const open: Readonly<Record<Range, Period[]>> = { hour: [], day: [] }
  let changed = false
  let writing: Promise<void> | null = null

  const startOf = (range: Range, now = clock.now()) =>
    Math.floor(now / RANGES[range].stepMs) * RANGES[range].stepMs
  /** Start of the oldest period of the charts. */
  const oldestOf = (range: Range) => startOf(range) - (RANGES[range].points - 1) * RANGES[range].stepMs

  function current(range: Range, now: number): Period {
    const periods = open[range]
    const last = periods.at(-1)
    if (last && now < last.time + RANGES[range].stepMs) return last
    const period: Period = {
      time: startOf(range, now),
      apps: new Map([[ALL, createCounters()]]),
      sessions: sessions.list().length,
    }
    if (period.sessions > 0) changed = true
    periods.push(period)
    // While the database is unreachable.
    if (periods.length > RANGES[range].points) periods.shift()
    return period
  }

  function add(event: AuditEvent): void {
    changed = true
    const app = typeof event.app === 'string' ? event.app : ALL
    const share = shareOf(event)
    const now = clock.now()
    for (const range of ranges) {
      const { apps } = current(range, now)
      let own = apps.get(app)
      if (own === undefined && apps.size <= MOST_APPS) {
        own = createCounters()
        apps.set(app, own)
      }
      addTo(apps.get(ALL), share)
      if (app !== ALL) addTo(own, share)
    }
  }

  const sample = (): void => {
    const now = sessions.list().length
    for (const range of ranges) {
      const period = current(range, clock.now())
      if (now <= period.sessions) continue
      period.sessions = now
      changed = true
    }
  }

  const prune = (): Promise<void> =>
    store.prune(Object.fromEntries(ranges.map((range) => [RANGES[range].stepMs, oldestOf(range)])))

  async function write(): Promise<void> {
    const stored = ranges.map((range) => [range, [...open[range]]] as const)
    changed = false
    const rows = stored.flatMap(([range, periods]) => periods.flatMap((period) => rowsOf(range, period)))
    try {
      await store.write(rows)
    } catch (error) {
      changed = true
      throw error
    }
    for (const [range, periods] of stored)
      for (const period of periods)
        if (period.time < startOf(range)) open[range].splice(open[range].indexOf(period), 1)
  }

  /** Stores what was counted; calls at the same time share one write. */
  async function flush(): Promise<void> {
    if (writing === null && !changed) return
    writing ??= write().finally(() => {
      writing = null
    })
    return writing
  }

  const flushOrWarn = async (): Promise<void> =>
    flush().catch((error) =>
      log.warn({ cause: messageOf(error) }, 'failed to store the counters of traffic; trying again later'),
    )
  let timer: NodeJS.Timeout | undefined

  return {
    prune,
    start() {
      timer = setInterval(() => {
        sample()
        void flushOrWarn()
      }, FLUSH_MS).unref()
    },
    count(event) {
      if (event.type === 'app.request' || (event.type === 'app.session.end' && event.protocol === 'tcp'))
        add(event)
    },
    async points(range, app = ALL) {
      await flush()
      const { stepMs, points } = RANGES[range]
      const oldest = oldestOf(range)
      const found = await store.byTime(stepMs, oldest, app)
      const byTime = new Map(found.map((sums) => [Number(sums.key), sums]))
      return Array.from({ length: points }, (_, index) => {
        const time = oldest + index * stepMs
        const sums = byTime.get(time)
        return {
          time: new Date(time).toISOString(),
          ...figuresOf(sums ?? createCounters()),
          sessions: sums?.sessions ?? 0,
        }
      })
    },
    async apps(range) {
      await flush()
      const found = await store.byApp(RANGES[range].stepMs, oldestOf(range))
      return found.map((sums) => ({ app: sums.key, ...figuresOf(sums) }))
    },
    async stop() {
      clearInterval(timer)
      await flushOrWarn()
    },
  }
}

/** What one event adds to counters. */
interface Share {
  readonly bytesIn: number
  readonly bytesOut: number
  readonly isRequest: boolean
  readonly isError: boolean
  /** Index of its latency; -1 for what is open as long as somebody looks at it. */
  readonly place: number
}

function shareOf({ type, bytes_in, bytes_out, status, upgrade, duration_ms }: AuditEvent): Share {
  const isRequest = type === 'app.request'
  const ms = typeof duration_ms === 'number' ? duration_ms : 0
  let place = 0
  while (place < BOUNDS.length - 1 && ms > BOUNDS[place]!) place++
  return {
    bytesIn: typeof bytes_in === 'number' ? bytes_in : 0,
    bytesOut: typeof bytes_out === 'number' ? bytes_out : 0,
    isRequest,
    isError: isRequest && typeof status === 'number' && status >= 500,
    place: isRequest && !upgrade ? place : -1,
  }
}

function addTo(counters: Counters | undefined, share: Share): void {
  if (counters === undefined) return
  counters.bytesIn += share.bytesIn
  counters.bytesOut += share.bytesOut
  if (share.isRequest) counters.requests += 1
  if (share.isError) counters.errors += 1
  if (share.place >= 0) counters.latencies[share.place] = (counters.latencies[share.place] ?? 0) + 1
}

const rowsOf = (range: Range, { time, apps, sessions }: Period): TrafficRow[] =>
  [...apps].map(([app, counters]) => ({ stepMs: RANGES[range].stepMs, time, app, counters, sessions }))

const figuresOf = ({ requests, errors, bytesIn, bytesOut, latencies }: Counters): Figures => ({
  requests,
  errors,
  p50_ms: quantile(latencies, 0.5),
  p95_ms: quantile(latencies, 0.95),
  bytes_in: bytesIn,
  bytes_out: bytesOut,
})

/** The bound below which this share of the latencies is. */
function quantile(latencies: readonly number[], share: number): number | null {
  const total = latencies.reduce((sum, count = 0) => sum + count, 0)
  if (total === 0) return null
  let below = 0
  for (const [at, bound] of BOUNDS.entries()) {
    below += latencies[at] ?? 0
    if (below >= total * share) return bound
  }
  return BOUNDS.at(-1)!
}
