import {
  catalog,
  defineHubPlugin,
  migrations,
  requirements,
  revisions,
  sessionLimits,
  users,
  webRoutes,
} from '@mezite/core'
import { explainRoles } from './explanation.ts'
import { rbacMigrations } from './migrations.ts'
import { roleRequirements } from './requirements.ts'
import { previewRoute } from './role-preview.ts'
import { limitsOf, voteByRoles } from './role-set.ts'
import { roleResource } from './roles.ts'

/** Decides access by roles and labels. README.md has the rules. */
export default defineHubPlugin({
  name: 'rbac',
  api: 1,
  summary: 'Decides access by roles and labels',
  needs: { catalog, revisions, users },
  provides: { sessionLimits, migrations, requirements, webRoutes },
  setup({ use, tap, provide, clock, log }) {
    const roles = roleResource.open({ revisions: use.revisions, log, clock })
    provide.migrations(rbacMigrations)
    for (const kind of roleRequirements) provide.requirements(kind)
    provide.sessionLimits(limitsOf(roles))
    for (const routes of roleResource.routes(roles, previewRoute(roles, use))) provide.webRoutes(routes)
    tap.access.decide(
      (query, vote) => {
        voteByRoles(roles, query, vote)
        if (vote.explain) explainRoles(roles.items, query, vote.explain)
      },
      { pure: true },
    )
  },
})
