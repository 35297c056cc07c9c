import type { Audit } from '@mezite/core'

/** Records refusals of requests that nobody in particular sent: malformed, misdirected, forged. */
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
