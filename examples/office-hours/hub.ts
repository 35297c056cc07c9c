import { defineHubPlugin, Type } from '@mezite/core'

const Hour = Type.Integer({ minimum: 0, maximum: 24 })

/**
 * Denies access outside working hours, in the hub's time zone. The vote depends on the time, so the tap is not pure: every
 * request is decided again, and live streams are cut at the end of the day.
 */
export default defineHubPlugin({
  name: 'office-hours',
  api: 1,
  summary: 'Denies access outside working hours',
  config: Type.Object({ from: Hour, to: Hour }, { additionalProperties: false }),
  setup({ config, clock, tap }) {
    tap.access.decide((_query, vote) => {
      const hour = new Date(clock.now()).getHours()
      if (hour < config.from || hour >= config.to) vote.deny('outside_office_hours')
    })
  },
})
