import type { Catalog, Metrics } from '@mezite/core'
import type { HubState } from '@mezite/core/administration'

/** What a scrape reads. */
export interface Watched {
  readonly metrics: Pick<Metrics, 'counted' | 'gauge'>
  readonly hubState: HubState
  readonly audit: { readonly accepting: boolean }
  readonly catalog: Pick<Catalog, 'list'>
}

/** `label` and `combined` as `Metrics` has them, by name. */
function registrarOf({ metrics }: Watched) {
  type Gauge = Parameters<Metrics['gauge']>
  type Options = { readonly label?: Gauge[3]; readonly combined?: Gauge[4] }
  return {
    gauge: (name: string, help: string, read: Gauge[2], { label, combined }: Options = {}) =>
      metrics.gauge(name, help, read, label, combined),
    counted: (name: string, help: string, read: Gauge[2], { label }: Omit<Options, 'combined'> = {}) =>
      metrics.counted(name, help, read, label),
  }
}

/** Registers what is read from the hub at each scrape; the page about monitoring says what needs attention. */
export function registerGauges(watched: Watched): void {
  const { audit, hubState } = watched
  const { counted, gauge } = registrarOf(watched)
  gauge('mezite_build_info', 'Always 1, with the version of the hub', () => ({ [hubState.version]: 1 }), {
    label: 'version',
    combined: 'first',
  })
  gauge('mezite_processes', 'Processes of this hub that the scrape reads', () => 1)
  gauge(
    'mezite_audit_accepting',
    '0: new requests get 503 because nothing can be recorded',
    () => Number(audit.accepting),
    { combined: 'min' },
  )
  const bySink = (read: (sink: HubState['sinks'][number]) => number) => () =>
    Object.fromEntries(hubState.sinks.map((sink) => [sink.name, read(sink)]))
  gauge(
    'mezite_audit_queue_events',
    'Events that are queued for a sink',
    bySink(({ queued }) => queued),
    { label: 'sink' },
  )
  counted(
    'mezite_audit_dropped_total',
    'Events that a sink never received',
    bySink(({ dropped }) => dropped),
    { label: 'sink' },
  )
  counted(
    'mezite_audit_failed_writes_total',
    'Batches that a sink rejected',
    bySink(({ failures }) => failures),
    { label: 'sink' },
  )
  gauge(
    'mezite_certificate_expiry_timestamp_seconds',
    'When a certificate that the hub serves expires, in Unix time',
    () =>
      Object.fromEntries(
        hubState
          .certificates()
          .flatMap(({ subject, expires }) => (expires === null ? [] : [[subject, expires / 1_000]])),
      ),
    { label: 'keypair', combined: 'min' },
  )
  gauge('mezite_connections_open', 'Connections on the public port', () => hubState.connections)
  gauge(
    'mezite_view_age_seconds',
    'Age of the access data; above 5 no access is granted',
    () => Math.min(hubState.viewAgeMs / 1_000, 1e9),
    { combined: 'max' },
  )
  gauge(
    'mezite_change_sequence',
    'Last change of access data that this hub has applied; compare it between hubs',
    () => hubState.sequence,
    { combined: 'min' },
  )
  gauge(
    'mezite_clock_difference_seconds',
    "By how much this hub's clock is ahead of the database's",
    () => hubState.clockAheadMs / 1_000,
    { combined: 'first' },
  )
  gauge('mezite_database_connections', 'Connections to PostgreSQL', () => hubState.databaseConnections(), {
    label: 'state',
  })
  registerJobs(watched)
  registerApps(watched)
}

/** Apps, the agents that reach them, and the people who use them. */
function registerApps(watched: Watched): void {
  const { catalog, hubState } = watched
  const { counted, gauge } = registrarOf(watched)
  gauge('mezite_apps', 'Apps that are registered', () => catalog.list().length, { combined: 'max' })
  gauge(
    'mezite_apps_by_state',
    'Apps as their agents on this hub see them: ready, unreachable, no_agent, disabled',
    () => ({
      ready: 0,
      unreachable: 0,
      no_agent: 0,
      disabled: 0,
      ...countBy(catalog.list(), (app) => hubState.stateOf(app).state),
    }),
    { label: 'state', combined: 'first' },
  )
  gauge(
    'mezite_app_ready',
    'Whether an agent of the app reaches it (1) or not (0); apps that are switched off are missing',
    () =>
      Object.fromEntries(
        catalog
          .list()
          .filter(({ enabled }) => enabled)
          .map((app) => [app.name, Number(hubState.stateOf(app).state === 'ready')]),
      ),
    { label: 'app', combined: 'min' },
  )
  gauge(
    'mezite_agents_connected',
    'Agents that this hub reaches, through a link of its own or of another hub',
    () => hubState.links().length,
    { combined: 'max' },
  )
  gauge('mezite_sessions', 'Sessions of the cluster', () => hubState.sessionsByKind(), { combined: 'max' })
  gauge('mezite_live_streams', 'Live streams to apps on this hub', () => hubState.streamsByProtocol(), {
    label: 'protocol',
  })
  counted(
    'mezite_revoked_streams_total',
    'Live streams that were cut because access ended',
    () => hubState.revokedStreams,
  )
}

function registerJobs(watched: Watched): void {
  const { hubState } = watched
  const { gauge } = registrarOf(watched)
  const by = (read: (job: ReturnType<HubState['jobs']>[number]) => number | null) => () =>
    Object.fromEntries(
      hubState.jobs().flatMap((job) => {
        const value = read(job)
        return value === null ? [] : [[job.name, value] as const]
      }),
    )
  gauge(
    'mezite_job_failures',
    'Runs of a background job that failed since the last one that succeeded, on any hub',
    by(({ failures }) => failures),
    { label: 'job', combined: 'max' },
  )
  gauge(
    'mezite_job_last_run_timestamp_seconds',
    'When the last run of a background job ended, on any hub, in Unix time',
    by(({ finished }) => finished && new Date(finished).getTime() / 1_000),
    { label: 'job', combined: 'max' },
  )
}

function countBy<T>(items: Iterable<T>, keyOf: (item: T) => string): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const item of items) counts[keyOf(item)] = (counts[keyOf(item)] ?? 0) + 1
  return counts
}
