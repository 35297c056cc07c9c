import { defineHubPlugin, Type } from '@mezite/core'
import { bannerLine } from './banner.ts'
import { RequestCounts } from './request-counts.ts'

/**
 * Rules about messages of applications: blocks paths by prefix, rewrites headers in both directions, limits the requests of a
 * person, and marks the pages of test systems. Each hub counts for itself.
 */
export default defineHubPlugin({
  name: 'http-rules',
  api: 1,
  summary: 'Blocks paths, rewrites headers, limits requests and marks pages',
  config: Type.Closed({
    blocked: Type.Record(Type.String(), Type.Array(Type.String({ pattern: '^/' })), {
      default: {},
      description: 'App to its blocked path prefixes',
    }),
    banners: Type.Record(Type.String(), Type.String({ minLength: 1 }), {
      default: {},
      description: 'App to the line at the top of its pages',
    }),
  }),
  appConfig: Type.Closed({
    per_minute: Type.Integer({ minimum: 1, description: 'Requests of one person to the app in a minute' }),
  }),
  setup({ config, clock, tap, use }) {
    const blocked = new Map(Object.entries(config.blocked))
    const banners = new Map(Object.entries(config.banners))
    const counts = new RequestCounts()

    tap.http.request((request, { app, subject, refuse }) => {
      // Many servers read `//admin` as `/admin`; the hub has normalised everything else.
      const path = `${request.path.replace(/\/{2,}/g, '/')}/`.toLowerCase()
      const prefix = blocked
        .get(app.name)
        ?.find((each) => path.startsWith(each.replace(/\/?$/, '/').toLowerCase()))
      if (prefix !== undefined) refuse('path_blocked', `${prefix} of ${app.name} is not open to anybody.`)
      const limit = use.appConfig(app)?.per_minute
      if (limit !== undefined && subject !== null) {
        const wait = counts.add(`${app.id} ${subject.user}`, limit, clock.now())
        const message = `At most ${limit} requests a minute. Wait a moment, then try again.`
        const headers = { 'retry-after': String(wait) }
        if (wait > 0) refuse({ status: 429, reason: 'too_many_requests', message, headers })
      }
      // Bytes can only be changed if the app does not compress them.
      const kept = banners.has(app.name) ? without(request.headers, /^accept-encoding$/i) : request.headers
      return { ...request, headers: [...kept, 'X-Checked-By', 'http-rules'] }
    })

    tap.http.response((response, { app, transform }) => {
      const banner = banners.get(app.name)
      const type = response.headers.find((_, at, all) => at % 2 === 1 && /^content-type$/i.test(all[at - 1]!))
      if (banner !== undefined && type?.startsWith('text/html') && response.status !== 206)
        transform(() => bannerLine(banner))
      const kept = without(response.headers, /^(?:server|x-powered-by)$/i)
      return { ...response, headers: [...kept, 'X-Frame-Options', 'DENY'] }
    })
  },
})

/** Names and values in turn, without the lines of these names. */
const without = (headers: readonly string[], names: RegExp): string[] =>
  headers.filter((_, at) => !names.test(headers[at - (at % 2)]!))
