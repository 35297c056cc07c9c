import { createHash, timingSafeEqual } from 'node:crypto'
import { defineHubPlugin, Type, verifiers } from '@mezite/core'

const HEADER = 'x-my-plugin-key'

/**
 * Admits requests to one path of some applications by a key in a header, such as those of a monitor that nobody has signed in
 * for. The application gets no identity, but `X-Mezite-Verified` with the name of the rule.
 */
export default defineHubPlugin({
  name: 'my-plugin',
  api: 1,
  summary: 'Admits requests with a key',
  config: Type.Closed({
    apps: Type.Array(Type.String(), { minItems: 1, description: 'Names of the applications' }),
    path: Type.String({ pattern: '^/', description: 'The only path and query that is admitted' }),
    sha256: Type.String({ pattern: '^[0-9a-f]{64}$', description: 'SHA-256 of the key' }),
  }),
  provides: { verifiers },
  setup({ config, provide }) {
    const apps = new Set(config.apps)
    const wanted = Buffer.from(config.sha256, 'hex')
    provide.verifiers({
      name: 'my-plugin',
      // Strangers send keys too, so the cheap comparisons come first.
      verify({ app, method, target, headers }) {
        if (method !== 'GET' || target !== config.path || !apps.has(app.name)) return null
        const keys = headers.filter((_, at) => at % 2 === 1 && headers[at - 1]?.toLowerCase() === HEADER)
        if (keys.length !== 1 || keys[0] === undefined || keys[0].length > 200) return null
        const given = createHash('sha256').update(keys[0]).digest()
        return timingSafeEqual(given, wanted) ? { rule: 'my-plugin' } : null
      },
    })
  },
})
