import {
  adminRights,
  audit,
  catalog,
  dashboardParts,
  database,
  defineHubPlugin,
  grants,
  migrations,
  pages,
  publicNames,
  revisions,
  secretBox,
  sessions,
  signInDesk,
  signInMethods,
  users,
  webRoutes,
} from '@mezite/core'
import { administration } from '@mezite/core/administration'
import { confirmations, locks } from '@mezite/core/identity'
import { createRateLimit } from '@mezite/core/protocol'
import type { Statements } from '@mezite/core/types'
import { accountRoutes } from './account-routes.ts'
import { adminRoutes } from './admin-routes.ts'
import { createAssets } from './assets.ts'
import { createCeremonies } from './ceremonies.ts'
import { WebauthnConfig, type WebauthnSettings } from './config.ts'
import { confirmPath, confirmRoutes, confirmSessionPath } from './confirm-routes.ts'
import { dashboardPage } from './dashboard-page.ts'
import { type Deps, isLocal, PASSKEY } from './deps.ts'
import { enrolRoutes } from './enrol-routes.ts'
import { createLinks } from './enrolment-links.ts'
import { createHardwareKeys } from './hardware-keys.ts'
import { invitationPage } from './invitation-page.ts'
import { invitationRoutes } from './invitation-routes.ts'
import { createInvitations } from './invitations.ts'
import { createInviters } from './inviters.ts'
import { mfaRoutes, mfaUrl } from './mfa-routes.ts'
import { webauthnMigrations } from './migrations.ts'
import { createPages } from './pages.ts'
import { createKeys } from './passkeys.ts'
import { programRoutes } from './program-routes.ts'
import { reasons } from './reasons.ts'
import { signInForm, signInRoutes, signInUrl } from './sign-in-routes.ts'
import { statementRoutes } from './statement-routes.ts'

/** Passkeys: confirmation for each app session, if a role requires it, and sign-in without a provider. */
export default defineHubPlugin({
  name: 'webauthn',
  api: 1,
  summary: 'Asks for passkeys, to confirm and to sign in',
  config: WebauthnConfig,
  needs: {
    ...{ administration, adminRights, audit, catalog, database, grants, locks, pages, publicNames },
    ...{ revisions, secretBox, sessions, signInDesk, users },
  },
  provides: { confirmations, dashboardParts, migrations, signInMethods, webRoutes },
  reasons,
  setup({ config, clock, log, tap, use, provide }) {
    const settings: WebauthnSettings = config
    const { publicNames } = use
    const assets = createAssets()
    const statements: Statements[] = []
    const deps: Deps = {
      ceremonies: createCeremonies(use.database, use.secretBox, clock),
      keys: createKeys(use.database, use.revisions, clock),
      links: createLinks(use.database, use.revisions, clock),
      invitations: createInvitations(use.database, use.revisions, clock),
      inviters: createInviters(use),
      administration: use.administration,
      hardware: createHardwareKeys(settings.hardware_key, log),
      firstKey: settings.first_key ?? 'self',
      party: {
        get rpId() {
          return new URL(publicNames.signInOrigin).hostname
        },
        get origin() {
          return publicNames.signInOrigin
        },
      },
      pages: createPages({ pages: use.pages, publicNames, assets }),
      languageOf: ({ headers }) => use.pages.languageOf(headers['accept-language']),
      statements,
      rates: createRateLimit(clock),
      users: use.users,
      sessions: use.sessions,
      catalog: use.catalog,
      desk: use.signInDesk,
      revisions: use.revisions,
      audit: use.audit,
      publicNames,
      clock,
      log,
    }

    provide.migrations(webauthnMigrations)
    provide.confirmations({
      pathTo: confirmPath,
      pathOf: confirmSessionPath,
      add: (one) => void statements.push(one),
    })
    provide.webRoutes(confirmRoutes(deps))
    provide.signInMethods({
      name: 'webauthn',
      choices: () => (use.users.list().some(isLocal) ? [{ id: PASSKEY, title: 'a passkey' }] : []),
      form: (reply, { state }) => (use.users.list().some(isLocal) ? signInForm(deps, reply, state) : null),
      begin: (_request, reply, { state }) => reply.redirect(signInUrl(publicNames.signInOrigin, state), 302),
    })
    tap.access.challenge(({ requirement, state }) =>
      requirement.name === 'session-mfa'
        ? {
            location: mfaUrl(
              publicNames.signInOrigin,
              requirement.level === 'webauthn' ? 'webauthn' : 'hardware_key',
              state,
            ),
          }
        : null,
    )
    const routes = [
      mfaRoutes,
      programRoutes,
      statementRoutes,
      signInRoutes,
      accountRoutes,
      enrolRoutes,
      adminRoutes,
      invitationPage,
      invitationRoutes,
    ]
    for (const make of routes) provide.webRoutes(make(deps))
    provide.webRoutes(assets.webRoutes)
    provide.dashboardParts(dashboardPage(deps))
  },
})
