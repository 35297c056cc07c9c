import { defineHubPlugin, Type } from '@mezite/core'

/**
 * Blocks paths of applications by prefix, and rewrites headers in both directions. Slashes are merged before a path is
 * compared, because many servers read `//admin` as `/admin`; the hub has normalised everything else.
 */
export default defineHubPlugin({
  name: 'path-block',
  api: 1,
  summary: 'Blocks paths of applications and rewrites headers',
  config: Type.Object(
    {
      /** Blocked path prefixes, by the name of the app. */
      blocked: Type.Object({}, { additionalProperties: Type.Array(Type.String({ pattern: '^/' })) }),
    },
    { additionalProperties: false },
  ),
  setup({ config, tap }) {
    const blocked = new Map(Object.entries(config.blocked as Record<string, string[]>))

    tap.http.request((request, { app, refuse }) => {
      const path = `${request.path.replace(/\/{2,}/g, '/')}/`.toLowerCase()
      const prefix = blocked
        .get(app.name)
        ?.find((each) => path.startsWith(each.replace(/\/?$/, '/').toLowerCase()))
      if (prefix !== undefined) refuse('path_blocked', `${prefix} of ${app.name} is not open to anybody.`)
      return { ...request, headers: [...request.headers, 'X-Checked-By', 'path-block'] }
    })

    tap.http.response((response) => {
      const headers = response.headers.filter(
        (_, i, all) => !/^(?:server|x-powered-by)$/i.test(all[i - (i % 2)] ?? ''),
      )
      return { ...response, headers: [...headers, 'X-Frame-Options', 'DENY'] }
    })
  },
})
