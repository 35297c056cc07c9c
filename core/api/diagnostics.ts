import { slotRef } from '../kernel/reference.ts'

/** What a path of the diagnostics listener answers with. */
export interface DiagnosticsResponse {
  readonly status: number
  readonly contentType: string
  readonly body: string
}

/**
 * One path of the diagnostics listener, such as `/metrics`: plain HTTP without authentication, for GET and HEAD. Never put
 * secrets or names of people there.
 */
export interface DiagnosticsRoute {
  /** Starts with `/`; `/healthz` and `/readyz` are taken. */
  readonly path: string
  /** The client gets 500 when it rejects or takes longer than 10 s. */
  respond(query: URLSearchParams): Promise<DiagnosticsResponse>
}

/** Further paths of the diagnostics listener. */
export const diagnosticsRoutes = slotRef<DiagnosticsRoute>('diagnosticsRoutes')
