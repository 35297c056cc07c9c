import type { FastifyReply, FastifyRequest } from 'fastify'
import { Problem } from '../../api/problem.ts'
import type { Route } from './route-guard.ts'

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

/** Whether a route pattern (`/apps/:name`, `/files/*`) matches the path. Used only to distinguish 405 from 404. */
export function matchesPattern(pattern: string, path: string): boolean {
  const wanted = pattern.split('/')
  const given = path.split('/')
  for (const [index, part] of wanted.entries()) {
    if (part === '*') return true
    const there = given[index]
    if (there === undefined) return false
    if (part.startsWith(':') ? there === '' : part !== there) return false
  }
  return wanted.length === given.length
}
