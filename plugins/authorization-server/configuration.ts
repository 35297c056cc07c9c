import { randomUUID } from 'node:crypto'
import type {
  App,
  Audit,
  Catalog,
  Pages,
  PublicNames,
  SessionLimits,
  Sessions,
  User,
  Users,
} from '@mezite/core'
import type { Adapter, Configuration, KoaContextWithOIDC } from 'oidc-provider'
import type { AppClients } from './app-clients.ts'
import { calls } from './calls.ts'
import type { Consent, Grant } from './consent.ts'
import { devicePages } from './device-pages.ts'
import { ROUTES } from './endpoint-routes.ts'
import { ID_JAG_PROFILE, ID_JAG_TOKEN } from './enterprise.ts'
import { errorPage } from './error-page.ts'
import { interactionPath } from './interactions.ts'
import type { Library } from './library.ts'
import { APP_SCOPE, appOf, readResource } from './resources.ts'

/** How long an access token is valid at most, in seconds. */
const TOKEN_SECONDS = 3_600
const REFRESH_SECONDS = 90 * 86_400
const CODE_SECONDS = 60
const DEVICE_SECONDS = 600
const INTERACTION_SECONDS = 900
const SESSION_SECONDS = 30 * 86_400
/** Clocks of programs may differ by this much. */
const SKEW_SECONDS = 60

/** Claims about a person, for the apps' own sign-in. `sub` is the id of the account: see `findAccount`. */
function claimsOf(user: User, users: Pick<Users, 'rolesOf'>) {
  const { name = null, email = null } = user.profile ?? {}
  return {
    preferred_username: user.name,
    name: name ?? user.name,
    ...(email === null ? {} : { email }),
    groups: users.rolesOf(user.name),
  }
}

interface ConfigurationDeps {
  readonly library: Library
  readonly adapter: (model: string) => Adapter
  readonly secrets: (purpose: string) => Buffer
  readonly catalog: Pick<Catalog, 'byHost' | 'byId'>
  readonly sessions: Pick<Sessions, 'byId'>
  readonly users: Pick<Users, 'byName' | 'rolesOf'>
  readonly pages: Pick<Pages, 'render' | 'languageOf'>
  readonly publicNames: PublicNames
  readonly sessionLimits: SessionLimits | undefined
  readonly registration: boolean
  /** Whether providers may let their people use programs: see `enterprise-grant.ts`. */
  readonly enterprise: boolean
  /** Whether programs get assertions for other authorization servers: see `assertion-issuing.ts`. */
  readonly issuesAssertions: boolean
  readonly audit: Pick<Audit, 'record'>
  readonly appClients: Pick<AppClients, 'appOf'>
  /** Whether the gate lets the person of the call into all of these apps now; undefined: there is no such app. */
  readonly admits: (apps: readonly (App | undefined)[]) => Promise<boolean>
  readonly consentBehind: (grantId: string) => Promise<Consent | undefined>
  readonly fetch: NonNullable<Configuration['fetch']>
  /** Whether the metadata of this client may be fetched for the call. */
  readonly mayFetch: (clientId: string) => Promise<boolean>
  readonly clock: { now(): number }
}

