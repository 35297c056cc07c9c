import { defineHubPlugin, Type } from '@mezite/core'

/** Denies access on the configured days of the week, 0 for Sunday. */
export default defineHubPlugin({
  name: 'my-plugin',
  api: 1,
  summary: 'Denies access on some days of the week',
  config: Type.Closed({ days: Type.Array(Type.Integer({ minimum: 0, maximum: 6 })) }),
  setup({ config, clock, tap }) {
    // Not pure: the vote depends on the time, so the hub asks again for each request.
    tap.access.decide((_query, vote) => {
      const day = new Date(clock.now()).getDay()
      if (config.days.includes(day)) vote.deny('closed_today', { message: 'Come back on another day.' })
    })
  },
})
