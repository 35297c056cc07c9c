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
  /** The client gets 500 when it rejects or takes longer than 10 s. */
  respond(query: URLSearchParams): Promise<DiagnosticsResponse>
}

/** Further paths of the diagnostics listener. */
export const diagnosticsRoutes = slotRef<DiagnosticsRoute>('diagnosticsRoutes')
