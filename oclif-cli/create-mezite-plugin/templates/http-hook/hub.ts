import { defineHubPlugin, Type } from '@mezite/core'

/** Adds a header to each request to an application, and refuses paths with a prefix. */
export default defineHubPlugin({
  name: 'my-plugin',
  api: 1,
  summary: 'Adds a header, and blocks paths by prefix',
  config: Type.Closed({ blocked: Type.Array(Type.String({ pattern: '^/' }), { default: [] }) }),
  setup({ config, tap }) {
    tap.http.request((request, { refuse }) => {
      const prefix = config.blocked.find((one) => request.path.startsWith(one))
      if (prefix !== undefined) refuse('path_blocked', `${prefix} is not open to anybody.`)
      return { ...request, headers: [...request.headers, 'X-Checked-By', 'my-plugin'] }
    })
  },
})
