import { defineHubPlugin, Type } from '@mezite/core'
import { createNetworks, isNetwork } from '@mezite/core/identity'

const Hour = Type.Integer({ minimum: 0, maximum: 24, description: "Hour of the day in the hub's time zone" })
const hours = { from: Hour, to: Hour }

/**
 * Denies access outside working hours, except to some roles and networks. The document of an application may have hours of
 * its own. The vote depends on the time, so the tap is not pure: every request is decided again, and live streams are cut
 * at the end.
 */
export default defineHubPlugin({
  name: 'office-hours',
  api: 1,
  summary: 'Denies access outside working hours',
  config: Type.Closed({
    ...hours,
    exempt_roles: Type.Array(Type.String(), { default: [], description: 'Roles that may enter at any hour' }),
    exempt_networks: Type.Array(Type.String(), {
      default: [],
      description: 'Addresses and networks from which people may enter at any hour',
    }),
  }),
  validate: ({ exempt_networks: networks }) =>
    networks.flatMap((one, at) =>
      isNetwork(one)
        ? []
        : [{ path: ['exempt_networks', String(at)], message: 'must be a network such as 10.0.0.0/8' }],
    ),
  appConfig: Type.Closed(hours),
  setup({ config, clock, tap, use }) {
    const networks = createNetworks(config.exempt_networks)
    tap.access.decide(({ app, subject, context: { clientIp } }, vote) => {
      if (subject.roles.some((role) => config.exempt_roles.includes(role))) return
      // It is null when an administrator asks for an explanation.
      if (clientIp !== null && networks.has(clientIp)) return
      const { from, to } = use.appConfig(app) ?? config
      const hour = new Date(clock.now()).getHours()
      const open = from < to ? hour >= from && hour < to : hour >= from || hour < to
      const message = `${app.name} is open from ${from}:00 to ${to}:00.`
      if (!open) vote.deny('outside_office_hours', { message })
    })
  },
})
