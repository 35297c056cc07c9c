import { defineHubPlugin, Type } from '@mezite/core'

/** People that are counted at a time; each costs about 100 bytes. */
const MOST_PEOPLE = 100_000

/** Refuses the requests of a person to an app beyond a number a minute, and says when to try again. Each hub counts for itself. */
export default defineHubPlugin({
  name: 'rate-limit',
  api: 1,
  summary: 'Limits the requests of a person to an app',
  appConfig: Type.Object(
    {
      per_minute: Type.Integer({ minimum: 1, description: 'Requests of one person to the app in a minute' }),
    },
    { additionalProperties: false },
  ),
  setup({ clock, tap, use }) {
    const counts = new Map<string, number>()
    let minute = 0

    tap.http.request((request, { app, subject, refuse }) => {
      const limit = use.appConfig(app)?.per_minute
      if (limit === undefined || subject === null) return request
      const now = clock.now()
      if (Math.floor(now / 60_000) !== minute || counts.size > MOST_PEOPLE) {
        minute = Math.floor(now / 60_000)
        counts.clear()
      }
      const key = `${app.id} ${subject.user}`
      const count = (counts.get(key) ?? 0) + 1
      counts.set(key, count)
      if (count > limit)
        refuse({
          status: 429,
          reason: 'too_many_requests',
          message: `At most ${limit} requests a minute. Wait a moment, then try again.`,
          headers: { 'retry-after': String(Math.ceil((minute + 1) * 60 - now / 1_000)) },
        })
      return request
    })
  },
})
