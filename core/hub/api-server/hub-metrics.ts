import type { AuditInput } from '../../api/audit.ts'
import type { Catalog } from '../../api/catalog.ts'
import type { Decision } from '../../api/decision.ts'
import type { Tunnel } from '../../api/tunnel.ts'
import type { Registry } from '../../cluster/cluster.ts'
import type { Log } from '../../kernel/log.ts'
import { createMetrics } from '../../log/metrics.ts'
import type { RunningAudit } from '../audit/audit.ts'
import type { OpenDatabase } from '../database/database.ts'
import type { Certificates } from '../listener/certificates.ts'
import type { Listener } from '../listener/listener.ts'
import type { RunningRevisions } from '../revisions/revisions.ts'
import type { RunningSessions } from '../sessions/sessions.ts'

const QUERY_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const SLOW_TAP_SECONDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** The rooms that a scrape reads. */
export interface Watched {
  readonly audit: Pick<RunningAudit, 'accepting' | 'sinks'>
  readonly catalog: Pick<Catalog, 'list'>
  readonly certificates: Pick<Certificates, 'states'>
  readonly revisions: Pick<RunningRevisions, 'ageMs' | 'applied' | 'fresh'>
  readonly listener: Pick<Listener, 'connections'>
  readonly registry: Pick<Registry, 'clockAheadMs'>
  readonly sessions: Pick<RunningSessions, 'list' | 'live'>
  readonly store: Pick<OpenDatabase, 'connections'>
  readonly tunnel: Pick<Tunnel, 'links' | 'stateOf'>
}

/**
 * The metrics of a hub; the page about monitoring has the table. Frequent events increment counters in place; everything else is read at
 * each scrape.
 */
export function createHubMetrics({ version, log }: { readonly version: string; readonly log: Log }) {
  const metrics = createMetrics(log)
  metrics.gauge(
    'mezite_build_info',
    'Always 1, with the version of the hub',
    () => ({ [version]: 1 }),
    'version',
    'first',
  )
  metrics.gauge('mezite_processes', 'Processes of this hub that the scrape reads', () => 1)
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

  return {
    metrics,
    /** An event is being recorded. */
    event({ type }: Pick<AuditInput, 'type'>): void {
      events(type).value += 1
    },
    decision({ effect, reason }: Decision): void {
      decisions(effect, reason).value += 1
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
    /** Registers the gauges that read the open rooms. */
    watch({
      audit,
      certificates,
      catalog,
      revisions,
      listener,
      registry,
      sessions,
      store,
      tunnel,
    }: Watched): void {
      const bySink = (read: (sink: RunningAudit['sinks'][number]) => number) => () =>
        Object.fromEntries(audit.sinks.map((sink) => [sink.name, read(sink)]))
      const { gauge, counted } = metrics
      gauge(
        'mezite_audit_accepting',
        '0: new requests get 503 because nothing can be recorded',
        () => Number(audit.accepting),
        undefined,
        'min',
      )
      gauge(
        'mezite_audit_queue_events',
        'Events that are queued for a sink',
        bySink(({ queued }) => queued),
        'sink',
      )
      counted(
        'mezite_audit_dropped_total',
        'Events that a sink never received',
        bySink(({ dropped }) => dropped),
        'sink',
      )
      counted(
        'mezite_audit_failed_writes_total',
        'Batches that a sink rejected',
        bySink(({ failures }) => failures),
        'sink',
      )
      gauge(
        'mezite_certificate_expiry_timestamp_seconds',
        'When a certificate that the hub serves expires, in Unix time',
        () =>
          Object.fromEntries(
            certificates
              .states()
              .flatMap(({ subject, expires }) => (expires === null ? [] : [[subject, expires / 1_000]])),
          ),
        'keypair',
        'min',
      )
      gauge('mezite_apps', 'Apps that are registered', () => catalog.list().length, undefined, 'max')
      gauge(
        'mezite_apps_by_state',
        'Apps as their agents on this hub see them: ready, unreachable, no_agent, disabled',
        () => ({
          ...{ ready: 0, unreachable: 0, no_agent: 0, disabled: 0 },
          ...countBy(catalog.list(), (app) => tunnel.stateOf(app).state),
        }),
        'state',
        'first',
      )
      gauge(
        'mezite_app_ready',
        'Whether an agent of the app reaches it (1) or not (0); apps that are switched off are missing',
        () =>
          Object.fromEntries(
            catalog
              .list()
              .filter(({ enabled }) => enabled)
              .map((app) => [app.name, Number(tunnel.stateOf(app).state === 'ready')]),
          ),
        'app',
        'min',
      )
      gauge(
        'mezite_agents_connected',
        'Agents with a tunnel to this hub',
        () => tunnel.links().length,
        undefined,
        'max',
      )
      gauge('mezite_connections_open', 'Connections on the public port', () => listener.connections)
      gauge(
        'mezite_sessions',
        'Sessions of the cluster',
        () => countBy(sessions.list(), ({ kind }) => kind),
        undefined,
        'max',
      )
      gauge(
        'mezite_live_streams',
        'Live streams to apps on this hub',
        () => sessions.live.byProtocol(),
        'protocol',
      )
      counted(
        'mezite_revoked_streams_total',
        'Live streams that were cut because access ended',
        () => sessions.live.revoked,
      )
      gauge(
        'mezite_view_age_seconds',
        'Age of the access data; above 5 no access is granted',
        () => Math.min(revisions.ageMs() / 1_000, 1e9),
        undefined,
        'max',
      )
      gauge(
        'mezite_change_sequence',
        'Last change of access data that this hub has applied; compare it between hubs',
        () => revisions.applied,
        undefined,
        'min',
      )
      gauge(
        'mezite_clock_difference_seconds',
        "By how much this hub's clock is ahead of the database's",
        () => registry.clockAheadMs / 1_000,
        undefined,
        'first',
      )
      gauge('mezite_database_connections', 'Connections to PostgreSQL', () => store.connections(), 'state')
    },
  }
}

function countBy<T>(items: Iterable<T>, keyOf: (item: T) => string): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const item of items) counts[keyOf(item)] = (counts[keyOf(item)] ?? 0) + 1
  return counts
}
