import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Credentials } from '../../api/hub-hooks.ts'
import { Problem } from '../../api/problem.ts'
import type { ConnectionInfo } from '../../api/protocol.ts'
import type { ProxyLimits } from '../../api/proxy-limits.ts'
import type { Revisions } from '../../api/revisions.ts'
import type { Subject } from '../../api/subject.ts'
import type { RouteAccess } from '../../api/web-routes.ts'
import type { Clock } from '../../kernel/clock.ts'
import { MezError } from '../../kernel/error.ts'
import { addressKey } from '../limits/address-key.ts'
import { createConcurrencyQuota } from '../limits/concurrency-quota.ts'
import { createRateLimit } from '../limits/rate-limit.ts'
import { operator } from './admin-socket.ts'
import { readCookie } from './cookie.ts'
import { CSRF_HEADER, checkCsrf, csrfToken } from './csrf.ts'
import { nothingHere } from './not-found.ts'

/** The hub's own session cookie. */
export const HUB_COOKIE = '__Host-mezite_session'

/** Of a call by nobody in particular: an address may have many under way, and each holds what has come of its body. */
const PUBLIC_BODY_BYTES = 64 * 1024

const ACCESS: readonly unknown[] = ['public', 'user', 'admin'] satisfies RouteAccess[]

export type WebCredentials = Extract<Credentials, { kind: 'hub-cookie' | 'bearer' }>

export interface Route {
  readonly method: string
  readonly url: string
  readonly access: RouteAccess
}

/** How a request came: over the admin socket, or routed to the hub's own host with the origin that it named. */
export type Arrival = 'operator' | { readonly info: ConnectionInfo; readonly origin: string }

export interface GuardOptions {
  /** Null: nothing has routed the request here, so it is refused. */
  readonly arrivalOf: (request: FastifyRequest) => Arrival | null
  /** Who holds the credentials, with the roles in force now; null: nobody that is known. */
  readonly identify: (credentials: WebCredentials) => Promise<Subject | null>
  /** Sessions and roles are only believed while the view of them is fresh. */
  readonly revisions: Pick<Revisions, 'fresh'>
  readonly limits: Pick<ProxyLimits, 'callsPerMinute' | 'anonymousRequestsPerAddress'>
  readonly clock: Clock
}

/**
 * Puts one guard before every route: host, rate, credentials, freshness, forgery, role, in this order. A route
 * that does not state `config.access` throws `MEZ_ROUTE_UNGUARDED` while it is added. Who calls is judged once more when
 * the body is there. Returns the live table.
 */
