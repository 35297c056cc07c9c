import {
  audit,
  database,
  defineHubPlugin,
  jobs,
  migrations,
  pages,
  publicNames,
  revisions,
  type Session,
  secretBox,
  sessions,
  signInDesk,
  signInMethods,
  users,
  webRoutes,
} from '@mezite/core'
import { isLoopback, locks } from '@mezite/core/identity'
import { createAttempts } from './attempts.ts'
import { backchannelRoute } from './backchannel-route.ts'
import { connectorTestRoute } from './connector-test-route.ts'
import { createConnectors } from './connectors.ts'
import { createDrafts } from './drafts.ts'
import { loginSteps } from './login.ts'
import { createLogins } from './logins.ts'
import { oidcMigrations } from './migrations.ts'
import { createProviders, isAllowedUrl } from './providers.ts'
import { reasons } from './reasons.ts'
import { createRecheck, RECHECK_LOOK_MS } from './recheck.ts'
import { securityEventRoute } from './security-events.ts'
import { createSignInTest } from './sign-in-test.ts'
import { createSpent } from './spent-tokens.ts'

export default defineHubPlugin({
  name: 'oidc',
  api: 1,
  summary: 'Signs people in through an OpenID provider',
  needs: {
    audit,
    revisions,
    database,
    jobs,
    locks,
    pages,
    publicNames,
    sessions,
    signInDesk,
    users,
    secretBox,
  },
  provides: { migrations, signInMethods, webRoutes },
  reasons,
  setup({ clock, log, use, provide }) {
    const { secretBox, database, publicNames } = use
    const connectors = createConnectors({ ...use, clock, log })
    const providers = createProviders({ connectors, clock })
    const attempts = createAttempts(secretBox, clock)
    const spent = createSpent(database, clock)
    const logins = createLogins(database, secretBox, clock)
    const drafts = createDrafts(secretBox, clock)
    const signInTest = createSignInTest({ ...use, connectors, drafts, desk: use.signInDesk, clock })
    const deps = { ...use, connectors, providers, attempts, drafts, spent, logins, signInTest, clock, log }
    const { beginTest, ...steps } = loginSteps(deps)

    provide.migrations(oidcMigrations)
    provide.signInMethods({
      name: 'oidc',
      choices: () =>
        connectors.list().map(({ name, document: { metadata, spec } }) => ({
          id: name,
          title: metadata.description || name,
          host: new URL(spec.issuer_url).hostname,
        })),
      ...steps,
      signOut,
      adopt: (from, made) => logins.adopt(from, made),
    })
    provide.webRoutes(backchannelRoute(deps))
    provide.webRoutes(securityEventRoute(deps))
    use.jobs.add({ name: 'oidc-recheck', everyMs: RECHECK_LOOK_MS, jitterMs: 0, run: createRecheck(deps) })
    const { resource, collection } = connectors
    provide.webRoutes(resource.routes(collection, connectorTestRoute(connectors, deps)))
    provide.webRoutes(signInTest.routes(beginTest))

    /** RP-initiated logout, where the provider has an end-session endpoint. */
    async function signOut(session: Session): Promise<string | null> {
      const connector = session.connector === null ? undefined : connectors.byName(session.connector)
      if (!connector) return null
      const hint = await logins.idTokenOf(session)
      if (hint === null) return null
      const { methods, metadata } = await providers.of(connector)
      const local = isLoopback(new URL(metadata.issuer).hostname)
      if (!isAllowedUrl(metadata.end_session_endpoint, local)) return null
      const { buildEndSessionUrl } = await import('openid-client')
      return buildEndSessionUrl(methods[0]!.config, {
        id_token_hint: hint,
        post_logout_redirect_uri: `${publicNames.signInOrigin}/web/signed-out`,
      }).href
    }
  },
})
