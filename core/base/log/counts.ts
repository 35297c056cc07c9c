import type { AuditInput } from '../../api/audit.ts'
import type { Decision } from '../../api/decision.ts'
import type { Cell } from '../../api/metrics.ts'
import type { Log } from '../../kernel/log.ts'
import { createMetrics } from './metrics.ts'

const QUERY_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const SLOW_TAP_SECONDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/**
 * What the rooms count while they work: frequent events, in place. What can be read at a scrape is registered by the plugin
 * `metrics`.
 */
export function createCounts(log: Log) {
  const metrics = createMetrics(log)
  const events = metrics.counters('mezite_audit_events_total', 'Audit events, including aggregated ones', [
    'type',
  ])
  const decisions = metrics.counters('mezite_access_decisions_total', 'Decisions about access', [
    'effect',
    'reason',
  ])
  const secured = metrics.counters('mezite_tls_handshakes_total', 'TLS handshakes on the public port', [
    'alpn',
  ])
  const refused = metrics.counters(
    'mezite_refused_connections_total',
    'Connections that did not complete TLS',
    ['reason'],
  )
  const refusedRequests = metrics.counters(
    'mezite_refused_requests_total',
    'Browser requests that are malformed or for a host that is not served',
    ['code', 'reason'],
  )
  const queries = metrics.histogram('mezite_database_query_seconds', 'Queries of the database', QUERY_SECONDS)
  const slowTaps = metrics.counters('mezite_slow_taps_total', 'Taps of plugins that took more than 50 ms', [
    'plugin',
    'hook',
  ])
  const slowTapSeconds = metrics.histogram(
    'mezite_slow_tap_seconds',
    'How long taps of plugins took that took more than 50 ms',
    SLOW_TAP_SECONDS,
  )
  const failedQueries = metrics.counter('mezite_database_failed_queries_total', 'Queries that failed')

  /** By decision, which is the same object for many requests: the name of a cell would be built for each. */
  const cells = new WeakMap<Decision, Cell>()
  return {
    metrics,
    /** An event is being recorded. */
    event({ type }: Pick<AuditInput, 'type'>): void {
      events(type).value += 1
    },
    decision(decision: Decision): void {
      const known = cells.get(decision)
      const cell = known ?? decisions(decision.effect, decision.reason)
      if (known === undefined) cells.set(decision, cell)
      cell.value += 1
    },
    connection(what: 'secured' | 'refused', which: string): void {
      if (what === 'secured') secured(which).value += 1
      else refused(which).value += 1
    },
    refusedRequest(status: number, reason: string): void {
      refusedRequests(String(status), reason).value += 1
    },
    slowTap(plugin: string, hook: string, ms: number): void {
      slowTaps(plugin, hook).value += 1
      slowTapSeconds.observe(ms / 1_000)
    },
    query(ms: number, failed: boolean): void {
      queries.observe(ms / 1_000)
      if (failed) failedQueries.value += 1
    },
  }
}
