import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Problem } from '../../api/problem.ts'
import { problemFor } from '../../api/reasons.ts'
import { type AdminRights, isAdminRight, type RowAccess } from '../../api/rights.ts'
import type { RouteAccess } from '../../api/web-routes.ts'
import { MezError } from '../../kernel/error.ts'

/**
 * Limit for unknown callers: an address may have many concurrent calls, each of which holds the received part of its
 * body.
 */
const PUBLIC_BODY_BYTES = 64 * 1024

const OPEN: readonly unknown[] = ['public', 'page', 'user'] satisfies RouteAccess[]

export interface Route {
  readonly method: string
  readonly url: string
  readonly access: RouteAccess
  readonly rows?: RowAccess
}

/** Lists each route that is added, or throws `MEZ_ROUTE_UNGUARDED`. `attempts`: the URLs through which a sign-in may pass. */
export function tableOf(app: FastifyInstance): { readonly routes: Route[]; readonly attempts: Set<string> } {
  const routes: Route[] = []
  const attempts = new Set<string>()
  app.addHook('onRoute', (route) => {
    const { method, url, config } = route
    const access = config?.access
    if (access === undefined || !(OPEN.includes(access) || isAdminRight(access))) {
      throw new MezError('MEZ_ROUTE_UNGUARDED', `the route ${String(method)} ${url} has no config.access`)
    }
    if (access === 'public' || access === 'page') route.bodyLimit ??= PUBLIC_BODY_BYTES
    if ((config?.anyOrigin || config?.knows) && access !== 'public')
      throw new MezError(
        'MEZ_ROUTE_UNGUARDED',
        `the route ${String(method)} ${url} has anyOrigin or knows and is not public`,
      )
    if (access === 'public' && (config?.rate === 'pages' || config?.rate === 'sign_in')) attempts.add(url)
    for (const one of [method].flat())
      routes.push({ method: one, url, access, ...(config?.rows && { rows: config.rows }) })
  })
  return { routes, attempts }
}

/** See `AdminRights.rowsOf`. Of several routes, the one with the shortest path is that of the thing itself. */
export function rowsByKind(routes: readonly Route[]): ReadonlyMap<string, RowAccess> {
  const found = new Map<string, Route & { readonly rows: RowAccess }>()
  for (const { rows, ...route } of routes) {
    if (rows === undefined) continue
    const kind = route.access.slice(0, route.access.lastIndexOf('.'))
    const last = found.get(kind)
    const isFirst = last === undefined || last.rows === 'asks'
    if (isFirst || (rows !== 'asks' && route.url.length < last.url.length))
      found.set(kind, { ...route, rows })
  }
  return new Map([...found].map(([kind, { rows }]) => [kind, rows]))
}

/** Finds the right that a call needs. A route whose path is fixed counts more than one with parameters. */
export function rightsOf(routes: readonly Route[]): AdminRights['rightFor'] {
  const keyOf = (method: string, path: string) => `${method} ${path.split('/').length}`
  const sorted = routes.toSorted((one, other) => one.url.split(':').length - other.url.split(':').length)
  const byKey = Map.groupBy(sorted, ({ method, url }) => keyOf(method, url))
  return (method, path) => {
    const access = byKey.get(keyOf(method, path))?.find(({ url }) => matchesPattern(url, path))?.access
    return isAdminRight(access) ? access : null
  }
}

/** The error if no route matches: 404, or 405 with `Allow` if the path has routes for other methods. */
export function nothingHere(
  { method, url }: FastifyRequest,
  reply: FastifyReply,
  routes: readonly Route[],
): Problem {
  const path = url.split('?', 1)[0] ?? ''
  const fitting = routes.filter((route) => matchesPattern(route.url, path))
  const allowed = new Set(fitting.map((route) => route.method))
  if (allowed.size === 0 || allowed.has(method)) return problemFor('not_found')
  reply.header('allow', [...allowed].sort().join(', '))
  return problemFor('method_not_allowed', `${method} is not supported here.`)
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
