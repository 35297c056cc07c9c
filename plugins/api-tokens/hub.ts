import { database, defineHubPlugin, revisions, users, webRoutes } from '@mezite/core'
import { apiTokens, locks } from '@mezite/core/protocol'
import { createApiTokens } from './api-tokens.ts'
import { apiTokenRoutes } from './token-routes.ts'

export default defineHubPlugin({
  name: 'api-tokens',
  api: 1,
  summary: 'Gives programs credentials for the JSON API',
  needs: { database, locks, revisions, users },
  provides: { apiTokens, webRoutes },
  setup({ clock, log, tap, use, provide }) {
    const tokens = createApiTokens({ db: use.database, ...use, clock, log })
    provide.apiTokens(tokens)
    provide.webRoutes(apiTokenRoutes({ apiTokens: tokens }))
    tap.user.released(({ trx, change, key, by }) => tokens.revokeOf(trx, change, key, by))
  },
})
