import type { FastifyReply } from 'fastify'

/**
 * Content-Security-Policy of a hub page. A page whose form causes a redirect to another origin lists that origin in
 * `formTargets`, because browsers apply `form-action` to redirects as well.
 */
export function contentSecurityPolicy(formTargets: readonly string[] = []): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    `form-action ${["'self'", ...formTargets].join(' ')}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
    // Scripts may not turn text into markup or code.
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ')
}

const POLICY = contentSecurityPolicy()

/**
 * Sets the headers of every response of the hub's own host; keeps a route's own policy, caching and referrer headers.
 */
export function setSecurityHeaders(reply: FastifyReply, hsts: boolean): void {
  if (!reply.hasHeader('content-security-policy')) reply.header('content-security-policy', POLICY)
  if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store')
  // With no-referrer, browsers would send `Origin: null` for the hub's own forms.
  if (!reply.hasHeader('referrer-policy')) reply.header('referrer-policy', 'same-origin')
  reply.header('x-content-type-options', 'nosniff')
  reply.header('x-frame-options', 'DENY')
  reply.header('cross-origin-opener-policy', 'same-origin')
  reply.header('cross-origin-resource-policy', 'same-origin')
  if (hsts) reply.header('strict-transport-security', 'max-age=31536000')
}
