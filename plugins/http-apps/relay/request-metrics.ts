import type { Metrics } from '@mezite/core'

type Cell = ReturnType<Metrics['counter']>

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

/** A finished request. */
export interface Finished {
  readonly upgraded: boolean
  readonly status: number | null
  readonly bytesIn: number
  readonly bytesOut: number
  readonly durationMs: number
}

/** Registers the metrics of requests. The result counts one finished request. */
export function createRequestMetrics(metrics: Metrics): (request: Finished) => void {
  const requests = metrics.counters(
    'mezite_requests_total',
    'Requests that were forwarded to apps, at their end',
    ['protocol', 'code'],
  )
  const durations = metrics.histogram(
    'mezite_request_duration_seconds',
    'From an admitted request to the end of its response, without WebSockets',
    SECONDS,
  )
  const traffic = { http: metrics.traffic('http'), websocket: metrics.traffic('websocket') }
  /** By class of the status, 0 for none: the names of a cell would be joined for each request. */
  const cells = { http: [] as Cell[], websocket: [] as Cell[] }
  return ({ upgraded, status, bytesIn, bytesOut, durationMs }) => {
    const protocol = upgraded ? 'websocket' : 'http'
    const kind = status === null ? 0 : Math.floor(status / 100)
    cells[protocol][kind] ??= requests(protocol, status === null ? 'none' : `${kind}xx`)
    cells[protocol][kind].value += 1
    traffic[protocol].received.value += bytesIn
    traffic[protocol].sent.value += bytesOut
    if (!upgraded) durations.observe(durationMs / 1_000)
  }
}
