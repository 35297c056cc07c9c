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
import { roleRoutes, roleSchemaRoutes } from './role-routes.ts'
import { limitsOf, voteByRoles } from './role-set.ts'
import { createRoles } from './roles.ts'

/** Decides access by roles and labels. README.md has the rules. */
export default defineHubPlugin({
  name: 'rbac',
  api: 1,
  summary: 'Decides access by roles and labels',
  needs: { catalog, revisions, users },
  provides: { sessionLimits, migrations, requirements, webRoutes },
  setup({ use, tap, provide, clock, log }) {
    const roles = createRoles({ revisions: use.revisions, log, now: () => clock.now() })
    provide.migrations(rbacMigrations)
    for (const kind of roleRequirements) provide.requirements(kind)
    provide.sessionLimits(limitsOf(roles.compiled))
    provide.webRoutes(roleRoutes(roles, use))
    provide.webRoutes(roleSchemaRoutes)
    tap.access.decide(
      (query, vote) => {
        voteByRoles(roles.compiled(), query, vote)
        if (vote.explain) explainRoles(roles.get, query, vote.explain)
      },
      { pure: true },
    )
  },
})
