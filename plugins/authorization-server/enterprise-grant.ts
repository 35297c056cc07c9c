import {
  type App,
  type Audit,
  type Catalog,
  type Clock,
  Problem,
  type PublicNames,
  type Sessions,
  type SignInMethod,
  type Users,
} from '@mezite/core'
import type Provider from 'oidc-provider'
import type { errors, KoaContextWithOIDC } from 'oidc-provider'
import type { AppClients } from './app-clients.ts'
import { calls } from './calls.ts'
import type { Grant } from './consent.ts'
import { accountOf, type EnterpriseTrust, JWT_BEARER } from './enterprise.ts'
import { createEnterpriseKeys, IssuerSilent } from './enterprise-keys.ts'
import { AssertionRefused, createAssertionCheck, type IdentityAssertion } from './identity-assertion.ts'
import { programOf } from './program-name.ts'
import type { Records } from './records.ts'
import { APP_SCOPE, appOf, readResource } from './resources.ts'

/** How long the access that one assertion gives lasts at most, in milliseconds. The program brings another one then. */
const ACCESS_MS = 3_600_000

export interface EnterpriseGrantDeps {
  readonly trusts: readonly EnterpriseTrust[]
  readonly issuer: string
  readonly appClients: Pick<AppClients, 'appOf'>
  readonly audit: Pick<Audit, 'record'>
  readonly catalog: Pick<Catalog, 'byHost'>
  readonly clock: Clock
  /** Whether the app is offered to programs. */
  readonly offered: (app: App) => boolean
  readonly publicNames: PublicNames
  readonly records: Pick<Records, 'takeOnce'>
  readonly sessions: Pick<Sessions, 'open' | 'end'>
  readonly signInMethods: readonly Pick<SignInMethod, 'choices'>[]
  readonly users: Pick<Users, 'list'>
  readonly thrown: Pick<
    typeof errors,
    'InvalidGrant' | 'InvalidRequest' | 'InvalidScope' | 'InvalidTarget' | 'TemporarilyUnavailable'
  >
}

