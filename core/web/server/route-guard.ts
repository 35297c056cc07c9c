import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ChangeHold } from '../../api/change-holds.ts'
import type { Bot, CredentialRequest } from '../../api/credentials.ts'
import type { Problem } from '../../api/problem.ts'
import type { ConnectionInfo } from '../../api/protocol.ts'
import type { ProxyLimits } from '../../api/proxy-limits.ts'
import { problemFor } from '../../api/reasons.ts'
import type { Revisions } from '../../api/revisions.ts'
import { isAdminRight } from '../../api/rights.ts'
import type { Subject } from '../../api/subject.ts'
import { addressKey } from '../../base/limits/address-key.ts'
import { createConcurrencyQuota } from '../../base/limits/concurrency-quota.ts'
import { createRateLimit } from '../../base/limits/rate-limit.ts'
import type { ApiCookie } from '../../gate/access/callers.ts'
import { operator } from './admin-socket.ts'
import { type AdministratorOptions, limitToRows, requireGivable } from './administrator.ts'
import { bearerOf } from './caller.ts'
import type { ConfirmationOptions } from './confirmation.ts'
import { CSRF_HEADER, checkCsrf, csrfToken, isSafe } from './csrf.ts'
import { askHolds, enterMade, type Made } from './made-calls.ts'
import { requireCaller } from './route-caller.ts'
import { nothingHere, type Route, tableOf } from './route-table.ts'

/** In calls of pages that nobody has caused. */
const BACKGROUND_HEADER = 'x-mezite-background'

/** How a request arrived: over the admin socket, from the hub itself, or at the hub's own host, with the origin that it named. */
export type Arrival = 'operator' | Made | { readonly info: ConnectionInfo; readonly origin: string }

/** The credentials of an API request: a cookie of the hub's own host, or an `Authorization: Bearer` header. */
export type ApiCredentials =
  | ({ readonly kind: 'cookie' } & ApiCookie)
  | { readonly kind: 'bearer'; readonly token: string }

export interface GuardOptions extends AdministratorOptions, ConfirmationOptions {
  /** Null if the request was not routed here; it is then rejected. */
  readonly arrivalOf: (request: FastifyRequest) => Arrival | null
  /** Recognises the cookies of the hub's own host in a `Cookie` header; null: none. */
  readonly callers: { ofApiCookie(header: string | undefined): ApiCookie | null }
  /** The subject of the credentials with its current roles; null if unknown. `unused`: this is not a use of the session. */
  readonly identify: (
    credentials: ApiCredentials,
    request: CredentialRequest,
    unused?: boolean,
  ) => Promise<Subject | null>
  /** The account of a program; undefined: there is none with this name. Absent: there are none. */
  readonly botOf?: (user: string) => Bot | undefined
  /** Sessions and roles are valid only while their view is fresh. */
  readonly revisions: Pick<Revisions, 'fresh'>
  /** URL at which a visitor signs in and then continues at this path of the sign-in host. */
  readonly signInUrl: (path: string) => string
  readonly limits: Pick<ProxyLimits, 'callsPerMinute' | 'anonymousRequestsPerAddress'>
  /** What may keep changes waiting. Absent: nothing. */
  readonly holds?: readonly ChangeHold[]
}

/**
 * Guards every route: checks host, rate, credentials, freshness, forgery and role, in this order. Adding a route
 * without `config.access` throws `MEZ_ROUTE_UNGUARDED`. Checks the caller again once the body has arrived. Returns the
 * live table of routes.
 */
