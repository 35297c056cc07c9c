import type { FastifyReply } from 'fastify'
import { pagePolicy } from '../pages/policy.ts'

const POLICY = pagePolicy()

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
