import { slotRef } from '../kernel/reference.ts'

/** The response of a path of the diagnostics listener. */
export interface DiagnosticsResponse {
  readonly status: number
  readonly contentType: string
  readonly body: string
}

/**
 * One path of the diagnostics listener, such as `/metrics`: plain HTTP without authentication, for GET and HEAD. Never
 * include secrets or names of people in the response.
 */
export interface DiagnosticsRoute {
  /** Starts with `/`; `/healthz` and `/readyz` are reserved. */
  readonly path: string
  /**
   * With `proxy.processes`, any of the processes gets a request. This is what the others add to its response, as a value
   * that JSON can carry. Missing: the response does not depend on the process.
   */
  contribute?(query: URLSearchParams): unknown
  /**
   * `others`: the contributions of the other processes; without some of them if they fail. The client gets 500 when it
   * rejects or takes longer than 10 s.
   */
  respond(query: URLSearchParams, others: readonly unknown[]): Promise<DiagnosticsResponse>
}

/** Further paths of the diagnostics listener. */
export const diagnosticsRoutes = slotRef<DiagnosticsRoute>('diagnosticsRoutes')
