import {
  audit,
  catalog,
  credentials,
  defineHubPlugin,
  metrics,
  pages,
  publicNames,
  revisions,
  sessions,
  Type,
  verifiers,
} from '@mezite/core'
import { assertion } from '@mezite/core/identity'
import {
  access,
  appKinds,
  appVerdicts,
  createConcurrencyQuota,
  createOverload,
  createRateLimit,
  httpHooks,
  protocols,
  proxyLimits,
  tunnel,
} from '@mezite/core/protocol'
import { AppHosts } from './app-hosts.ts'
import { Deadlines } from './deadlines.ts'
import { HeldRequests } from './held/held-requests.ts'
import { reasons } from './reasons.ts'
import { FailureLog } from './relay/failure-log.ts'
import { createRequestMetrics } from './relay/outcome.ts'
import { appSession } from './request/cookies.ts'
import { preflights } from './session/preflights.ts'
import { PipePool } from './upstream/pipe-pool.ts'
import { createAppVerdicts } from './verdict/app-verdicts.ts'

const Count = (value: number, description: string) =>
  Type.Count({ default: value, max: 100_000, description })

/** `plugins: http-apps:` in mezhub.yaml. */
const HttpAppsConfig = Type.Closed({
  requests_per_person: Count(
    1_000,
    'Concurrent requests of one person on one hub, WebSockets and event streams included',
  ),
  requests_per_app: Count(8_000, 'Concurrent requests to one application on one hub, of all people together'),
})

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
  provides: { appKinds, appVerdicts, credentials, protocols, verifiers },

  reasons,
  setup(host) {
    const deadlines = new Deadlines(host.clock)
    const pool = new PipePool(deadlines, host.use.tunnel)
    host.tap.lifecycle.start(() => deadlines.start())
    const held = new HeldRequests()
    host.tap.lifecycle.stop(() => {
      held.close()
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
    const reading = createConcurrencyQuota()
    const parts = { clock, log, deadlines, pool, held, reading, load, failures, requestEnded, handovers }
    host.provide.appKinds({ name: 'http', schemes: ['http', 'https'], servedByHub: true })
    host.provide.credentials(appSession)
    host.provide.verifiers(preflights)
    const deps = { ...host.use, ...parts, lateRefusers: new Set<string>() }
    host.provide.protocols(new AppHosts(deps))
    host.provide.appVerdicts(createAppVerdicts(deps))
  },
})
