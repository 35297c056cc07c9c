import type { FastifyInstance } from 'fastify'
import { Problem } from '../../api/problem.ts'
import type { Log } from '../../kernel/log.ts'

const HANDLER_MS = 60_000

/**
 * Responds 503 `handler_timeout`, and logs an error with the route, if a handler has not sent anything after 60 s or its
 * route's `config.deadlineMs`. Does not cut a response that has started.
 */
export function limitHandlers(app: FastifyInstance, log: Log): void {
  app.addHook('onRoute', (route) => {
    const { handler, method, url } = route
    const waitMs = route.config?.deadlineMs ?? HANDLER_MS
    if (waitMs === 0) return
    route.handler = function (request, reply) {
      const timer = setTimeout(() => {
        if (reply.sent || reply.raw.headersSent || reply.raw.destroyed) return
        const fields = { request_id: request.id, route: `${String(method)} ${url}`, waited_ms: waitMs }
        log.error(fields, 'a route handler did not respond in time')
        const detail = 'The request took too long. Its changes may still be made.'
        reply.send(new Problem(503, 'handler_timeout', detail))
      }, waitMs)
      // A response that was already destroyed does not emit close.
      timer.unref()
      reply.raw.once('close', () => clearTimeout(timer))
      return handler.call(this, request, reply)
    }
  })
}
