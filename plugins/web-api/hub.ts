import {
  catalog,
  defineHubPlugin,
  grants,
  pages,
  publicNames,
  requirements,
  sessions,
  users,
  webRoutes,
} from '@mezite/core'
import { administration, hubState } from '@mezite/core/administration'
import { authorities, locks } from '@mezite/core/identity'
import { access } from '@mezite/core/protocol'
import { appRoutes } from './app-routes.ts'
import { authorityRoutes } from './authority-routes.ts'
import { tokenRoutes } from './join-token-routes.ts'
import { meRoutes } from './me-routes.ts'
import { sessionRoutes } from './session-routes.ts'
import { userRoutes } from './user-routes.ts'

/** The JSON API of what the hub itself keeps, for administrators, and of what signed-in people read of themselves. */
export default defineHubPlugin({
  name: 'web-api',
  api: 1,
  summary:
    'Serves the JSON API of apps, users, sessions, join tokens and authorities, and of signed-in people',
  needs: {
    access,
    administration,
    authorities,
    catalog,
    grants,
    hubState,
    locks,
    pages,
    publicNames,
    sessions,
    users,
  },
  wants: { requirements },
  provides: { webRoutes },
  setup({ clock, provide, use }) {
    provide.webRoutes(appRoutes(use))
    provide.webRoutes(userRoutes(use))
    provide.webRoutes(sessionRoutes(use))
    provide.webRoutes(tokenRoutes(use))
    provide.webRoutes(authorityRoutes({ ...use, clock }))
    provide.webRoutes(meRoutes(use))
  },
})