/** What the library is told about this hub. Its defaults that print notices are all replaced. */
export function configure(deps: ConfigurationDeps): Omit<Configuration, 'jwks'> {
  const { library, users, sessions, clock } = deps
  const { errors, interactionPolicy } = library

  /** Seconds until the sign-in of the person behind a grant ends, at most `longest`. */
  function within(ctx: KoaContextWithOIDC | undefined, longest: number): number {
    const { consent } = (ctx?.oidc.entities.Grant ?? {}) as Partial<Grant>
    const anchor = consent === undefined ? undefined : sessions.byId(consent.anchor)
    const left = anchor === undefined ? longest : Math.floor((anchor.expires - clock.now()) / 1_000)
    return Math.max(1, Math.min(longest, left))
  }

  /** The gate decides at each authorization, also for a program that the person has let in before. */
  const policy = interactionPolicy.base()
  const { Check } = interactionPolicy
  policy.get('consent')?.checks.add(
    new Check('gate', 'access is decided by the hub', 'interaction_required', async (ctx) => {
      const { result, client, resourceServers } = ctx.oidc
      if (result?.consent || !client) return Check.NO_NEED_TO_PROMPT
      const own = deps.appClients.appOf(client.clientId)
      const apps = Object.values(resourceServers ?? {}).map(({ audience }) =>
        appOf(deps.catalog, audience ?? ''),
      )
      const all = own === undefined ? apps : [...apps, deps.catalog.byId(own)]
      return (await deps.admits(all)) ? Check.NO_NEED_TO_PROMPT : Check.REQUEST_PROMPT
    }),
  )

  return {
    adapter: deps.adapter as never,
    routes: ROUTES,
    scopes: ['openid', 'profile', 'email', 'groups', 'offline_access', APP_SCOPE],
    claims: {
      openid: ['sub'],
      profile: ['name', 'preferred_username'],
      email: ['email'],
      groups: ['groups'],
    },
    conformIdTokenClaims: false,
    responseTypes: ['code'],
    subjectTypes: ['public'],
    // One that several servers accept could be passed on by any of them (RFC 7523 section 3).
    async assertJwtClientAuthClaimsAndHeader(_ctx, { aud, iat }) {
      if ([aud].flat().length !== 1)
        throw new errors.InvalidClientAuth('the assertion must have one audience')
      if (iat !== undefined && !(Number(iat) * 1_000 <= clock.now() + SKEW_SECONDS * 1_000))
        throw new errors.InvalidClientAuth('the assertion is of the future (iat)')
    },
    clientAuthMethods: ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'],
    clientDefaults: {
      // Loopback redirects of programs may then have any port (RFC 8252), and plain http leads nowhere else.
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
    },
    async loadExistingGrant(ctx) {
      const { result, session, client, provider } = ctx.oidc
      const id =
        (result?.consent as { grantId?: string } | undefined)?.grantId ??
        session?.grantIdFor(client?.clientId ?? '')
      const grant = id === undefined ? undefined : ((await provider.Grant.find(id)) as Grant | undefined)
      return grant?.consent && sessions.byId(grant.consent.anchor) ? grant : undefined
    },
    pkce: { required: (_ctx, client) => client.clientAuthMethod === 'none' },
    rotateRefreshToken: true,
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    // Tokens that depend on a sign-in end with the session in `Consent.anchor`.
    expiresWithSession: () => false,
    clientBasedCORS: (_ctx, origin, client) =>
      (client.redirectUris ?? []).some((uri) => URL.parse(uri)?.origin === origin),
    allowOmittingSingleRegisteredRedirectUri: false,
    cookies: {
      keys: [deps.secrets('cookies').toString('base64url')],
      names: {
        session: '__Host-oauth_session',
        interaction: '__Secure-oauth_interaction',
        resume: '__Secure-oauth_resume',
      },
      long: { httpOnly: true, secure: true, sameSite: 'lax', signed: true, path: '/' },
      short: { httpOnly: true, secure: true, sameSite: 'lax', signed: true },
    },
    ttl: {
      AccessToken: (ctx) => within(ctx, TOKEN_SECONDS),
      AuthorizationCode: CODE_SECONDS,
      DeviceCode: DEVICE_SECONDS,
      Grant: REFRESH_SECONDS,
      IdToken: TOKEN_SECONDS,
      Interaction: INTERACTION_SECONDS,
      RefreshToken: (ctx) => within(ctx, REFRESH_SECONDS),
      Session: SESSION_SECONDS,
    },
    interactions: { policy, url: (_ctx, { uid }) => interactionPath(uid) },
    // The id of an account, and so `sub`, is the holder of the name: apps keep accounts by it, and the next holder of the
    // name must not get the former one's. Tokens of earlier versions have the name.
    async findAccount(_ctx, sub, token) {
      const { grantId } = Object(token) as { grantId?: string }
      const consent = grantId === undefined ? undefined : await deps.consentBehind(grantId)
      const { user: name, holder } = consent ?? calls.getStore()?.hubSession ?? {}
      const user = name === undefined ? undefined : users.byName(name)
      const holds = holder != null && user?.holder === holder
      if (!user || !holds || (consent === undefined && sub !== holder)) return undefined
      return { accountId: sub, claims: () => ({ sub, ...claimsOf(user, users) }) }
    },
    renderError: errorPage(deps.pages),
    fetch: deps.fetch,
    fetchResponseBodyLimits: {
      'client_id metadata document': 5 * 1_024,
      jwks_uri: 64 * 1_024,
      sector_identifier_uri: 1_024,
    },
    features: featuresOf(deps),
    discovery: {
      ...(deps.enterprise && { authorization_grant_profiles_supported: [ID_JAG_PROFILE] }),
      ...(deps.issuesAssertions && { identity_chaining_requested_token_types_supported: [ID_JAG_TOKEN] }),
    },
  }
}

/** Which extensions of the protocol are on. */
function featuresOf(deps: ConfigurationDeps): NonNullable<Configuration['features']> {
  const { errors } = deps.library
  return {
    devInteractions: { enabled: false },
    pushedAuthorizationRequests: { enabled: false },
    rpInitiatedLogout: { enabled: false },
    backchannelLogout: { enabled: true },
    claimsParameter: { enabled: false },
    userinfo: { enabled: true },
    deviceFlow: devicePages(deps.pages, deps.audit),
    dPoP: { enabled: true, nonceSecret: deps.secrets('dpop') },
    revocation: {
      enabled: true,
      allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId,
    },
    introspection: {
      enabled: true,
      allowedPolicy: (_ctx, client, token) =>
        token.clientId === client.clientId && client.clientAuthMethod !== 'none',
    },
    registration: {
      enabled: deps.registration,
      issueRegistrationAccessToken: false,
      // The library's own ids can begin with a hyphen, and a command would take them for an option.
      idFactory: () => randomUUID(),
    },
    clientIdMetadataDocument: {
      enabled: true,
      ack: 'draft-02',
      allowFetch: (_ctx, clientId) => deps.mayFetch(clientId),
      allowClient: () => true,
      cacheDuration: { min: 300, max: 3_600 },
    },
    resourceIndicators: {
      enabled: true,
      // Without a name there is no choice: of several granted apps, the program must name one.
      defaultResource: (_ctx, _client, oneOf) => (oneOf?.length === 1 ? oneOf[0] : oneOf) as string,
      useGrantedResource: () => true,
      getResourceServerInfo(_ctx, resource, client) {
        const known = readResource(resource, deps.publicNames)
        // An app signs people in without asking them, so it gets no token for other apps.
        if (known === null || deps.appClients.appOf(client.clientId) !== undefined)
          throw new errors.InvalidTarget()
        return { scope: APP_SCOPE, audience: known, accessTokenFormat: 'opaque' }
      },
    },
  }
}
