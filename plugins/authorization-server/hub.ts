import {
  type App,
  audit,
  catalog,
  credentials,
  dashboardParts,
  database,
  defineHubPlugin,
  jobs,
  messageOf,
  migrations,
  pages,
  publicNames,
  revisions,
  secretBox,
  sessionLimits,
  sessions,
  signInDesk,
  signInMethods,
  Type,
  users,
  webRoutes,
} from '@mezite/core'
import { botLogins, createSigningKeys, locks } from '@mezite/core/identity'
import { access, tunnel } from '@mezite/core/protocol'
import { appClientRoutes } from './app-client-routes.ts'
import { createAppClients } from './app-clients.ts'
import { IssuedAssertions } from './assertion-issuing.ts'
import { createBotRevocations } from './bot-revocations.ts'
import { clientRoutes, nowRoutes, tokenRoutes } from './client-routes.ts'
import { createConsentPages } from './consent-pages.ts'
import { misplacedToken, tokenCredential } from './credential.ts'
import { createProofCheck } from './dpop.ts'
import { endpointRoutes } from './endpoint-routes.ts'
import { EnterpriseTrust } from './enterprise.ts'
import { createGuardedFetch, type GuardedFetchOptions } from './guarded-fetch.ts'
import { interactionRoutes } from './interactions.ts'
import { serverMigrations, tokenKeys } from './migrations.ts'
import { createOperatorClients } from './operator-clients.ts'
import { programsPage } from './programs-page.ts'
import { ORIGIN } from './publishers.ts'
import { reasons } from './reasons.ts'
import { type Running, startServer } from './running.ts'

const DAILY_MS = 86_400_000
const PURGE_MS = 600_000
const LOGOUT_MS = 5_000

/** Lets programs in as themselves, and people into apps with a sign-in of their own. Its page of the documentation has recipes. */
export default createAuthorizationServer()

/** The plugin. `network`: which addresses that programs write are fetched. */
export function createAuthorizationServer(network: Omit<GuardedFetchOptions, 'ports'> = {}) {
  return defineHubPlugin({
    name: 'authorization-server',
    api: 1,
    summary: 'Lets programs in with OAuth 2 tokens, and signs people in to apps with OpenID Connect',
    config: Type.Closed({
      enabled: Type.Boolean({ default: false, description: 'whether programs can get tokens for apps' }),
      registration: Type.Boolean({
        default: false,
        description: 'whether any program may register itself (RFC 7591)',
      }),
      clients: Type.Optional(
        Type.Array(Type.String({ pattern: ORIGIN, must: 'an origin such as https://claude.ai' }), {
          maxItems: 200,
          description:
            'Origins of the publishers whose programs people may let in; [] for none. Default: any. Programs without published metadata do not count',
          examples: [['https://claude.ai']],
        }),
      ),
      metadata_ports: Type.Array(Type.Integer({ minimum: 1, maximum: 65_535 }), {
        minItems: 1,
        maxItems: 20,
        default: [443],
        description: 'Ports of the addresses at which programs publish their metadata and keys',
      }),
      enterprise: Type.Array(EnterpriseTrust, {
        maxItems: 20,
        default: [],
        description: 'Providers that let their people use programs without a consent of each person (ID-JAG)',
      }),
      assertions: Type.Array(IssuedAssertions, {
        maxItems: 100,
        default: [],
        description:
          'Other authorization servers for which programs get assertions about their people (ID-JAG)',
      }),
    }),
    appConfig: Type.Closed({
      programs: Type.Optional(
        Type.Union([Type.Literal('on'), Type.Literal('off')], {
          description: 'off: the app is not offered to programs. Default: on',
        }),
      ),
    }),
    needs: {
      access,
      audit,
      catalog,
      database,
      jobs,
      locks,
      pages,
      publicNames,
      revisions,
      secretBox,
      sessions,
      signInDesk,
      tunnel,
      users,
    },
    wants: { botLogins, sessionLimits, signInMethods },
    provides: { credentials, dashboardParts, migrations, webRoutes },
    reasons,
    setup({ clock, config, log, tap, use, provide }) {
      provide.migrations(serverMigrations)
      if (!config.enabled) return
      const issuer = use.publicNames.signInOrigin
      const keys = createSigningKeys({ ...use, clock, ...tokenKeys })
      use.revisions.addView(keys.view)
      let running: Running | null = null
      const started = (): Running => {
        if (running === null) throw new Error('the authorization server has not started')
        return running
      }
      const server = () => started().server
      const appClients = createAppClients({ ...use, clock })
      const operatorClients = createOperatorClients({ ...use, clock })
      const { signInDesk: desk, sessionLimits } = use

      const fetch = createGuardedFetch({ ...network, ports: config.metadata_ports })
      const offered = (app: App) => use.appConfig(app)?.programs !== 'off'

      provide.credentials(misplacedToken)
      provide.credentials(
        tokenCredential({
          issuer,
          admits: offered,
          prove: createProofCheck({
            clock,
            takeOnce: async (id, seconds) => (await running?.records.takeOnce(id, seconds)) ?? false,
          }),
        }),
      )
      const { registration } = config
      const revokeOfBot = createBotRevocations({ botLogins: use.botLogins, sessions: use.sessions })
      provide.webRoutes(endpointRoutes({ ...use, server, desk, registration, revokeOfBot }))
      const pages = createConsentPages(use.pages)
      provide.webRoutes(interactionRoutes({ ...use, server, desk, appClients, offered, clock, pages }))
      provide.webRoutes(appClientRoutes({ ...use, appClients, tokens: () => started().tokens }))
      provide.webRoutes(keys.routes)
      provide.webRoutes(clientRoutes({ ...use, appClients, operatorClients, running: started }))
      provide.webRoutes(nowRoutes({ ...use, running: started }))
      provide.webRoutes(tokenRoutes({ ...use, offered, running: started }))
      provide.dashboardParts(programsPage({ ...use, appClients, operatorClients, running: started }))
      use.jobs.add({ name: 'authorization-server-keys', everyMs: DAILY_MS, run: keys.tend })
      use.jobs.add({
        name: 'authorization-server-purge',
        everyMs: PURGE_MS,
        run: async () => running?.records.purge(),
      })
      const telling = use.jobs.add({
        name: 'authorization-server-logouts',
        everyMs: LOGOUT_MS,
        run: async (signal) => running?.logouts.run(signal),
      })
      tap.access.decide(
        ({ subject: { sessionId }, app }, vote) => {
          if (sessionId === null || use.sessions.byId(sessionId)?.kind !== 'token') return
          if (!offered(app)) vote.deny('programs_off')
        },
        { pure: true },
      )
      tap.session.ended(({ session, reason }) => {
        if (session.kind !== 'token' && session.kind !== 'hub') return
        running
          ?.ended(session, reason)
          .then(() => session.kind === 'hub' && telling.runSoon())
          .catch((error) =>
            log.warn({ cause: messageOf(error) }, 'failed to delete what depended on a session'),
          )
      })
      tap.user.released(async ({ trx, key }) => {
        const account = use.users.byName(key)?.holder
        if (account != null) await running?.records.remove({ account }, trx)
      })
      tap.lifecycle.start(async () => {
        running = await startServer({
          ...use,
          appClients,
          operatorClients,
          clients: config.clients,
          clock,
          assertions: config.assertions,
          enterprise: config.enterprise,
          fetch,
          issuer,
          keys,
          log,
          offered,
          registration,
          sessionLimits,
          botLogins: use.botLogins,
        })
        await running.endRefusedClients()
      })
    },
  })
}
