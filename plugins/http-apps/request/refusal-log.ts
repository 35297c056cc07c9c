import type { App, Audit, Problem } from '@mezite/core'
import { type AppRequest, pathOf } from './app-request.ts'

/** Records refused requests whose caller is not known: malformed, misdirected or forged. */
export class RefusalLog {
  readonly #audit: Audit

  constructor(audit: Audit) {
    this.#audit = audit
  }

  note(clientIp: string, reason: string, requestId: string | null): void {
    const fields = { app: null }
    this.#audit.record({ type: 'access.denied', success: false, reason, clientIp, requestId, fields })
  }
}

/** What a record says about the certificate of a client, beside the rule that admits or refuses it. */
export function certificateFields({ connection }: AppRequest): Readonly<Record<string, string>> {
  const { certificate, certificateFault } = connection
  if (certificateFault !== undefined) return { certificate_fault: certificateFault }
  if (certificate === undefined) return {}
  return { certificate: certificate.fingerprint256, certificate_subject: certificate.subject }
}

/**
 * Records an error response to an unknown caller that no other event explains, so that the id on its page leads to the
 * reason. `verified`: the rule by which a verifier accepted the request; `rule`: by which it refused the request.
 */
export function recordFailure(
  audit: Audit,
  request: AppRequest,
  { status, code }: Pick<Problem, 'status' | 'code'>,
  {
    app,
    verified = null,
    rule,
  }: {
    readonly app?: App | undefined
    readonly verified?: string | null
    readonly rule?: string | undefined
  } = {},
): void {
  const { clientIp, requestId, method, target } = request
  audit.record({
    type: 'request.failed',
    success: false,
    reason: code,
    clientIp,
    requestId,
    fields: {
      app: app?.name ?? null,
      method,
      path: pathOf(target),
      status,
      ...(verified !== null && { verified }),
      ...(rule !== undefined && { rule }),
      ...((rule !== undefined || verified !== null) && certificateFields(request)),
    },
  })
}
