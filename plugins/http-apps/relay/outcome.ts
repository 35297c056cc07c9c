import type { Metrics, Problem } from '@mezite/core'
import type { Admission } from '@mezite/core/protocol'
import type { Deps } from '../deps.ts'
import { problemFor } from '../reasons.ts'
import { pathOf } from '../request/app-request.ts'
import { certificateFields } from '../request/refusal-log.ts'
import type { Admitted } from '../session/admission.ts'

/** The outcome of one admitted request: collected on the way, recorded once at its end. */
export class Outcome {
  readonly #started = performance.now()
  /** When the hub had read the head of the request. */
  readonly #received: number
  #sent: number | null = null
  #responding: number | null = null
  /** The agent that has taken the request, or that failed to connect; null while none has. */
  agent: string | null = null
  status: number | null = null
  /** Null as long as nothing went wrong. */
  reason: string | null = null
  /** Bytes of bodies, and of a WebSocket after its handshake. */
  bytesIn = 0
  bytesOut = 0
  upgraded = false
  /** The proxy that carries the request in place of the hub. */
  proxy: string | null = null

  /** `received` is on the clock of `performance.now()`. */
  constructor(received: number) {
    this.#received = received
  }

  /** An agent has a connection to the app, and the request is sent. */
  sending(agent: string): void {
    this.agent = agent
    this.#sent ??= performance.now()
  }

  /** The app's response has begun. */
  responding(): void {
    this.#responding ??= performance.now()
  }

  record(
    { audit, requestEnded }: Pick<Deps, 'audit' | 'requestEnded'>,
    { request, admission }: Admitted,
  ): void {
    const { app, subject, session, requestId, verified, rule } = admission
    // Access that ended while an agent was looked for is recorded as a denial.
    if (this.agent === null && this.reason === 'revoked') return
    const durationMs = Math.round(performance.now() - this.#started)
    const { status, bytesIn, bytesOut, upgraded } = this
    requestEnded({ status, bytesIn, bytesOut, upgraded, durationMs })
    const fields: Record<string, string | number | null> = {
      app: app.name,
      agent: this.agent,
      method: request.method,
      path: pathOf(request.target),
      status,
      bytes_in: bytesIn,
      bytes_out: bytesOut,
      duration_ms: durationMs,
    }
    this.#addTimings(fields)
    fields.upgrade = upgraded ? 'websocket' : null
    if (this.proxy !== null) fields.proxy = this.proxy
    if (verified !== null) Object.assign(fields, { verified }, certificateFields(request))
    if (rule !== null) fields.rule = rule
    if (request.operations !== undefined) Object.assign(fields, request.operations.record)
    audit.record({
      type: 'app.request',
      success: this.reason === null,
      reason: this.reason,
      user: subject?.user ?? null,
      roles: subject?.roles ?? null,
      grants: subject?.grants,
      actsFor: subject?.actsFor,
      clientIp: request.clientIp,
      sessionId: session?.id ?? null,
      requestId,
      fields,
    })
  }

  /** Where the time went, in milliseconds; parts below half a millisecond are left out, because most are. */
  #addTimings(fields: Record<string, string | number | null>): void {
    const decideMs = Math.round(this.#started - this.#received)
    const dialMs = this.#sent === null ? 0 : Math.round(this.#sent - this.#started)
    const firstByteMs = this.#responding === null ? 0 : Math.round(this.#responding - (this.#sent ?? 0))
    if (decideMs > 0) fields.decide_ms = decideMs
    if (dialMs > 0) fields.dial_ms = dialMs
    if (firstByteMs > 0) fields.first_byte_ms = firstByteMs
  }
}

/** Records an admitted request that ended before an agent was looked for. `status` null: nobody waited for a response. */
export function recordUnsent(
  deps: Pick<Deps, 'audit' | 'requestEnded'>,
  admitted: Admitted,
  status: number | null,
  reason: string,
): void {
  const outcome = new Outcome(admitted.request.receivedAt)
  outcome.status = status
  outcome.reason = reason
  outcome.record(deps, admitted)
}

type Cell = ReturnType<Metrics['counter']>

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

/** Registers the metrics of requests. The result counts one finished request. */
export function createRequestMetrics(metrics: Metrics): Deps['requestEnded'] {
  const requests = metrics.counters(
    'mezite_requests_total',
    'Requests that were forwarded to apps, at their end',
    ['protocol', 'code'],
  )
  const durations = metrics.histogram(
    'mezite_request_duration_seconds',
    'From an admitted request to the end of its response, without WebSockets',
    SECONDS,
  )
  const traffic = { http: metrics.traffic('http'), websocket: metrics.traffic('websocket') }
  /** By class of the status, 0 for none: the names of a cell would be joined for each request. */
  const cells = { http: [] as Cell[], websocket: [] as Cell[] }
  return ({ upgraded, status, bytesIn, bytesOut, durationMs }) => {
    const protocol = upgraded ? 'websocket' : 'http'
    const kind = status === null ? 0 : Math.floor(status / 100)
    cells[protocol][kind] ??= requests(protocol, status === null ? 'none' : `${kind}xx`)
    cells[protocol][kind].value += 1
    traffic[protocol].received.value += bytesIn
    traffic[protocol].sent.value += bytesOut
    if (!upgraded) durations.observe(durationMs / 1_000)
  }
}

/** The refusal when access ends while an agent is dialled. The gate has recorded it. */
export function endedProblem({ ended }: Admission): Problem {
  return ended === 'stale_view' ? problemFor('view_stale') : problemFor('revoked')
}
