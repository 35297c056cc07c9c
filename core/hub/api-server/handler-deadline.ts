import type { FastifyInstance } from 'fastify'
import { Problem } from '../../api/problem.ts'
import type { Log } from '../../kernel/log.ts'

const HANDLER_MS = 60_000

/**
 * A handler that has sent nothing after 60 s, or its route's `config.deadlineMs`, is answered for: 503 `handler_timeout`,
 * and an error in the log that names the route. A response that has started is not cut.
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
        const detail = 'The request took too long and was given up. Its changes may still be made.'
        reply.send(new Problem(503, 'handler_timeout', detail))
      }, waitMs)
      // A response that was destroyed before emits no close.
      timer.unref()
      reply.raw.once('close', () => clearTimeout(timer))
      return handler.call(this, request, reply)
    }
  })
}
