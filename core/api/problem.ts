/**
 * A refusal that becomes an RFC 9457 problem (`application/problem+json`). Throw it from any route.
 * `code` is a stable reason code in snake_case, `detail` a sentence that says what, which and what next.
 */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly status: number
  readonly code: string
  /** Further public members of the document, such as `login_url`. */
  readonly members: Readonly<Record<string, unknown>>

  constructor(status: number, code: string, detail: string, members: Readonly<Record<string, unknown>> = {}) {
    super(detail)
    this.status = status
    this.code = code
    this.members = members
  }
}
