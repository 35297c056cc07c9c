/** Sources that a page may use in addition to the hub's default. */
export interface PolicyOptions {
  /** Origins to which forms may lead, because browsers apply `form-action` to redirects as well. */
  readonly formTargets?: readonly string[]
  /** Sources of pages that may show the page in a frame. */
  readonly ancestors?: string
  /** Hash source of the only style that the page may contain. */
  readonly style?: string
}

/** The Content-Security-Policy of the hub's pages: files of the same host only, and no inline script or style. */
export function pagePolicy({ formTargets = [], ancestors = "'none'", style }: PolicyOptions = {}): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src ${style ?? "'self'"}`,
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    `form-action ${["'self'", ...formTargets].join(' ')}`,
    "base-uri 'none'",
    `frame-ancestors ${ancestors}`,
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ')
}
