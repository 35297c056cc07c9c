import { audit, catalog, defineHubPlugin, diagnosticsRoutes, type Metrics, metrics, Type } from '@mezite/core'
import { hubState } from '@mezite/core/administration'
import type { Metric, MetricObject } from 'prom-client'
import { registerGauges } from './gauges.ts'

/** Serves the hub's metrics and those of its process in the Prometheus text format. The page how-to/monitoring of the documentation lists them. */
export default defineHubPlugin({
  name: 'metrics',
  api: 1,
  summary: 'Serves /metrics on the diagnostics listener',
  config: Type.Closed({}),
  needs: { audit, catalog, hubState, metrics },
  provides: { diagnosticsRoutes },
  setup({ use, provide }) {
    registerGauges(use)
    // Loaded with the first scrape, because many hubs are never scraped. Counters of the process start then too.
    const load = lazily(async () => {
      const client = await import('prom-client')
      const ofProcess = new client.Registry()
      client.collectDefaultMetrics({ register: ofProcess })
      return { ...client, ofProcess }
    })
    const registries = async () => {
      const { Registry, ofProcess } = await load()
      const ofHub = new Registry()
      for (const family of use.metrics.collect()) ofHub.registerMetric(asMetric(family))
      return [ofHub, ofProcess]
    }
    const contribute = async () =>
      (await Promise.all((await registries()).map((registry) => registry.getMetricsAsJSON()))).flat()
    provide.diagnosticsRoutes({
      path: '/metrics',
      contribute,
      async respond(_query, others) {
        const { AggregatorRegistry, ofProcess } = await load()
        const all =
          others.length === 0
            ? await registries()
            : [AggregatorRegistry.aggregate([await contribute(), ...(others as MetricObject[][])])]
        const body = (await Promise.all(all.map((registry) => registry.metrics()))).join('')
        return { status: 200, contentType: ofProcess.contentType, body }
      },
    })
  },
})

function lazily<T>(load: () => Promise<T>): () => Promise<T> {
  let loading: Promise<T> | undefined
  return () => {
    loading ??= load()
    return loading
  }
}

/** The part of a prom-client metric that its registry reads. */
function asMetric({ name, help, type, samples, combined }: ReturnType<Metrics['collect']>[number]): Metric {
  const values = samples.map((sample) => ({ ...sample, metricName: sample.name }))
  return { name, get: async () => ({ name, help, type, values, aggregator: combined }) } as unknown as Metric
}
