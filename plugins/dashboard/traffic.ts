import type { AuditEvent, Clock, Sessions } from '@mezite/core'

/** Upper bounds of latency, in milliseconds; a request above all of them counts as the last. */
const BOUNDS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000]
/** Apps of one period that have counters of their own; the others count in the sum alone. */
const MOST_APPS = 500
const SAMPLE_MS = 10_000

/** The periods that charts show. */
export const RANGES = {
  hour: { stepMs: 60_000, points: 60 },
  day: { stepMs: 15 * 60_000, points: 96 },
} as const
export type Range = keyof typeof RANGES

interface Counters {
  requests: number
  errors: number
  bytesIn: number
  bytesOut: number
  readonly latencies: number[]
}

interface Period {
  /** Milliseconds since the epoch. */
  readonly time: number
  readonly all: Counters
  readonly apps: Map<string, Counters>
  /** Most live sessions at one time. */
  sessions: number
}

/** One point of a chart. Latencies are null without requests. */
export interface Point {
  readonly time: string
  readonly requests: number
  readonly errors: number
  readonly p50_ms: number | null
  readonly p95_ms: number | null
  readonly bytes_in: number
  readonly bytes_out: number
  readonly sessions: number
}

/** What this hub has forwarded in the last hour and day, in memory and of bounded size. */
export interface Traffic {
  /** A tap of `audit.event`: counts finished requests and connections, and returns the event unchanged. */
  count(event: AuditEvent): AuditEvent
  /** One point for each period, oldest first, also for those without traffic. `app` undefined: of all apps. */
  points(range: Range, app?: string): readonly Point[]
  /** Samples the number of live sessions until `stop`. */
  start(): void
  stop(): void
}

export function createTraffic(options: {
  readonly sessions: Pick<Sessions, 'list'>
  readonly clock: Clock
}): Traffic {
  const { sessions, clock } = options
  const rings: Readonly<Record<Range, Period[]>> = { hour: [], day: [] }

  function current(range: Range): Period {
    const { stepMs, points } = RANGES[range]
    const time = Math.floor(clock.now() / stepMs) * stepMs
    const ring = rings[range]
    const last = ring.at(-1)
    if (last && last.time >= time) return last
    const period: Period = { time, all: counters(), apps: new Map(), sessions: sessions.list().length }
    ring.push(period)
    if (ring.length > points) ring.shift()
    return period
  }

  function add(event: AuditEvent): void {
    const request = event.type === 'app.request'
    const app = typeof event.app === 'string' ? event.app : ''
    for (const range of Object.keys(RANGES) as Range[]) {
      const period = current(range)
      let own = period.apps.get(app)
      if (!own && period.apps.size < MOST_APPS) {
        own = counters()
        period.apps.set(app, own)
      }
      for (const each of own ? [period.all, own] : [period.all]) {
        each.bytesIn += numberOf(event.bytes_in)
        each.bytesOut += numberOf(event.bytes_out)
        if (!request) continue
        each.requests += 1
        if (numberOf(event.status) >= 500) each.errors += 1
        if (event.upgrade) continue
        const at = BOUNDS.findIndex((bound) => numberOf(event.duration_ms) <= bound)
        const place = at < 0 ? BOUNDS.length - 1 : at
        each.latencies[place] = (each.latencies[place] ?? 0) + 1
      }
    }
  }

  const sample = (): void => {
    const now = sessions.list().length
    for (const range of Object.keys(RANGES) as Range[]) {
      const period = current(range)
      period.sessions = Math.max(period.sessions, now)
    }
  }
  let timer: NodeJS.Timeout | undefined

  return {
    start() {
      timer = setInterval(sample, SAMPLE_MS).unref()
    },
    count(event) {
      if (event.type === 'app.request' || (event.type === 'app.session.end' && event.protocol === 'tcp'))
        add(event)
      return event
    },
    points(range, app) {
      const { stepMs, points } = RANGES[range]
      const last = current(range).time
      const byTime = new Map(rings[range].map((period) => [period.time, period]))
      return Array.from({ length: points }, (_, index) => {
        const time = last - (points - 1 - index) * stepMs
        const period = byTime.get(time)
        const found = app === undefined ? period?.all : period?.apps.get(app)
        return pointOf(time, found ?? counters(), period?.sessions ?? 0)
      })
    },
    stop: () => clearInterval(timer),
  }
}

const counters = (): Counters => ({ requests: 0, errors: 0, bytesIn: 0, bytesOut: 0, latencies: [] })
const numberOf = (value: unknown): number => (typeof value === 'number' ? value : 0)

function pointOf(
  time: number,
  { requests, errors, bytesIn, bytesOut, latencies }: Counters,
  sessions: number,
): Point {
  return {
    time: new Date(time).toISOString(),
    ...{ requests, errors, sessions },
    p50_ms: quantile(latencies, 0.5),
    p95_ms: quantile(latencies, 0.95),
    bytes_in: bytesIn,
    bytes_out: bytesOut,
  }
}

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
