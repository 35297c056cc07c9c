import { defineHubPlugin, diagnosticsRoutes, type Metrics, metrics, Type } from '@mezite/core'
import {
  AggregatorRegistry,
  collectDefaultMetrics,
  type Metric,
  type MetricObject,
  Registry,
} from 'prom-client'

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
    const registries = () => {
      const ofHub = new Registry()
      for (const family of use.metrics.collect()) ofHub.registerMetric(asMetric(family))
      return [ofHub, ofProcess]
    }
    const contribute = async () =>
      (await Promise.all(registries().map((registry) => registry.getMetricsAsJSON()))).flat()
    provide.diagnosticsRoutes({
      path: '/metrics',
      contribute,
      async respond(_query, others) {
        const all =
          others.length === 0
            ? registries()
            : [AggregatorRegistry.aggregate([await contribute(), ...(others as MetricObject[][])])]
        const body = (await Promise.all(all.map((registry) => registry.metrics()))).join('')
        return { status: 200, contentType: ofProcess.contentType, body }
      },
    })
  },
})

/** The part of a prom-client metric that its registry reads. */
function asMetric({ name, help, type, samples, combined }: ReturnType<Metrics['collect']>[number]): Metric {
  const values = samples.map((sample) => ({ ...sample, metricName: sample.name }))
  return { name, get: async () => ({ name, help, type, values, aggregator: combined }) } as unknown as Metric
}
