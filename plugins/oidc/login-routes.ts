import type { SignInDesk, Users, WebRoutes } from '@mezite/core'
import { type Clock, databaseProblem, isMezError, type Log, Problem, type PublicNames } from '@mezite/core'
import * as client from 'openid-client'
import type { createAttempts } from './attempts.ts'
import { redeemCallback } from './callback.ts'
import { rolesOf, SignInRefused, userNameOf } from './claim-mapping.ts'
import { type Connector, type Connectors, connectorChanged } from './connectors.ts'
import type { Logins } from './logins.ts'
import { type Providers, words } from './providers.ts'
import type { Spent } from './spent-tokens.ts'

const STATE_TTL_MS = 11 * 60_000
const METHOD = 'oidc'
const open = { config: { access: 'public', rate: 'sign_in' } } as const

export interface LoginParts {
  readonly connectors: Connectors
  readonly providers: Providers
  readonly attempts: ReturnType<typeof createAttempts>
  readonly spent: Spent
  readonly logins: Logins
  readonly users: Users
  readonly desk: SignInDesk
  readonly publicNames: PublicNames
  readonly clock: Clock
  readonly log: Log
}

type Request = Parameters<SignInDesk['complete']>[0]
type Reply = Parameters<SignInDesk['complete']>[1]

export const callbackUrl = ({ signInOrigin }: PublicNames, connector: string): string =>
  `${signInOrigin}/v1/webapi/oidc/callback/${connector}`

/** Where a challenge sends the browser; the route sets the attempt's cookie and goes on to the provider. */
export const loginUrl = ({ signInOrigin }: PublicNames, connector: string, state: string): string =>
  `${signInOrigin}/v1/webapi/oidc/login/${connector}?state=${encodeURIComponent(state)}`