export function guardRoutes(app: FastifyInstance, options: GuardOptions): readonly Route[] {
  const { arrivalOf, identify, revisions, limits } = options
  const routes: Route[] = []
  const rates = createRateLimit(options.clock)
  const underWay = createConcurrencyQuota()

  app.decorateRequest('subject', null as unknown as Subject)
  app.decorateRequest('clientIp', '')
  app.decorateRequest('actor', {
    getter() {
      const { subject, clientIp, id, judgeAgain } = this
      return { subject, clientIp, id, stillMay: async () => void (await judgeAgain?.()) }
    },
  })
  app.decorateRequest('identifyAgain', async () => null)
  app.decorateRequest('judgeAgain', null)
  app.addHook('onRoute', (route) => {
    const { method, url, config } = route
    const access = config?.access
    if (access === undefined || !ACCESS.includes(access)) {
      throw new MezError(
        'MEZ_ROUTE_UNGUARDED',
        `the route ${String(method)} ${url} does not say who may call it`,
      )
    }
    if (access === 'public') route.bodyLimit ??= PUBLIC_BODY_BYTES
    for (const one of [method].flat()) routes.push({ method: one, url, access })
  })

  app.addHook('onRequest', async (request, reply) => {
    // No name has one, and PostgreSQL answers it with an error.
    if (request.url.includes('%00'))
      throw new Problem(400, 'bad_request', 'The address holds a NUL character.')
    const arrival = arrivalOf(request)
    if (arrival === 'operator') {
      request.subject = operator
      request.identifyAgain = async () => operator
      return
    }
    if (arrival === null) {
      throw new Problem(421, 'misdirected_request', 'This connection does not serve that host.')
    }
    const { info, origin } = arrival
    const { headers, method, url } = request
    request.clientIp = info.clientOf?.(headers['x-forwarded-for']?.toString()) ?? info.clientIp
    const { access = 'public', rate = 'other' } = request.routeOptions.config
    const path = url.split('?', 1)[0] ?? url
    const forgery = { method, path, headers, ownOrigin: origin }
    const cookie = readCookie(headers.cookie, HUB_COOKIE)

    const address = addressKey(request.clientIp)
    /** Until it is known who calls, the place that a call takes is its address's. */
    const enter = (): void => {
      if (underWay.take(address, limits.anonymousRequestsPerAddress)) return
      reply.header('retry-after', '1')
      throw new Problem(
        429,
        'address_limit',
        'Too many calls from this address are under way; wait a little.',
      )
    }

    if (access === 'public') {
      if (reply.raw.destroyed) throw new Problem(400, 'client_closed', 'The caller has gone.')
      enter()
      reply.raw.once('close', () => underWay.give(address))
      // Before anything of a body is read: here no rate bounds how much of it would be held.
      if (request.is404) throw nothingHere(request, reply, routes)
      const key = `${request.routeOptions.url ?? '*'} ${address}`
      if (!rates.take(key, limits.callsPerMinute[rate])) {
        reply.header('retry-after', '10')
        throw new Problem(
          429,
          'too_many_requests',
          'There were too many calls from this address; wait a little.',
        )
      }
      // No token here: forms are posted to public pages that read the cookie themselves.
      return checkCsrf({ ...forgery, path: '/web/', cookie })
    }
    const bearer = bearerOf(headers.authorization)
    if (bearer === undefined) checkCsrf({ ...forgery, cookie })
    const credentials: WebCredentials | undefined =
      bearer !== undefined
        ? { kind: 'bearer', token: bearer }
        : cookie === undefined
          ? undefined
          : { kind: 'hub-cookie', token: cookie }
    const demandFresh = (): void => {
      if (revisions.fresh()) return
      reply.header('retry-after', '1')
      throw new Problem(
        503,
        'view_stale',
        'The hub cannot see the newest sessions and roles; try again shortly.',
      )
    }
    const judge = (subject: Subject | null): Subject => {
      if (subject === null) {
        reply.header('www-authenticate', 'Bearer')
        throw new Problem(401, 'login_required', 'Sign in first, or give a valid token.')
      }
      if (access === 'admin' && !subject.roles.includes('admin')) {
        throw new Problem(403, 'access_denied', 'Only the role admin may do this.')
      }
      return subject
    }
    demandFresh()
    const guesses = `guesses ${address}`
    if (bearer !== undefined && !rates.has(guesses, limits.callsPerMinute.tokens)) {
      reply.header('retry-after', '10')
      throw new Problem(
        429,
        'too_many_requests',
        'There were too many calls with unknown tokens from this address; wait a little.',
      )
    }
    if (credentials) enter()
    const subject = credentials ? await identify(credentials).finally(() => underWay.give(address)) : null
    if (subject === null && bearer !== undefined) rates.take(guesses, limits.callsPerMinute.tokens)
    request.subject = judge(subject)
    request.identifyAgain = async () => (revisions.fresh() && credentials ? identify(credentials) : null)
    request.judgeAgain = async () => {
      demandFresh()
      return judge(credentials ? await identify(credentials) : null)
    }
    if (credentials?.kind === 'hub-cookie') reply.header(CSRF_HEADER, csrfToken(credentials.token))
  })
  // A body may take as long as it takes a lock to be set.
  app.addHook('preHandler', async (request) => {
    if (request.judgeAgain) request.subject = await request.judgeAgain()
  })
  return routes
}

/** A token in an `Authorization` header; an empty string when the header is there and unusable. */
function bearerOf(authorization: string | undefined): string | undefined {
  if (authorization === undefined) return undefined
  return /^Bearer ([A-Za-z0-9._~+/=-]{1,4096})$/i.exec(authorization)?.[1] ?? ''
}
