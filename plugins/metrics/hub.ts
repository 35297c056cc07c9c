import { defineHubPlugin, diagnosticsRoutes, type Metrics, metrics, Type } from '@mezite/core'
import { collectDefaultMetrics, type Metric, Registry } from 'prom-client'

/** Serves the hub's metrics and those of its process in the Prometheus text format. README.md lists them. */
export default defineHubPlugin({
  name: 'metrics',
  api: 1,
  summary: 'Serves /metrics on the diagnostics listener',
  config: Type.Object({}, { additionalProperties: false }),
  needs: { metrics },
  provides: { diagnosticsRoutes },
  setup({ use, provide }) {
    const ofProcess = new Registry()
    collectDefaultMetrics({ register: ofProcess })
    provide.diagnosticsRoutes({
      path: '/metrics',
      async respond() {
        const ofHub = new Registry()
        for (const family of use.metrics.collect()) ofHub.registerMetric(asMetric(family))
        const body = (await Promise.all([ofHub.metrics(), ofProcess.metrics()])).join('')
        return { status: 200, contentType: ofHub.contentType, body }
      },
    })
  },
})

/** The part of a prom-client metric that its registry reads. */
function asMetric({ name, help, type, samples }: ReturnType<Metrics['collect']>[number]): Metric {
  const values = samples.map((sample) => ({ ...sample, metricName: sample.name }))
  return { name, get: async () => ({ name, help, type, values, aggregator: 'sum' }) } as unknown as Metric
}