/** To the provider and back. */
export function loginRoutes(parts: LoginParts): WebRoutes {
  const { connectors, providers, attempts, spent, logins, users, desk, publicNames } = parts
  const { clock, log } = parts

  async function begin(request: Request, reply: Reply, connector: Connector) {
    const { state } = request.query as { state?: unknown }
    if (typeof state !== 'string' || !desk.open(state)) {
      return refuse(
        request,
        reply,
        connector.name,
        'state_expired',
        400,
        'Open the page that you want again.',
      )
    }
    const provider = await providers.of(connector)
    const { attempt, cookies } = attempts.begin(connector.name, state, request.headers.cookie)
    const target = client.buildAuthorizationUrl(provider.config, {
      redirect_uri: callbackUrl(publicNames, connector.name),
      scope: connector.document.spec.scopes.join(' '),
      state: attempt.state,
      nonce: attempt.nonce,
      code_challenge: await client.calculatePKCECodeChallenge(attempt.verifier),
      code_challenge_method: 'S256',
    })
    reply.header('set-cookie', cookies).header('cache-control', 'no-store')
    return reply.redirect(target.href, 302)
  }

  async function finish(request: Request, reply: Reply, connector: Connector) {
    const query = request.url.slice(request.url.indexOf('?') + 1 || request.url.length + 1)
    const url = new URL(`${callbackUrl(publicNames, connector.name)}?${query}`)
    const state = url.searchParams.getAll('state')
    const found = state.length === 1 ? attempts.find(request.headers.cookie, state[0]!) : null
    if (!found || found.attempt.connector !== connector.name) {
      const detail = 'This browser did not begin this sign-in, or it took too long. Open the page again.'
      return refuse(request, reply, connector.name, 'state_invalid', 400, detail)
    }
    reply.header('set-cookie', found.removal)
    if (!(await spent.spend('state', found.attempt.state, STATE_TTL_MS))) {
      return refuse(request, reply, connector.name, 'state_spent', 400, 'This sign-in was already used.')
    }
    const provider = await providers.of(connector)
    const identity = await redeemCallback({
      connector,
      provider,
      attempt: found.attempt,
      callbackUrl: url,
      clock,
    })
    const { spec } = connector.document
    const name = userNameOf(spec, identity.claims)
    const { roles, unreadable } = rolesOf(spec, identity.claims)
    if (unreadable.length > 0) {
      const fields = { request_id: request.id, connector: connector.name, claims: unreadable }
      log.warn(fields, 'claims are not strings or only referred to (distributed); they give no role')
    }
    const { issuer, sub, sid, idToken } = identity
    const vouched = { name, issuer, sub, connector: connector.name, mappedRoles: roles }
    const user = await users
      // Deleted or changed while the person was at the provider: it maps no roles any more.
      .signIn(vouched, (trx) => connectors.requireSame(trx, connector))
      .catch((error: unknown) => {
        throw nameRefused(error, name)
      })
    return desk.complete(request, reply, {
      user,
      connector: connector.name,
      method: METHOD,
      state: found.attempt.target,
      opened: async (session) => {
        await logins.keep(session, { connector: connector.name, sub, sid, idToken })
        // Deleted or changed since then: its sessions are over already.
        if (connectors.byName(connector.name) !== connector) throw connectorChanged()
      },
    })
  }

  function refuse(
    request: Request,
    reply: Reply,
    connector: string,
    reason: string,
    status: number,
    detail: string,
  ) {
    const audited = false
    return desk.fail(request, reply, { connector, method: METHOD, reason, status, detail, audited })
  }

  /** Whatever goes wrong ends as a page and a log line and, when somebody came back from the provider, as a record. */
  async function guarded(
    request: Request,
    reply: Reply,
    connector: Connector | undefined,
    step: typeof begin,
  ) {
    if (!connector) {
      return refuse(request, reply, 'unknown', 'connector_unknown', 404, 'There is no such connector.')
    }
    try {
      return await step(request, reply, connector)
    } catch (error) {
      const { reason, status, detail } = failureOf(error)
      const fields = { request_id: request.id, connector: connector.name, reason, cause: words(error) }
      log.warn(fields, 'a sign-in failed')
      const what = { connector: connector.name, method: METHOD, reason, status, detail }
      return desk.fail(request, reply, { ...what, audited: step === finish })
    }
  }

  const only = () => {
    const all = connectors.list()
    return all.length === 1 ? all[0] : undefined
  }
  const named = (request: Request) => connectors.byName((request.params as { connector: string }).connector)

  return {
    name: 'oidc-login',
    prefix: '/v1/webapi/oidc',
    routes: async (app) => {
      app.get('/login/:connector', open, (request, reply) => guarded(request, reply, named(request), begin))
      app.get('/callback', open, (request, reply) => guarded(request, reply, only(), finish))
      app.get('/callback/:connector', open, (request, reply) =>
        guarded(request, reply, named(request), finish),
      )
    },
  }
}

function failureOf(error: unknown): { reason: string; status: number; detail: string } {
  if (error instanceof SignInRefused) {
    const denied = ['name_taken', 'name_invalid', 'email_unverified', 'username_missing', 'provider_refused']
    return { reason: error.reason, status: denied.includes(error.reason) ? 403 : 400, detail: error.message }
  }
  const problem = error instanceof Problem ? error : databaseProblem(error)
  if (problem) return { reason: problem.code, status: problem.status, detail: problem.message }
  return { reason: 'sign_in_failed', status: 500, detail: 'The hub could not finish this sign-in.' }
}

function nameRefused(error: unknown, name: string): unknown {
  const shown = JSON.stringify(name.slice(0, 256))
  if (isMezError(error, 'MEZ_USER_NAME_TAKEN')) {
    const detail = `The user name ${shown} belongs to another identity. An administrator can run \`mezctl users relink\`.`
    return new SignInRefused('name_taken', detail)
  }
  if (isMezError(error, 'MEZ_USER_NAME_INVALID')) {
    return new SignInRefused('name_invalid', `The provider names you ${shown}, which is no valid user name.`)
  }
  return error
}
