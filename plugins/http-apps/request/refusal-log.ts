import type { Audit } from '@mezite/core'

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
