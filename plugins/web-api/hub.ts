import {
  adminRights,
  catalog,
  defineHubPlugin,
  grants,
  pages,
  publicNames,
  sessions,
  users,
  webRoutes,
} from '@mezite/core'
import { administration, attention, explanations, findings, hubState } from '@mezite/core/administration'
import { authorities, locks } from '@mezite/core/identity'
import { access } from '@mezite/core/protocol'
import { appRoutes } from './app-routes.ts'
import { createAttention } from './attention.ts'
import { authorityRoutes } from './authority-routes.ts'
import { explanationRoutes } from './explanation-route.ts'
import { tokenRoutes } from './join-token-routes.ts'
import { meRoutes } from './me-routes.ts'
import { reasons } from './reasons.ts'
import { sessionRoutes } from './session-routes.ts'
import { combinedParts, statusParts, statusRoutes } from './status-routes.ts'
import { userRoutes } from './user-routes.ts'
import { whoAndWhatRoutes } from './who-and-what.ts'

/**
 * The JSON API of the hub: what it keeps, its status, what needs attention, and why access is given or denied, for administrators;
 * and what signed-in people read of themselves.
 */
export default defineHubPlugin({
  name: 'web-api',
  api: 1,
  summary: 'Serves the JSON API of what the hub keeps, its status and its decisions, and of signed-in people',
  needs: {
    access,
    adminRights,
    administration,
    authorities,
    catalog,
    explanations,
    grants,
    hubState,
    locks,
    pages,
    publicNames,
    sessions,
    users,
  },
  wants: { findings },
  provides: { attention, webRoutes },
  reasons,
  setup({ clock, log, provide, tap, use }) {
    const { catalog, explanations, hubState, publicNames } = use
    const problems = createAttention({ ...use, clock })
    tap.tunnel.changed(problems.changed)
    provide.attention({ list: problems.list })
    const parts = statusParts({
      clusterName: publicNames.clusterName,
      catalog,
      attention: problems,
      hubState,
    })
    const others = hubState.share('status', () => combinedParts(parts))
    const { plugins, parts: hubParts } = hubState
    provide.webRoutes(statusRoutes({ parts, others, plugins, hubParts, log }))
    provide.webRoutes(explanationRoutes(explanations))
    provide.webRoutes(whoAndWhatRoutes({ ...use, explanations, catalog }))
    provide.webRoutes(appRoutes(use))
    provide.webRoutes(userRoutes(use))
    provide.webRoutes(sessionRoutes(use))
    provide.webRoutes(tokenRoutes(use))
    provide.webRoutes(authorityRoutes({ ...use, clock }))
    provide.webRoutes(meRoutes(use))
  },
})