export function guardRoutes(app: FastifyInstance, options: GuardOptions): readonly Route[] {
  const { arrivalOf, callers, identify, revisions, limits, signInUrl } = options
  const { routes, attempts } = tableOf(app)
  const rates = createRateLimit(options.clock)
  const underWay = createConcurrencyQuota()

  app.addHook('onRequest', async (request, reply) => {
    // Names never contain it, and PostgreSQL rejects it.
    if (request.url.includes('%00')) throw problemFor('bad_request', 'The address contains a NUL character.')
    const arrival = arrivalOf(request)
    request.mayGive = (subject, given) => requireGivable(subject, given, options)
    if (arrival === 'operator') {
      request.subject = operator
      request.identifyAgain = async () => operator
      return
    }
    if (arrival === null) throw problemFor('misdirected_request')
    if ('made' in arrival) return enterMade(request, arrival, options)
    const { info, origin } = arrival
    const { headers, method, url } = request
    request.clientIp = info.clientOf?.(headers['x-forwarded-for']?.toString()) ?? info.clientIp
    const {
      access = 'public',
      rate = access === 'page' ? 'pages' : 'other',
      anyOrigin = false,
    } = request.routeOptions.config
    if (anyOrigin) delete headers.cookie
    const path = url.split('?', 1)[0] ?? url
    const forgery = { method, path, headers, ownOrigin: origin }
    const shown = callers.ofApiCookie(headers.cookie)
    const cookie = shown?.token

    const { knows } = request.routeOptions.config
    if (knows?.(request, info.clientIp)) return void info.authenticated?.()

    const address = addressKey(request.clientIp)
    /** Counts the call against its address until the caller is known. */
    const enter = (): void => {
      if (underWay.take(address, limits.anonymousRequestsPerAddress)) return
      reply.header('retry-after', '1')
      throw problemFor('address_limit')
    }

    if (access === 'public' || access === 'page') {
      if (reply.raw.destroyed) throw problemFor('client_closed')
      enter()
      // Somebody who is signed in is counted by address and person: many people share the address of an office.
      const person =
        shown !== null && revisions.fresh()
          ? await identify({ kind: 'cookie', ...shown }, presentedOf(request, origin)).catch(() => null)
          : null
      if (person || reply.raw.destroyed) underWay.give(address)
      else reply.raw.once('close', () => underWay.give(address))
      // Reject before reading the body: unknown routes have no rate limit for the bytes that would be held.
      if (request.is404) throw nothingHere(request, reply, routes)
      const key = `${request.routeOptions.url ?? '*'} ${address}${person ? ` ${person.user}` : ''}`
      if (!rates.take(key, limits.callsPerMinute[rate])) throw tooMany(reply, 'calls')
      // Failures and attempts under way count. A token that was given out for a valid code proves its caller.
      if (rate === 'tokens') reply.raw.once('finish', () => reply.statusCode < 400 && rates.give(key))
      request.attemptSucceeded = () => {
        for (const url of attempts) rates.give(`${url} ${address}`)
      }
      const { signInOrigin } = options
      if (access === 'page' && origin !== signInOrigin) {
        if (!isSafe(method)) throw problemFor('wrong_host', `This page is at ${signInOrigin}.`)
        return reply.redirect(signInOrigin + url, 302)
      }
      if (access === 'page' && !isSafe(method) && headers.origin === undefined)
        throw problemFor('csrf', 'The call has no Origin header.')
      // Pages post forms without a token header, and the routes read the cookie themselves.
      if (!anyOrigin) checkCsrf({ ...forgery, path: '/web/', cookie })
      if (knows !== undefined) throw problemFor('caller_unknown')
      if (access === 'public') return
    }
    const bearer = access === 'page' ? undefined : bearerOf(headers.authorization)
    if (bearer === undefined && access !== 'page') checkCsrf({ ...forgery, cookie })
    const credentials: ApiCredentials | undefined =
      bearer !== undefined
        ? { kind: 'bearer', token: bearer }
        : shown === null
          ? undefined
          : { kind: 'cookie', ...shown }
    const presented = presentedOf(request, origin)
    // A page that loads what has changed does not show that somebody sits at it.
    const known =
      credentials &&
      ((unused = headers[BACKGROUND_HEADER] !== undefined) => identify(credentials, presented, unused))
    const demandFresh = (): void => {
      if (revisions.fresh()) return
      reply.header('retry-after', '1')
      throw problemFor('view_stale')
    }
    const authorize = (subject: Subject | null): Subject => {
      if (subject === null) {
        if (access === 'page') throw problemFor('login_required')
        reply.header('www-authenticate', 'Bearer')
        throw problemFor('login_required', 'Sign in first, or send a valid token.')
      }
      return requireCaller(subject, request, options)
    }
    demandFresh()
    const guesses = `guesses ${address}`
    if (bearer !== undefined && !rates.has(guesses, limits.callsPerMinute.tokens))
      throw tooMany(reply, 'calls with unknown tokens')
    const entering = credentials && access !== 'page'
    if (entering) enter()
    const subject = known ? await known().finally(() => entering && underWay.give(address)) : null
    if (subject === null && bearer !== undefined) rates.take(guesses, limits.callsPerMinute.tokens)
    // Pages whose sign-in has ended ask as well, so strangers have the limit of pages, on all of these routes together.
    else if (subject === null && !rates.take(`strangers ${address}`, limits.callsPerMinute.pages))
      throw tooMany(reply, 'calls')
    if (subject === null && access === 'page' && isSafe(method)) return reply.redirect(signInUrl(url), 303)
    // A refusal is recorded with the caller.
    if (subject !== null) request.subject = subject
    request.subject = authorize(subject)
    arrival.info.authenticated?.()
    request.identifyAgain = async () => (revisions.fresh() && known ? known(true) : null)
    request.authorizeAgain = async () => {
      demandFresh()
      return authorize(known ? await known() : null)
    }
    if (credentials?.kind === 'cookie' && access !== 'page')
      reply.header(CSRF_HEADER, csrfToken(credentials.token))
  })
  // A lock may have been set while the body arrived.
  app.addHook('preHandler', async (request, reply) => {
    if (request.authorizeAgain) {
      request.subject = await request.authorizeAgain()
      const { access } = request.routeOptions.config
      if (isAdminRight(access)) limitToRows(request, access, request.subject, options)
    }
    return askHolds(request, reply, arrivalOf(request), options)
  })
  return routes
}

function tooMany(reply: FastifyReply, what: string): Problem {
  reply.header('retry-after', '10')
  return problemFor('too_many_requests', `Too many ${what} from this address. Wait a moment.`)
}

/** What an entry of `credentials` may read of a call. */
function presentedOf({ method, url, clientIp, headers }: FastifyRequest, origin: string): CredentialRequest {
  const { authorization } = headers
  const header = (name: string) =>
    name === 'authorization' && authorization !== undefined ? [authorization] : []
  return { method, url: origin + url, clientIp, header }
}
