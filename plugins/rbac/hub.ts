import {
  adminRights,
  adminRoles,
  catalog,
  dashboardParts,
  database,
  defineHubPlugin,
  grants,
  migrations,
  requirements,
  revisions,
  roleRules,
  sessionLimits,
  Type,
  users,
  webRoutes,
} from '@mezite/core'
import { explanations } from '@mezite/core/administration'
import { locks } from '@mezite/core/identity'
import { adminExplanationRoute } from './admin-explanation.ts'
import { explainRoles } from './explanation.ts'
import { rbacMigrations } from './migrations.ts'
import { reasons } from './reasons.ts'
import { roleRequirements } from './requirements.ts'
import { lackExplainer } from './right-holders.ts'
import { rightsPanel } from './rights-panel.ts'
import { previewRoute } from './role-preview.ts'
import { readRoles } from './role-rules.ts'
import { limitsOf, voteByRoles } from './role-set.ts'
import { versionsRoute } from './role-versions.ts'
import { defineRoles } from './roles.ts'

/** Decides access by roles and labels. The page how-to/roles of the documentation has the rules. */
export default defineHubPlugin({
  name: 'rbac',
  api: 1,
  summary: 'Decides access by roles and labels',
  config: Type.Closed({
    admin: Type.Optional(
      Type.Closed(
        Type.Optionals({
          confirm_changes: Type.Duration({
            description: 'Each change needs a confirmation with a passkey that is not older',
          }),
          admin_idle_timeout: Type.Duration({
            description:
              'A sign-in to the dashboard or a command line ends after this time without a request',
          }),
        }),
        { description: 'Options of the built-in role admin, which has no document' },
      ),
    ),
  }),
  needs: { adminRights, catalog, database, explanations, grants, locks, revisions, users },
  wants: { roleRules },
  provides: { adminRoles, dashboardParts, sessionLimits, migrations, requirements, webRoutes },
  reasons,
  setup({ config, use, tap, provide, clock, log }) {
    const resource = defineRoles(use.roleRules, use.adminRights.declared)
    const roles = resource.open({ revisions: use.revisions, log, clock })
    provide.migrations(rbacMigrations)
    for (const kind of roleRequirements) provide.requirements(kind)
    const { confirm_changes: confirmMs = 0, admin_idle_timeout: idleMs = 0 } = config.admin ?? {}
    provide.sessionLimits(limitsOf(roles, { confirmMs, idleMs }))
    provide.adminRoles({
      rulesOf: (role) => (roles.unreadable.has(role) ? null : roles.items.get(role)?.rights),
      all: () => [...roles.items.values()].map(({ rights }) => rights),
      explainLack: lackExplainer({ ...use, roles }),
    })
    provide.webRoutes(adminExplanationRoute({ ...use, roles }))
    provide.dashboardParts(rightsPanel({ ...use, roles }))
    const preview = previewRoute(roles, use, use.roleRules)
    const versions = versionsRoute(use.database, use.roleRules)
    provide.webRoutes(
      resource.routes(roles, (on) => {
        preview(on)
        versions(on)
      }),
    )
    for (const rule of use.roleRules) rule.attach(readRoles(roles))
    tap.access.decide(
      (query, vote) => {
        voteByRoles(roles, query, vote)
        if (vote.explain) explainRoles(roles.items, query.subject.roles, query.app, vote.explain)
      },
      { pure: true },
    )
  },
})
