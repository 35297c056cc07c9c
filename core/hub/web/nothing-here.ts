import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Route } from './guard-routes.ts'
import { matchesPattern } from './match-pattern.ts'
import { Problem } from './problem.ts'

/** Why no route fits: 404, or 405 with `Allow` when the path takes other methods. */
export function nothingHere(
  { method, url }: FastifyRequest,
  reply: FastifyReply,
  routes: readonly Route[],
): Problem {
  const path = url.split('?', 1)[0] ?? ''
  const fitting = routes.filter((route) => matchesPattern(route.url, path))
  const allowed = new Set(fitting.map((route) => route.method))
  if (allowed.size === 0 || allowed.has(method))
    return new Problem(404, 'not_found', 'There is nothing here.')
  reply.header('allow', [...allowed].sort().join(', '))
  return new Problem(405, 'method_not_allowed', `${method} is not possible here.`)
}
