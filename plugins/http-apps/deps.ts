import type { Audit, Catalog, Clock, Log, Pages, PublicNames, Revisions, Sessions } from '@mezite/core'
import type { Assertion } from '@mezite/core/identity'
import type {
  Access,
  createConcurrencyQuota,
  createOverload,
  HttpHooks,
  ProxyLimits,
  RateLimit,
  Tunnel,
} from '@mezite/core/protocol'
import type { Deadlines } from './deadlines.ts'
import type { HeldRequests } from './held/held-requests.ts'
import type { FailureLog } from './relay/failure-log.ts'
import type { PipePool } from './upstream/pipe-pool.ts'

export interface FinishedRequest {
  readonly upgraded: boolean
  readonly status: number | null
  readonly bytesIn: number
  readonly bytesOut: number
  readonly durationMs: number
}

/** The services and parts that the path of a request uses, gathered once. */
export interface Deps {
  readonly catalog: Catalog
  readonly access: Access
  readonly sessions: Sessions
  readonly tunnel: Tunnel
  readonly audit: Audit
  readonly revisions: Revisions
  readonly publicNames: PublicNames
  readonly assertion: Assertion
  readonly httpHooks: HttpHooks
  readonly held: HeldRequests
  /** Bodies that are read for the decision, by person. */
  readonly reading: ReturnType<typeof createConcurrencyQuota>
  /** The plugins that refused a request after their tap of `http.request` had returned. */
  readonly lateRefusers: Set<string>
  readonly clock: Clock
  readonly log: Log
  readonly deadlines: Deadlines
  readonly pool: PipePool
  readonly failures: FailureLog
  /** Counts a finished request. */
  readonly requestEnded: (request: FinishedRequest) => void
  /** Requests under way, by person and by app. */
  readonly load: ReturnType<typeof createOverload>
  readonly pages: Pages
  readonly proxyLimits: ProxyLimits
  /** Limits the codes from the sign-in host that one address may present. */
  readonly handovers: RateLimit
}
