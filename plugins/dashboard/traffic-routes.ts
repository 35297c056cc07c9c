import { apiRoutes, Type, type WebRoutes } from '@mezite/core'
import { RANGES, type Traffic } from './traffic.ts'

const Latency = Type.Nullable(Type.Number())
const Query = Type.Closed({
  range: Type.Optional(Type.Union([Type.Literal('hour'), Type.Literal('day')], { default: 'hour' })),
  app: Type.Optional(Type.String({ maxLength: 64 })),
})
const figures = {
  requests: Type.Integer(),
  errors: Type.Integer({ description: 'Responses with a status from 500 on' }),
  p50_ms: Latency,
  p95_ms: Latency,
  bytes_in: Type.Integer(),
  bytes_out: Type.Integer(),
}
const Series = Type.Object({
  step_seconds: Type.Integer(),
  points: Type.Array(Type.Object({ time: Type.String(), ...figures, sessions: Type.Integer() })),
})
const Apps = Type.Array(Type.Object({ app: Type.String(), ...figures }))
const { app: _app, ...AppsQuery } = Query.properties

/** `GET /v1/webapi/traffic` and `/apps`: what the cluster forwarded in the last hour or day. */
export const trafficRoutes = (traffic: Traffic): WebRoutes =>
  apiRoutes('traffic', (on) => {
    const series = {
      access: 'traffic.read',
      summary: 'Requests, errors, latency and bytes over time, summed over all hubs',
      querystring: Query,
      returns: Series,
    } as const
    on('GET /', series, async (_, { query }) => {
      const { range = 'hour', app } = query
      return { step_seconds: RANGES[range].stepMs / 1_000, points: await traffic.points(range, app) }
    })
    const byApp = {
      access: 'traffic.list',
      summary: 'Requests, errors, latency and bytes by app, those with most requests first',
      querystring: Type.Closed(AppsQuery),
      returns: Apps,
    } as const
    on('GET /apps', byApp, (_, { query: { range = 'hour' } }) => traffic.apps(range))
  })
