import type { WebRoutes } from '@mezite/core'
import type { EventStreams } from './event-streams.ts'

/** `GET /v1/webapi/events`. */
export function eventRoutes(streams: EventStreams): WebRoutes {
  return {
    name: 'events',
    prefix: '/v1/webapi/events',
    async routes(web) {
      web.get(
        '/',
        {
          config: { access: 'user', deadlineMs: 0 },
          schema: { summary: 'Changes of access data as server-sent events' },
        },
        async (request, reply) => {
          const { subject, identifyAgain } = request
          const stream = streams.open({ subject, identifyAgain })
          reply.raw.once('close', () => stream.destroy())
          return reply.type('text/event-stream').header('cache-control', 'no-store').send(stream)
        },
      )
    },
  }
}
