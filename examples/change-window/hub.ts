import { defineHubPlugin, Type } from '@mezite/core'

const Hour = Type.Integer({ minimum: 0, maximum: 23, description: 'Hour of the day in UTC' })
const closed = { additionalProperties: false } as const

/**
 * Opens an application only in the window that its own document names, except to some roles. The vote depends on the time,
 * so the tap is not pure: each request is decided again, and live streams are cut when the window closes.
 */
export default defineHubPlugin({
  name: 'change-window',
  api: 1,
  summary: 'Opens applications in the window that their documents name',
  config: Type.Object(
    {
      exempt_roles: Type.Array(Type.String(), {
        default: [],
        description: 'Roles that no window applies to',
      }),
    },
    closed,
  ),
  appConfig: Type.Object({ from: Hour, to: Hour }, closed),
  setup({ config, clock, tap, use }) {
    tap.access.decide(({ app, subject }, vote) => {
      const window = use.appConfig(app)
      if (window === null || subject.roles.some((role) => config.exempt_roles.includes(role))) return
      const hour = new Date(clock.now()).getUTCHours()
      const { from, to } = window
      const open = from < to ? hour >= from && hour < to : hour >= from || hour < to
      const message = `${app.name} is open from ${from}:00 to ${to}:00 UTC.`
      if (!open) vote.deny('outside_change_window', { message })
    })
  },
})
