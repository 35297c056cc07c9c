import { randomBytes } from 'node:crypto'
import {
  type App,
  type Audit,
  type Catalog,
  type Clock,
  Problem,
  type PublicNames,
  type Sessions,
} from '@mezite/core'
import type { BotLogins, ProvenBot } from '@mezite/core/identity'
import type Provider from 'oidc-provider'
import type { Adapter, errors, KoaContextWithOIDC } from 'oidc-provider'
import type { AccessTokens } from './access-tokens.ts'
import { BOT, TOKEN_EXCHANGE } from './bot-proofs.ts'
import { calls } from './calls.ts'
import { ACCESS_TOKEN } from './credential.ts'
import { APP_SCOPE, appOf, readResource } from './resources.ts'

const GRANTS = ['client_credentials', TOKEN_EXCHANGE]

export interface BotGrantDeps {
  readonly botLogins: BotLogins
  readonly tokens: Pick<AccessTokens, 'admitted'>
  readonly sessions: Pick<Sessions, 'open'>
  readonly catalog: Pick<Catalog, 'byHost'>
  readonly publicNames: PublicNames
  readonly audit: Pick<Audit, 'record'>
  /** Whether the app is offered to programs. */
  readonly offered: (app: App) => boolean
  readonly clock: Clock
  /** Token exchange of a program that is not a bot; undefined: there is none. */
  readonly exchange?: ((ctx: KoaContextWithOIDC) => Promise<void>) | undefined
  readonly thrown: Pick<
    typeof errors,
    'InvalidClient' | 'InvalidClientAuth' | 'InvalidTarget' | 'TemporarilyUnavailable' | 'UnauthorizedClient'
  >
}

/** Clients of the library: those that it stores, and each bot that a token request presents. `isNamed`: programs that exchange tokens too. */
export function withBots(
  stored: Adapter,
  isNamed: (clientId: string) => boolean,
  thrown: Pick<typeof errors, 'InvalidClient'>,
): Adapter {
  return {
    ...stored,
    async find(id) {
      if (!id.startsWith(BOT)) {
        const found = await stored.find(id)
        // Only bots get in by these grants.
        if (!found && !isNamed(id) && GRANTS.includes(calls.getStore()?.grant ?? ''))
          throw new thrown.InvalidClient(
            `no bot has this client_id: it is "${BOT}" and the name, such as ${BOT}ci`,
          )
        return found
      }
      if (calls.getStore()?.bot?.user !== id) return undefined
      // Its proof was taken out of the request: the grant verifies it.
      return {
        client_id: id,
        token_endpoint_auth_method: 'none',
        grant_types: GRANTS,
        redirect_uris: [],
        response_types: [],
      }
    },
  }
}

/** The grants of bots: `client_credentials` (RFC 6749, 7523), and token exchange (RFC 8693) with an ID token. */
export function registerBotGrants(provider: Provider, deps: BotGrantDeps): void {
  const { botLogins, tokens, sessions, catalog, publicNames, audit, clock, thrown } = deps

  async function prove(grant: string): Promise<ProvenBot> {
    const call = calls.getStore()!
    const { bot, clientIp, requestId } = call
    const exchange = grant === TOKEN_EXCHANGE
    const proof = bot?.proof ?? null
    if (bot === undefined || proof === null || exchange !== (proof.kind === 'id_token'))
      throw new thrown.InvalidClientAuth('the request must present exactly one proof that this grant takes')
    try {
      const proven = await botLogins.prove({ bot: bot.user, proof, clientIp, requestId })
      call.provenUser = proven.user
      return proven
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      // Its proof was right, and yet it may not come in.
      if (error.status === 403) call.provenUser = bot.user
      if (error.status === 401) throw new thrown.InvalidClientAuth(error.code)
      if (error.status === 403) throw new thrown.UnauthorizedClient(error.code)
      throw new thrown.TemporarilyUnavailable(error.code)
    }
  }

  const handlerOf = (name: string) => async (ctx: KoaContextWithOIDC) => {
    const call = calls.getStore()!
    if (name === TOKEN_EXCHANGE && call.bot === undefined && deps.exchange) return deps.exchange(ctx)
    const { user, holder, roles, longestMs, by, actsFor } = await prove(name)
    const { resource } = ctx.oidc.params as { resource?: unknown }
    const known = typeof resource === 'string' ? readResource(resource, publicNames) : null
    const app = known === null ? undefined : appOf(catalog, known)
    if (app === undefined || !deps.offered(app))
      throw new thrown.InvalidTarget('resource must be the address of one app, such as https://app.example/')
    const secret = randomBytes(32).toString('base64url')
    const { session } = await sessions.open({
      kind: 'token',
      token: secret,
      user,
      holder,
      apps: [app.id],
      client: by,
      clientIp: call.clientIp,
      expires: clock.now() + longestMs,
    })
    try {
      await tokens.admitted(session, app)
    } catch (error) {
      // A bot has proved itself, so that its operator may know which policy refuses it.
      const { error_detail: detail } = error as { error_detail?: string }
      throw detail === undefined ? error : new thrown.UnauthorizedClient(detail)
    }
    audit.record({
      type: 'token.issued',
      success: true,
      user,
      roles,
      actsFor,
      sessionId: session.id,
      clientIp: call.clientIp,
      requestId: call.requestId,
      fields: { name: app.name, client: user, program: by, kind: 'access' },
    })
    ctx.body = {
      access_token: ACCESS_TOKEN + secret,
      token_type: 'Bearer',
      // A role may allow less than the bot.
      expires_in: Math.max(1, Math.floor((session.expires - clock.now()) / 1_000)),
      scope: APP_SCOPE,
      ...(name === TOKEN_EXCHANGE && { issued_token_type: 'urn:ietf:params:oauth:token-type:access_token' }),
    }
  }
  provider.registerGrantType('client_credentials', handlerOf('client_credentials') as never, [
    'scope',
    'resource',
  ])
  provider.registerGrantType(TOKEN_EXCHANGE, handlerOf(TOKEN_EXCHANGE) as never, [
    ...['scope', 'resource', 'audience', 'subject_token', 'subject_token_type', 'requested_token_type'],
  ])
}
