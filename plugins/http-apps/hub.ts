import {
  audit,
  catalog,
  defineHubPlugin,
  metrics,
  pages,
  publicNames,
  revisions,
  sessions,
} from '@mezite/core'
import {
  access,
  appKinds,
  assertion,
  createOverload,
  createRateLimit,
  httpHooks,
  protocols,
  proxyLimits,
  tunnel,
} from '@mezite/core/protocol'
import { AppHosts } from './client/app-hosts.ts'
import { HttpAppsConfig } from './config.ts'
import { Deadlines } from './relay/deadlines.ts'
import { FailureLog } from './relay/failure-log.ts'
import { createRequestMetrics } from './relay/request-metrics.ts'
import { PipePool } from './upstream/pipe-pool.ts'

export default defineHubPlugin({
  name: 'http-apps',
  api: 1,
  summary: 'Publishes HTTP applications',
  config: HttpAppsConfig,
  needs: {
    access,
    assertion,
    audit,
    catalog,
    revisions,
    httpHooks,
    metrics,
    pages,
    proxyLimits,
    publicNames,
    sessions,
    tunnel,
  },
  provides: { appKinds, protocols },

  setup(host) {
    const deadlines = new Deadlines(host.clock)
    const pool = new PipePool(deadlines, host.use.tunnel)
    host.tap.lifecycle.start(() => deadlines.start())
    host.tap.lifecycle.stop(() => {
      pool.close()
      deadlines.stop()
    })
    const load = createOverload({
      perPerson: host.config.requests_per_person,
      perApp: host.config.requests_per_app,
    })
    const failed = 'Admitted requests that got no response from the app'
    const failures = new FailureLog(
      host.log,
      host.use.metrics.counters('mezite_failed_requests_total', failed, ['reason']),
    )
    const requestEnded = createRequestMetrics(host.use.metrics)
    const { clock, log } = host
    const handovers = createRateLimit(clock)
    host.provide.appKinds({ name: 'http', schemes: ['http', 'https'], servedByHub: true })
    host.provide.protocols(
      new AppHosts({ ...host.use, clock, log, deadlines, pool, load, failures, requestEnded, handovers }),
    )
  },
})