/** For the options of the library. Made once, because it caches the keys of the providers. */
export function createEnterpriseGrant(deps: EnterpriseGrantDeps) {
  const { trusts, audit, catalog, clock, publicNames, records, sessions, users, thrown } = deps
  const check = createAssertionCheck({ ...deps, keysOf: createEnterpriseKeys({ clock }) })

  /** Programs that the configuration names, and that prove to be themselves. An app's own sign-in opens no other app. */
  const mayPresent = (clientId: string, authentication: string | undefined): boolean =>
    trusts.some(({ client_ids }) => client_ids.includes(clientId)) &&
    authentication !== 'none' &&
    deps.appClients.appOf(clientId) === undefined

  async function verified(jwt: unknown, clientId: string): Promise<IdentityAssertion> {
    try {
      return await check(jwt, clientId)
    } catch (error) {
      if (error instanceof AssertionRefused) throw new thrown.InvalidGrant(error.message)
      if (error instanceof IssuerSilent)
        throw new thrown.TemporarilyUnavailable('the issuer does not respond')
      throw error
    }
  }

  /** The one app that the assertion is for. A request may narrow an assertion, and there is nothing to narrow here. */
  function targetOf({ resource, scopes }: IdentityAssertion, asked: Readonly<Record<string, unknown>>) {
    const known = readResource(resource, publicNames)
    const app = known === null ? undefined : appOf(catalog, known)
    if (known === null || app === undefined || !deps.offered(app))
      throw new thrown.InvalidTarget('resource of the assertion must be the address of one app')
    if (asked.resource !== undefined && readResource(String(asked.resource), publicNames) !== known)
      throw new thrown.InvalidTarget('resource is another one than that of the assertion')
    const wanted = asked.scope === undefined ? [APP_SCOPE] : String(asked.scope).split(' ')
    if (!wanted.includes(APP_SCOPE) || !wanted.every((scope) => scopes.includes(scope)))
      throw new thrown.InvalidScope('the assertion does not have this scope', APP_SCOPE)
    return { resource: known, app }
  }

  /** A provider whose connector was removed, or leads elsewhere now, says nothing about its people any more. */
  const isConnected = ({ connector, issuer }: EnterpriseTrust): boolean =>
    deps.signInMethods
      .flatMap((method) => method.choices())
      .some(({ id, host }) => id === connector && (host ?? null) === new URL(issuer).hostname)

  async function handle(provider: Provider, ctx: KoaContextWithOIDC): Promise<void> {
    const call = calls.getStore()!
    const client = ctx.oidc.client!
    const params = ctx.oidc.params as Readonly<Record<string, unknown>>
    if (ctx.get('dpop') !== '' || client.dpopBoundAccessTokens)
      throw new thrown.InvalidRequest('tokens of this grant are not bound to a key')
    const assertion = await verified(params.assertion, client.clientId)
    const { trust, sub, jti } = assertion
    const { resource, app } = targetOf(assertion, params)
    const user = accountOf(users, trust, sub)
    if (user === null) throw new thrown.InvalidGrant('nobody has signed in by the connector as this person')
    call.provenUser = user.name
    if (!(await records.takeOnce(`id-jag ${trust.issuer} ${jti}`, assertion.rememberSeconds)))
      throw new thrown.InvalidGrant('the assertion was used before')
    const program = programOf(client, {}).name
    const { session: anchor } = await sessions
      .open({
        kind: 'token',
        user: user.name,
        holder: user.holder,
        connector: trust.connector,
        apps: [],
        client: program,
        clientIp: call.clientIp,
        expires: clock.now() + ACCESS_MS,
      })
      .catch(asGrantError)
    try {
      // After the session is open, this hub knows every change that came before it.
      if (!isConnected(trust)) throw new thrown.InvalidGrant('no connector of this name leads to the issuer')
      const grant: Grant = new provider.Grant({ accountId: user.holder, clientId: client.clientId })
      grant.addResourceScope(resource, APP_SCOPE)
      grant.consent = {
        user: user.name,
        holder: user.holder,
        anchor: anchor.id,
        program,
        assertedBy: trust.issuer,
      }
      const grantId = await grant.save()
      ctx.oidc.entity('Grant', grant)
      const token = new provider.AccessToken({
        accountId: user.holder,
        client,
        grantId,
        gty: JWT_BEARER,
        expiresWithSession: false,
        scope: APP_SCOPE,
      } as never)
      token.resourceServer = new provider.ResourceServer(resource, {
        scope: APP_SCOPE,
        audience: resource,
        accessTokenFormat: 'opaque',
      })
      const access_token = await token.save().catch(asGrantError)
      // Once the gate has let the person in.
      audit.record({
        type: 'user.login',
        success: true,
        user: user.name,
        sessionId: anchor.id,
        clientIp: call.clientIp,
        requestId: call.requestId,
        fields: {
          method: 'id_jag',
          connector: trust.connector,
          program,
          client: client.clientId,
          name: app.name,
          session: anchor.id,
        },
      })
      ctx.body = { access_token, token_type: token.tokenType, expires_in: token.expiration, scope: APP_SCOPE }
    } catch (error) {
      await sessions.end([anchor.id], 'denied', null)
      throw error
    }
  }

  /** The person was removed meanwhile, or their session is locked. */
  function asGrantError(error: unknown): never {
    if (!(error instanceof Problem)) throw error
    if (error.status < 500) throw new thrown.InvalidGrant(`the hub opens no session (${error.code})`)
    throw new thrown.TemporarilyUnavailable(error.code)
  }

  return {
    register(provider: Provider): void {
      const { prototype } = provider.Client
      const { grantTypeAllowed } = prototype
      prototype.grantTypeAllowed = function (name) {
        return name === JWT_BEARER
          ? mayPresent(this.clientId, this.clientAuthMethod)
          : grantTypeAllowed.call(this, name)
      }
      provider.registerGrantType(JWT_BEARER, ((ctx: KoaContextWithOIDC) => handle(provider, ctx)) as never, [
        ...['assertion', 'scope', 'resource'],
      ])
    },
  }
}
