import {
  adminRights,
  credentials,
  database,
  defineHubPlugin,
  revisions,
  users,
  webRoutes,
} from '@mezite/core'
import { locks } from '@mezite/core/identity'
import { createApiTokens } from './api-tokens.ts'
import { reasons } from './reasons.ts'

export default defineHubPlugin({
  name: 'api-tokens',
  api: 1,
  summary: 'Gives programs credentials for the JSON API',
  needs: { adminRights, database, locks, revisions, users },
  provides: { credentials, webRoutes },
  reasons,
  setup({ clock, log, tap, use, provide }) {
    const tokens = createApiTokens({ db: use.database, ...use, clock, log })
    provide.credentials({
      name: 'api-token',
      from: 'header',
      at: 'api',
      headers: ['authorization'],
      read(value) {
        const subject = tokens.identify(value.replace(/^Bearer /, ''))
        return subject && { kind: 'subject', subject }
      },
    })
    provide.webRoutes(tokens.routes)
    tap.user.released(({ trx, change, key, by }) => tokens.revokeOf(trx, change, key, by))
  },
})
