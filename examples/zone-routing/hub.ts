import { defineHubPlugin, Type } from '@mezite/core'

/**
 * Prefers agents in the zone of the hub: `zones` maps host names of agents to zones. Agents elsewhere serve only when no
 * agent in the zone is connected. The order among equals stays as it was, so load is still shared.
 */
export default defineHubPlugin({
  name: 'zone-routing',
  api: 1,
  summary: 'Prefers agents in the zone of the hub',
  config: Type.Object(
    { zone: Type.String({ minLength: 1 }), zones: Type.Record(Type.String(), Type.String()) },
    { additionalProperties: false },
  ),
  setup({ config, tap }) {
    const zones = new Map(Object.entries(config.zones))
    tap.tunnel.route((links) => {
      const near = links.filter(({ hostname }) => zones.get(hostname) === config.zone)
      return near.length > 0 ? near : undefined
    })
  },
})
