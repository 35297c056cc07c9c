import {
  audit,
  catalog,
  credentials,
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
  Type,
  users,
  webRoutes,
} from '@mezite/core'
import { access, botLogins, createSigningKeys } from '@mezite/core/protocol'
import type Provider from 'oidc-provider'
import { createAccessTokens } from './access-tokens.ts'
import { registerBotGrants, withBots } from './bot-grants.ts'
import { configure } from './configuration.ts'
import { createConsentPages } from './consent-pages.ts'
import { tokenCredential } from './credential.ts'
import { createProofCheck } from './dpop.ts'
import { interactionRoutes } from './interactions.ts'
import { loadLibrary } from './library.ts'
import { serverMigrations, tokenKeys } from './migrations.ts'
import { endpointRoutes } from './mount.ts'
import { createRecords, type Records } from './records.ts'
import { loadSecrets } from './secret.ts'
import { createServer, type Server } from './server.ts'

const DAILY_MS = 86_400_000
const PURGE_MS = 600_000

/** Lets programs in as themselves, and people into apps with a sign-in of their own. README.md has recipes. */
export default defineHubPlugin({
  name: 'authorization-server',
  api: 1,
  summary: 'Lets programs in with OAuth 2 tokens, and signs people in to apps with OpenID Connect',
  config: Type.Object(
    {
      enabled: Type.Boolean({ default: false, description: 'whether programs can get tokens for apps' }),
      registration: Type.Boolean({
        default: false,
        description: 'whether any program may register itself (RFC 7591)',
      }),
    },
    { additionalProperties: false },
  ),
  needs: {
    access,
    audit,
    catalog,
    database,
    jobs,
    pages,
    publicNames,
    revisions,
    secretBox,
    sessions,
    signInDesk,
    users,
  },
  wants: { botLogins, sessionLimits },
  provides: { credentials, migrations, webRoutes },
  setup({ clock, config, log, tap, use, provide }) {
    provide.migrations(serverMigrations)
    if (!config.enabled) return
    const issuer = use.publicNames.signInOrigin
    const keys = createSigningKeys({ ...use, clock, ...tokenKeys })
    use.revisions.addView(keys.view)
    let running: { readonly server: Server; readonly records: Records } | null = null
    const server = (): Server => {
      if (running === null) throw new Error('the authorization server has not started')
      return running.server
    }
    const appClients = { appOf: () => undefined }

    provide.credentials(
      tokenCredential({
        issuer,
        admits: () => true,
        prove: createProofCheck({
          clock,
          takeOnce: async (id, seconds) => (await running?.records.takeOnce(id, seconds)) ?? false,
        }),
      }),
    )
    const { signInDesk: desk, publicNames } = use
    provide.webRoutes(endpointRoutes({ server, desk, publicNames, registration: config.registration }))
    provide.webRoutes(
      interactionRoutes({
        ...use,
        ...{ server, desk, appClients, clock },
        sessionLimits: use.sessionLimits,
        pages: createConsentPages(use.pages),
      }),
    )
    use.jobs.add({ name: 'authorization-server-keys', everyMs: DAILY_MS, run: keys.tend })
    use.jobs.add({
      name: 'authorization-server-purge',
      everyMs: PURGE_MS,
      run: async () => running?.records.purge(),
    })
    tap.session.ended(({ session }) => {
      if (session.kind !== 'token' && session.kind !== 'hub') return
      running?.records
        .sessionEnded(session.id)
        .catch((error) => log.warn({ cause: messageOf(error) }, 'failed to delete the grants of a session'))
    })
    tap.user.released(async ({ trx, key }) => {
      await running?.records.remove({ account: key }, trx)
    })
    tap.lifecycle.start(async () => {
      const library = await loadLibrary()
      const thrown = library.errors
      const records = createRecords({ ...use, clock, thrown })
      const tokens = createAccessTokens({ ...use, records, clock, log, thrown })
      const secrets = await loadSecrets(use.database, use.secretBox)
      await keys.ensure()
      const configuration = configure({
        ...use,
        ...{ library, secrets, registration: config.registration, clock },
        sessionLimits: use.sessionLimits,
        adapter(model) {
          if (model === 'AccessToken') return tokens.adapter
          return model === 'Client' ? withBots(records.adapter(model)) : records.adapter(model)
        },
      })
      const { botLogins: logins } = use
      const prepare = (provider: Provider): void => {
        if (logins) registerBotGrants(provider, { ...use, botLogins: logins, tokens, clock, thrown })
      }
      const made = createServer({ ...{ library, issuer, configuration, keys, log }, prepare })
      running = { server: made, records }
    })
  },
})
