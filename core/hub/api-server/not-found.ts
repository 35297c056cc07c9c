import type { FastifyReply, FastifyRequest } from 'fastify'
import { Problem } from '../../api/problem.ts'
import type { Route } from './route-guard.ts'
import { matchesPattern } from './route-pattern.ts'

/** The error if no route matches: 404, or 405 with `Allow` if the path has routes for other methods. */
export function nothingHere(
  { method, url }: FastifyRequest,
  reply: FastifyReply,
  routes: readonly Route[],
): Problem {
  const path = url.split('?', 1)[0] ?? ''
  const fitting = routes.filter((route) => matchesPattern(route.url, path))
  const allowed = new Set(fitting.map((route) => route.method))
  if (allowed.size === 0 || allowed.has(method))
    return new Problem(404, 'not_found', 'There is nothing at this address.')
  reply.header('allow', [...allowed].sort().join(', '))
  return new Problem(405, 'method_not_allowed', `${method} is not supported here.`)
}
