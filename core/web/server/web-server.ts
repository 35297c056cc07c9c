import type { RequestListener, Server, ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { v7 as uuidv7 } from 'uuid'
import type { Audit } from '../../api/audit.ts'
import { pagePolicy } from '../../api/page-policy.ts'
import type { ProxyLimits } from '../../api/proxy-limits.ts'
import { problemFor } from '../../api/reasons.ts'
import { isAdminRight } from '../../api/rights.ts'
import type { PublicNames, WebRoutes } from '../../api/web-routes.ts'
import { defaultLimits } from '../../base/limits/limits.ts'
import type { RunningAdminRights } from '../../gate/access/admin-rights.ts'
import { type Clock, systemClock } from '../../kernel/clock.ts'
import { isMezError, MezError, messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import type { ServeWeb } from '../../traffic/http/http-options.ts'
import { drainServer, listenAdminSocket, serveAdminSocket } from './admin-socket.ts'
import { explainedLack, isReading } from './administrator.ts'
import { serveDescription } from './api-description.ts'
import { type Cuts, reportCuts } from './cut-response.ts'
import { type RenderError, sendError } from './error-response.ts'
import { writeInTurns } from './long-response.ts'
import { createAdminCalls } from './made-calls.ts'
import { type Arrival, type GuardOptions, guardRoutes } from './route-guard.ts'
import { nothingHere, rightsOf, rowsByKind } from './route-table.ts'
import { compilersFactory } from './schema-check.ts'
import { sharedDecorators } from './shared-decorators.ts'

const BODY_BYTES = 1024 * 1024
/** In UTF-16 units: a user name has at most 256 characters, each of which may take two. */
const LONGEST_NAME = 512

export interface WebServerOptions
  extends Pick<
    GuardOptions,
    | 'botOf'
    | 'callers'
    | 'confirmation'
    | 'holds'
    | 'identify'
    | 'revisions'
    | 'rolesHeld'
    | 'rolesOfHolders'
    | 'signInUrl'
  > {
  /** Gets the rights that the routes need, `rows` of each kind, and which call needs which, once all routes are there. */
  readonly declare?: RunningAdminRights['declare']
  /** Absent: the role `admin` alone has rights. */
  readonly adminRights?: NonNullable<GuardOptions['rights']>
  readonly publicNames: PublicNames
  readonly routes: readonly WebRoutes[]
  /** Asked with each response, because certificates are read after this is made. False with a development certificate. */
  readonly hsts: () => boolean
  /** Program version for the OpenAPI document. */
  readonly version: string
  readonly renderError: RenderError
  /** Records each error response. */
  readonly audit: Pick<Audit, 'record'>
  /** Used for routes with `config.cuts`. */
  readonly cuts?: Cuts
  readonly limits?: Partial<ProxyLimits>
  readonly log: Log
  readonly clock?: Clock
}

/** The hub's own host. */
export type Web = ReturnType<typeof createWebServer>

/** Fastify for pages and the API; it never receives application traffic. */
export function createWebServer(options: WebServerOptions) {
  const { log, clock = systemClock, renderError, audit } = options
  const limits = { ...defaultLimits, ...options.limits }
  const arrivals = new WeakMap<object, Arrival>()
  let admin: Server | undefined
  let drainAdmin: ReturnType<typeof drainServer> | undefined

  const app = Fastify({
    genReqId: () => uuidv7(),
    requestIdHeader: false,
    bodyLimit: BODY_BYTES,
    logger: false,
    routerOptions: { maxParamLength: LONGEST_NAME },
    schemaController: { compilersFactory },
    frameworkErrors: (error, request, reply) => {
      setSecurityHeaders(reply, options.hsts())
      sendError(error, request as FastifyRequest, reply, { log, renderError, audit })
    },
  }) as unknown as FastifyInstance

  app.register(sharedDecorators)
  app.setErrorHandler((error, request, reply) => {
    const send = (one: unknown) => sendError(one, request, reply, { log, renderError, audit })
    // The answer to a call that the hub makes itself goes to another person, or is one of many.
    if (calls.arrivalOf(request.raw) !== null) return send(error)
    return explainedLack(error, request, options)?.then(send) ?? send(error)
  })
  app.addHook('onSend', async (request, reply, payload) => {
    demandReading(reply.raw, payload, limits.requestMs)
    setSecurityHeaders(reply, options.hsts())
    reply.header('x-request-id', request.id)
  })
  const calls = createAdminCalls(app)
  const routes = guardRoutes(app, {
    ...options,
    ...(options.adminRights && { rights: options.adminRights }),
    signInOrigin: options.publicNames.signInOrigin,
    limits,
    clock,
    arrivalOf: ({ raw }) => arrivals.get(raw) ?? calls.arrivalOf(raw),
  })
  limitHandlers(app, log)
  writeInTurns(app)
  if (options.cuts) reportCuts(app, options.cuts)
  app.setNotFoundHandler((request, reply) => {
    throw nothingHere(request, reply, routes)
  })
  serveDescription(app, options)
  for (const { name, prefix, routes: mounted } of options.routes)
    app.register(namedRoutes(name, mounted), { prefix })

  return {
    /** Every route with its access level. */
    routes,
    /** Mounts all routes; rejects if one is unguarded. Call it before `serve`. */
    async start(): Promise<void> {
      await app.ready()
      const rights = new Set(routes.map(({ access }) => access).filter(isAdminRight))
      options.declare?.(rights, rowsByKind(routes), rightsOf(routes))
      const changing = [...rights].filter((right) => !isReading(right))
      for (const hold of options.holds ?? []) hold.opened(calls, changing)
    },
    /** Serves one request from the host router. */
    serve: ((request, response, arrival) => {
      arrivals.set(request, arrival)
      app.routing(request, response)
    }) as ServeWeb,
    /** Also serves requests on the Unix socket, where the caller is the operator: at its path, or as inherited. */
    async listenSocket(at: string | ((server: Server) => Promise<unknown>)): Promise<void> {
      const handler: RequestListener = (request, response) => {
        arrivals.set(request, 'operator')
        app.routing(request, response)
      }
      admin = await (typeof at === 'string' ? listenAdminSocket(at, handler) : serveAdminSocket(handler, at))
      drainAdmin = drainServer(admin)
    },
    /** Waits for requests on the admin socket, and cuts them when the signal aborts. */
    async drain(signal: AbortSignal): Promise<void> {
      await drainAdmin?.(signal)
    },
    async close(): Promise<void> {
      admin?.closeAllConnections()
      await new Promise<void>((resolve) => (admin ? admin.close(() => resolve()) : resolve()))
      await app.close()
    },
  }
}

/** Names the function, by which Fastify reports a hanging plugin, and adds the name to the plugin's errors. */
function namedRoutes(name: string, mounted: WebRoutes['routes']): WebRoutes['routes'] {
  const mount: WebRoutes['routes'] = async (scope, options) => {
    try {
      await mounted(scope, options)
    } catch (cause) {
      const code = isMezError(cause) ? cause.code : 'MEZ_START_FAILED'
      throw new MezError(code, `the web routes '${name}' are not mounted: ${messageOf(cause)}`, { cause })
    }
  }
  const label = `web routes ${name}`
  // Without a display name, Fastify looks for the function among the exports of every loaded CommonJS module.
  const named = Object.assign(mount, { [Symbol.for('fastify.display-name')]: label })
  return Object.defineProperty(named, 'name', { value: label })
}

/** Bytes per millisecond at which a client must read a large response. */
const LEAST_RATE = 10

/**
 * Closes the connection of a client that does not read a response of the hub, which would hold memory and a connection.
 * The client gets `waitMs` plus the time that the response takes at 10 KB/s. Streams have their own rules.
 */
function demandReading(response: ServerResponse, payload: unknown, waitMs: number): void {
  const isWhole = typeof payload === 'string' || Buffer.isBuffer(payload)
  if (!isWhole || response.destroyed) return
  const deadline = setTimeout(() => response.destroy(), waitMs + payload.length / LEAST_RATE)
  deadline.unref()
  response.once('close', () => clearTimeout(deadline))
}

const HANDLER_MS = 30_000

/**
 * Responds 503 `handler_timeout`, and logs an error with the route, if a route and the hooks of its plugin have not sent anything
 * 30 s or the route's `config.deadlineMs` after the request arrived, and again after its body. A response that has started is cut
 * when it stands still for this time, and logged if its route has not ended it.
 */
function limitHandlers(app: FastifyInstance, log: Log): void {
  const timers = new WeakMap<FastifyRequest, NodeJS.Timeout>()
  app.addHook('onRequest', (request, reply, done) => {
    const { config, method, url } = request.routeOptions
    const waitMs = config.deadlineMs ?? HANDLER_MS
    if (waitMs === 0) return done()
    const { raw } = reply
    const timer = setTimeout(() => {
      if (raw.destroyed) return
      // The route has ended it: the client does not read, or the connection owes it an earlier response.
      if (raw.writableEnded) return void raw.destroy()
      const fields = { request_id: request.id, route: `${String(method)} ${url}`, waited_ms: waitMs }
      if (reply.sent || raw.headersSent) {
        log.error(fields, 'a route began a response and did not end it')
        return void raw.destroy()
      }
      log.error(fields, 'a route handler did not respond in time')
      const detail = 'The request took too long. Its changes may still be made.'
      reply.send(problemFor('handler_timeout', detail))
    }, waitMs)
    // A response that was already destroyed does not emit close.
    timer.unref()
    timers.set(request, timer)
    raw.once('close', () => clearTimeout(timer))
    const { write } = raw
    raw.write = ((...args: Parameters<typeof write>) => {
      timer.refresh()
      return write.apply(raw, args)
    }) as typeof write
    done()
  })
  app.addHook('preHandler', (request, _reply, done) => {
    timers.get(request)?.refresh()
    done()
  })
}

const POLICY = pagePolicy()

/**
 * Sets the headers of every response of the hub's own host; keeps a route's own policy, caching and referrer headers.
 */
function setSecurityHeaders(reply: FastifyReply, hsts: boolean): void {
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
