import type {
  Actor,
  App,
  Audit,
  Catalog,
  Clock,
  Database,
  Log,
  Pages,
  PublicNames,
  SecretBox,
  Session,
  SessionLimits,
  Sessions,
  SignInMethod,
  Users,
} from '@mezite/core'
import type { LockView, SigningKeys } from '@mezite/core/identity'
import type { Access, EndReason, Tunnel } from '@mezite/core/protocol'
import type { errors } from 'oidc-provider'
import { type AccessTokens, createAccessTokens } from './access-tokens.ts'
import type { AppClients } from './app-clients.ts'
import { createAssertionIssuing, type IssuedAssertions, registerIssuing } from './assertion-issuing.ts'
import { registerBotGrants, withBots } from './bot-grants.ts'
import { calls } from './calls.ts'
import { clientAdapter } from './client-adapter.ts'
import { configure } from './configuration.ts'
import { consentOf } from './consent.ts'
import { ROUTES } from './endpoint-routes.ts'
import type { EnterpriseTrust } from './enterprise.ts'
import { createEnterpriseGrant } from './enterprise-grant.ts'
import { loadLibrary } from './library.ts'
import { createLogouts, type Logouts } from './logouts.ts'
import { createMetadataFetches } from './metadata-fetches.ts'
import type { OperatorClients } from './operator-clients.ts'
import { createPublishers } from './publishers.ts'
import { createRecords, type Records } from './records.ts'
import { keepErrors, recordRefusals } from './refusals.ts'
import { createRevocationRecord } from './revocation-record.ts'
import { loadSecrets } from './secret.ts'
import { createServer, type Server } from './server.ts'

type Fetch = NonNullable<Parameters<typeof configure>[0]['fetch']>

export interface RunningDeps {
  readonly access: Pick<Access, 'admit'>
  readonly appClients: AppClients
  /** Other authorization servers for which programs get assertions. */
  readonly assertions: readonly IssuedAssertions[]
  readonly operatorClients: OperatorClients
  readonly audit: Audit
  readonly botLogins: Parameters<typeof registerBotGrants>[1]['botLogins'] | undefined
  readonly catalog: Catalog
  /** Origins of the publishers whose programs people may let in; undefined: any. */
  readonly clients: readonly string[] | undefined
  readonly clock: Clock
  readonly database: Database
  /** Providers that let their people use programs. */
  readonly enterprise: readonly EnterpriseTrust[]
  /** For addresses that programs write. */
  readonly fetch: Fetch
  readonly issuer: string
  readonly keys: SigningKeys
  readonly locks: LockView
  readonly log: Log
  /** Whether the app is offered to programs. */
  readonly offered: (app: App) => boolean
  readonly pages: Pages
  readonly publicNames: PublicNames
  readonly registration: boolean
  readonly secretBox: SecretBox
  readonly sessionLimits: SessionLimits | undefined
  readonly sessions: Sessions
  readonly signInMethods: readonly SignInMethod[]
  readonly tunnel: Pick<Tunnel, 'post'>
  readonly users: Users
}

/** The authorization server of a hub that has started. */
export interface Running {
  readonly server: Server
  readonly records: Records
  readonly tokens: AccessTokens
  readonly logouts: Logouts
  /** What a token that the gate refuses is refused with. */
  readonly refusal: typeof errors.InvalidGrant
  /** Removes a program that an operator made, or that registered or published itself, and ends its tokens. */
  removeClient(id: string, by: Actor): Promise<void>
  /** Ends what people gave to programs of publishers that the configuration does not name any more, and what a former provider did. */
  endRefusedClients(): Promise<void>
  /** A session of the hub has ended: deletes what depended on it, notes which apps to tell, and records what was revoked. */
  ended(session: Session, reason: EndReason): Promise<void>
}

