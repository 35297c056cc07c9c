/**
 * A refusal that becomes an RFC 9457 problem (`application/problem+json`), or a page for a person. Throw it from any route.
 * `code` is a stable reason code in snake_case; `detail` is a sentence that names the thing, the problem and the next step.
 */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly status: number
  readonly code: string
  /** Further public members of the document, such as `login_url`; `title` replaces the heading that goes with the code. */
  readonly members: Readonly<Record<string, unknown>>

  constructor(status: number, code: string, detail: string, members: Readonly<Record<string, unknown>> = {}) {
    super(detail)
    this.status = status
    this.code = code
    this.members = members
  }
}
