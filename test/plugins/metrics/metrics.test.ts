// together: plugin-hubs
import { database, defineHubPlugin, metrics } from '@mezite/core'
import { createTestHub, memoryLog } from '@mezite/core/testing'
import { sql } from 'kysely'
import t from 'tap'
import { createMetrics } from '../../../core/base/log/metrics.ts'
import { registerGauges } from '../../../plugins/metrics/gauges.ts'

const failing = defineHubPlugin({
  name: 'failing',
  api: 1,
  summary: 'Registers a gauge that cannot be read, and fails a query',
  needs: { metrics, database },
  setup({ use, tap }) {
    use.metrics.gauge('failing_things', 'Throws', () => {
      throw new Error('no reading')
    })
    use.metrics.counter('failing_runs_total', 'Does not throw').value = 3
    tap.lifecycle.start(async () => {
      await sql`SELECT missing FROM nowhere`.execute(use.database).catch(() => {})
    })
  },
})

async function scrape(port: number) {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`)
  const text = await response.text()
  const value = (line: string) =>
    Number(
      text
        .split('\n')
        .find((each) => each.startsWith(`${line} `))
        ?.split(' ')[1],
    )
  return { status: response.status, type: response.headers.get('content-type'), text, value }
}

t.test('a hub serves its metrics and those of its process', async (t) => {
  const hub = await createTestHub({ plugins: [failing] })
  t.teardown(() => hub.stop())
  const { status, type, text, value } = await scrape(hub.ports.diagnostics)
  t.equal(status, 200)
  t.match(type, /^text\/plain; version=0\.0\.4/)
  t.match(text, /^process_cpu_user_seconds_total /m)
  t.match(text, /^mezite_build_info\{version="\d+\.\d+\.\d+[^"]*"\} 1$/m)
  t.match(text, /^# TYPE mezite_audit_events_total counter$/m)
  t.match(text, /^mezite_audit_queue_events\{sink="audit-database"\} \d+$/m)
  t.match(text, /^mezite_certificate_expiry_timestamp_seconds\{keypair="https_keypair"\} \d{10}/m)
  t.equal(value('mezite_audit_accepting'), 1)
  t.ok(value('mezite_database_query_seconds_bucket{le="10"}') > 0)
  t.equal(
    value('mezite_database_query_seconds_bucket{le="+Inf"}'),
    value('mezite_database_query_seconds_count'),
  )
  t.equal(value('mezite_database_failed_queries_total'), 1, 'a query that fails is counted')
  t.equal(value('failing_runs_total'), 3)
  t.equal(value('mezite_job_failures{job="sessions-pruning"}'), 0)
  t.notMatch(text, /failing_things/, 'a gauge that throws is missing, and nothing else is')
  t.match(hub.log.join('\n'), /failing_things.*no reading/)
})

t.test('`metrics: false` switches the endpoint off and leaves health and readiness', async (t) => {
  const hub = await createTestHub({ config: { plugins: { metrics: false } } })
  t.teardown(() => hub.stop())
  t.equal((await scrape(hub.ports.diagnostics)).status, 404)
  for (const path of ['healthz', 'readyz', 'readyz?deep'])
    t.equal((await fetch(`http://127.0.0.1:${hub.ports.diagnostics}/${path}`)).status, 200, path)
})

t.test('the gauges of jobs have what any hub reports of their last run', (t) => {
  const made = createMetrics(memoryLog().log)
  const ended = new Date('2026-01-02T03:04:05Z')
  const jobs = () => [
    { name: 'late', failures: 2, finished: ended },
    { name: 'new', failures: 0, finished: null },
  ]
  registerGauges({ metrics: made, hubState: { jobs } } as never)
  const samplesOf = (name: string) =>
    made
      .collect()
      .find((family) => family.name === name)
      ?.samples.map(({ labels, value }) => [labels.job, value])
  t.strictSame(samplesOf('mezite_job_failures'), [
    ['late', 2],
    ['new', 0],
  ])
  t.strictSame(samplesOf('mezite_job_last_run_timestamp_seconds'), [['late', ended.getTime() / 1_000]])
  t.end()
})

t.test('names of metrics are checked, and labels are limited', (t) => {
  const made = createMetrics(memoryLog().log)
  made.counter('taken_total', 'First')
  t.throws(() => made.gauge('taken_total', 'Second', () => 1))
  t.throws(() => made.counter('not a name', 'Bad'))
  const cells = made.counters('many_total', 'Many', ['who'])
  for (let n = 0; n < 1_000; n++) cells(`person-${n}`).value += 1
  const { samples } = made.collect().find(({ name }) => name === 'many_total')!
  t.ok(samples.length <= 201, `${samples.length} time series`)
  t.equal(samples.find(({ labels }) => labels.who === 'other')?.value, 800)
  t.end()
})