/** Loads the library and its state. Called at the start of a hub on which the plugin is turned on. */
export async function startServer(deps: RunningDeps): Promise<Running> {
  const {
    access,
    appClients,
    audit,
    catalog,
    clock,
    database,
    issuer,
    keys,
    log,
    publicNames,
    registration,
  } = deps
  const library = await loadLibrary()
  const thrown = library.errors
  const records = createRecords({ ...deps, thrown })
  const tokens = createAccessTokens({ ...deps, records, thrown })
  const secrets = await loadSecrets(database, deps.secretBox)
  await keys.ensure()

  async function admits(apps: readonly (App | undefined)[]): Promise<boolean> {
    const call = calls.getStore()
    for (const app of apps) {
      if (app === undefined || call?.hubSession === undefined) return false
      const outcome = await access.admit({
        who: { kind: 'hub', sessionId: call.hubSession.id },
        app,
        protocol: app.protocol,
        probe: true,
        interactive: true,
        clientIp: call.clientIp,
        requestId: call.requestId,
      })
      if (outcome.outcome !== 'admitted') return false
    }
    return true
  }

  /** Operators write the addresses of apps; all others come from programs. */
  const fetch: Fetch = (address, options) => {
    const url = String(address instanceof Request ? address.url : address)
    const told = appClients.appsToldAt(url)
    const { hostname, port, protocol } = new URL(url)
    const atHub = protocol === 'https:' && (port === '' ? '' : `:${port}`) === publicNames.portSuffix
    const own = atHub ? told.find(({ id }) => catalog.byHost(hostname)?.id === id) : undefined
    // At its own address, the hub would ask itself for a sign-in.
    if (own !== undefined) return postThrough(deps.tunnel, own, new URL(url), options)
    if (told.length > 0) return globalThis.fetch(url, { ...options, dispatcher: undefined } as RequestInit)
    // A caller that registers has not signed in, and could use the hub to reach other servers.
    if (calls.getStore()?.request.url.startsWith(ROUTES.registration))
      return Promise.reject(new Error('nothing is fetched for a registration'))
    return deps.fetch(url, options)
  }

  const publishers = createPublishers(deps.clients, thrown)
  const metadata = createMetadataFetches({
    clock,
    isKnown: async (clientId) =>
      deps.enterprise.some(({ client_ids }) => client_ids.includes(clientId)) ||
      (await records.list('Grant', { client_id: clientId })).length > 0,
  })
  const issuing = deps.assertions.length === 0 ? null : createAssertionIssuing({ ...deps, records, thrown })
  const configuration = configure({
    ...deps,
    library,
    secrets,
    admits,
    fetch,
    registration,
    enterprise: deps.enterprise.length > 0,
    issuesAssertions: deps.assertions.length > 0,
    mayFetch: metadata.mayFetch,
    async consentBehind(grantId) {
      const row = await records.row('Grant', grantId)
      return row && consentOf(row)
    },
    adapter: (model) => {
      if (model === 'AccessToken') return tokens.adapter
      return model === 'Client'
        ? withBots(clientAdapter({ ...deps, records, thrown }), (id) => issuing?.names(id) ?? false, thrown)
        : tokens.spending(model, records.adapter(model))
    },
  })
  const enterprise =
    deps.enterprise.length === 0
      ? null
      : createEnterpriseGrant({ ...deps, trusts: deps.enterprise, records, thrown })
  const server = createServer({
    library,
    issuer,
    configuration,
    keys,
    log,
    prepare(provider) {
      const { botLogins } = deps
      const exchange = issuing?.exchange
      if (botLogins) registerBotGrants(provider, { ...deps, botLogins, tokens, exchange, thrown })
      if (issuing) registerIssuing(provider, issuing, botLogins !== undefined)
      enterprise?.register(provider)
      const { Client } = provider
      const find = Client.find.bind(Client)
      Client.find = async (id) => {
        publishers.check(id)
        return metadata.find(id, () => find(id))
      }
      const { compareClientSecret } = Client.prototype
      Client.prototype.compareClientSecret = function (actual) {
        return appClients.appOf(this.clientId) === undefined
          ? compareClientSecret.call(this, actual)
          : appClients.accepts(this.clientId, actual)
      }
      recordRefusals(provider, audit)
      keepErrors(provider, (id) => appClients.appOf(id) !== undefined)
    },
  })
  const revoked = createRevocationRecord({ ...deps, records })

  /** Ends everything that people gave a program. `by`: null for the configuration. */
  async function endClient(id: string, by: Actor | null): Promise<void> {
    const anchors = (await records.letIn(id)).map(({ anchor }) => anchor)
    await deps.sessions.end(anchors, 'revoked', by?.subject ?? null)
    await tokens.revoke({ client_id: id })
  }
  const logouts = createLogouts({ database, provider: server.provider, clock, log })

  return {
    server,
    records,
    tokens,
    logouts,
    refusal: thrown.InvalidGrant,
    async removeClient(id, by) {
      // It goes first, so that nobody gets a new token by it meanwhile.
      const made = deps.operatorClients.byId(id) !== undefined
      if (made) await deps.operatorClients.remove(id, by)
      await endClient(id, by)
      if (made) return
      audit.record({ type: 'client.removed', success: true, by, fields: { client: id } })
    },
    async endRefusedClients() {
      const all = await records.letIn()
      const clients = new Set(all.map(({ clientId }) => clientId))
      for (const id of clients) if (!publishers.admits(id)) await endClient(id, null)
      const untrusted = all.filter(
        ({ clientId, assertedBy }) =>
          assertedBy !== undefined &&
          !deps.enterprise.some((one) => one.issuer === assertedBy && one.client_ids.includes(clientId)),
      )
      await deps.sessions.end(
        untrusted.map(({ anchor }) => anchor),
        'revoked',
        null,
      )
    },
    async ended(session, reason) {
      await revoked(session, reason)
      await records.sessionEnded(session.id, (trx, gone) =>
        logouts.add(
          trx,
          gone.flatMap(({ accountId, authorizations }) =>
            Object.entries(authorizations ?? {}).flatMap(([client_id, { sid }]) =>
              accountId && sid && appClients.appOf(client_id) !== undefined
                ? [{ client_id, account: accountId, sid }]
                : [],
            ),
          ),
        ),
      )
    },
  }
}

/** Sends the logout token of an app through the tunnel, as the hub. */
async function postThrough(
  tunnel: Pick<Tunnel, 'post'>,
  app: App,
  { href, pathname, search }: URL,
  options: RequestInit | undefined,
): Promise<Response> {
  const form = await new Request(href, options).text()
  return new Response(null, { status: await tunnel.post(app, pathname + search, form) })
}
