import type { AdminRight, RowLabels } from './rights.ts'

/** A right of administration that somebody lacks, for a thing with these labels; without labels: for all things of the kind. */
export interface LackedRight {
  readonly right: AdminRight
  readonly labels?: RowLabels
  /** The call needs every other right as well. */
  readonly everyRight?: boolean
}

/**
 * An error that becomes an RFC 9457 problem (`application/problem+json`), or a page for a person. Any route can throw it.
 * `code` is a stable reason code in snake_case; `detail` is a sentence that names the thing, the problem and the next step.
 */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly status: number
  readonly code: string
  /**
   * Additional public members of the document, such as `login_url`; `title` replaces the default heading of the code.
   */
  readonly members: Readonly<Record<string, unknown>>
  /** Its cause has been recorded already, so the response is neither recorded nor logged again. */
  audited = false
  /** Where the page about it offers to try again: a path. Default: nowhere. */
  retryUrl?: string
  /** The right that the caller lacks. The response then also says who has it, as far as the caller may know that. */
  lacks?: LackedRight

  constructor(status: number, code: string, detail: string, members: Readonly<Record<string, unknown>> = {}) {
    super(detail)
    this.status = status
    this.code = code
    this.members = members
  }
}
