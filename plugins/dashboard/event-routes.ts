import { apiRoutes, type WebRoutes } from '@mezite/core'
import type { EventStreams } from './event-streams.ts'

/** `GET /v1/webapi/events`. */
export const eventRoutes = (streams: EventStreams): WebRoutes =>
  apiRoutes('events', (on) => {
    const summary = 'Changes of access data as server-sent events'
    on('GET /', { access: 'user', deadlineMs: 0, summary }, (_, { subject, identifyAgain }, reply) => {
      const stream = streams.open({ subject, identifyAgain })
      reply.raw.once('close', () => stream.destroy())
      return reply.type('text/event-stream').header('cache-control', 'no-store').send(stream)
    })
  })
