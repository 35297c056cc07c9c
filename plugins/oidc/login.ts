import {
  type Clock,
  databaseProblem,
  isMezError,
  type Log,
  Problem,
  type PublicNames,
  type SignInDesk,
  SignInFailure,
  type SignInMethod,
  type Users,
} from '@mezite/core'
import type { ServerMetadata } from 'openid-client'
import type { Attempt, createAttempts } from './attempts.ts'
import { type Identity, redeemCallback } from './callback.ts'
import { profileOf, rolesOf, SignInRefused, userNameOf } from './claim-mapping.ts'
import { type Connector, type Connectors, callbackUrl, connectorChanged } from './connectors.ts'
import type { Drafts } from './drafts.ts'
import type { Logins } from './logins.ts'
import { type Providers, providerError } from './providers.ts'
import { atProvider, problemFor, reasons } from './reasons.ts'
import { nextCheckOf } from './recheck.ts'
import type { SignInTest } from './sign-in-test.ts'
import type { Spent } from './spent-tokens.ts'

const STATE_TTL_MS = 11 * 60_000

export interface LoginDeps {
  readonly connectors: Connectors
  readonly providers: Providers
  readonly attempts: ReturnType<typeof createAttempts>
  readonly drafts: Drafts
  readonly spent: Spent
  readonly logins: Logins
  readonly users: Users
  readonly signInTest: SignInTest
  readonly publicNames: PublicNames
  readonly clock: Clock
  readonly log: Log
}

type Request = Parameters<SignInDesk['complete']>[0]
type Reply = Parameters<SignInDesk['complete']>[1]

/** The redirect to the provider and the return from it. A choice is a connector's name. */
export function loginSteps(deps: LoginDeps): Required<Pick<SignInMethod, 'begin' | 'callback' | 'isTest'>> & {
  readonly beginTest: Parameters<SignInTest['routes']>[0]
} {
  const { connectors, providers, attempts, drafts, spent, logins, users } = deps
  const { signInTest, publicNames, clock, log } = deps

  function connectorOf(name: string): Connector {
    const connector = connectors.byName(name)
    if (connector) return connector
    throw problemFor('connector_unknown', 'This way to sign in no longer exists. Open the page again.')
  }

  async function personOf(connector: Connector, identity: Identity, request: Request) {
    const { spec } = connector.document
    const name = userNameOf(spec, identity.claims)
    const { roles, unreadable, unverified } = rolesOf(spec, identity.claims)
    const fields = { request_id: request.id, connector: connector.name }
    if (unreadable.length > 0) {
      const why = 'some claims give no role, because they are not strings or only referred to (distributed)'
      log.warn({ ...fields, claims: unreadable }, why)
    }
    if (unverified) log.warn(fields, 'the e-mail address is not verified; the claim "email" gives no role')
    const { issuer, sub } = identity
    const vouched = {
      name,
      issuer,
      sub,
      connector: connector.name,
      mappedRoles: roles,
      profile: profileOf(spec, identity.claims),
    }
    return (
      users
        // A connector that was deleted or changed while the person was at the provider must not map roles.
        .signIn(vouched, (trx) => connectors.requireSame(trx, connector))
        .catch((error: unknown) => {
          throw nameRefused(error, name)
        })
    )
  }

  const queryOf = ({ url }: Request) => url.slice(url.indexOf('?') + 1 || url.length + 1)

  /** The attempt that this return from a provider ends; null if this browser did not begin it. */
  function attemptOf(request: Request) {
    const state = new URLSearchParams(queryOf(request)).getAll('state')
    return state.length === 1 ? attempts.find(request.headers.cookie, state[0]!) : null
  }

  /** Sends the browser to the provider. */
  async function authorize(
    request: Request,
    reply: Reply,
    connector: Connector,
    { another, ...of }: Pick<Attempt, 'target' | 'test'> & { readonly another: boolean },
  ) {
    const { methods, metadata } = await providers.of(connector)
    const { buildAuthorizationUrl, calculatePKCECodeChallenge } = await import('openid-client')
    const { attempt, cookies } = attempts.begin({ ...of, connector: connector.name }, request.headers.cookie)
    const target = buildAuthorizationUrl(methods[0]!.config, {
      redirect_uri: callbackUrl(publicNames, connector.name),
      scope: connector.document.spec.scopes.join(' '),
      state: attempt.state,
      nonce: attempt.nonce,
      code_challenge: await calculatePKCECodeChallenge(attempt.verifier),
      code_challenge_method: 'S256',
      ...(another ? { prompt: promptFor(metadata) } : {}),
    })
    reply.header('set-cookie', cookies).header('cache-control', 'no-store')
    return reply.redirect(target.href, 302)
  }

  return {
    begin: (request, reply, { choice, state, another = false }) =>
      authorize(request, reply, connectorOf(choice), { target: state, another }),

    beginTest: (request, reply, { connector, another, ...test }) =>
      authorize(request, reply, connector, { target: '', test, another }),

    isTest: (request) => typeof attemptOf(request)?.attempt.test?.draft === 'string',

    async callback(request, reply, choice) {
      const { cookie } = request.headers
      const found = attemptOf(request)
      const wanted = found?.attempt.test?.draft ?? null
      const draft = wanted === null ? null : drafts.find(cookie)
      // Another text in the form since the test began makes another draft.
      if (draft?.id !== (wanted ?? undefined)) throw unrecorded('state_invalid')
      const connector = draft === null ? connectorOf(choice) : draft.connector
      const url = new URL(`${callbackUrl(publicNames, connector.name)}?${queryOf(request)}`)
      if (!found || found.attempt.connector !== choice) {
        throw unrecorded('state_invalid')
      }
      const { attempt } = found
      reply.header('set-cookie', found.removal)
      if (!(await spent.spend('state', attempt.state, STATE_TTL_MS))) {
        throw unrecorded('state_spent')
      }
      const identify = async () => {
        const provider = await providers.of(connector)
        return redeemCallback({ connector, provider, attempt, callbackUrl: url, clock })
      }
      if (attempt.test !== undefined) {
        await signInTest.finish(request, reply, { connector, attempt, identify })
        return null
      }
      try {
        const identity = await identify()
        const user = await personOf(connector, identity, request)
        const { sub, sid, idToken, refreshToken } = identity
        return {
          user,
          state: attempt.target,
          async opened(session) {
            const nextCheck = refreshToken === null ? null : nextCheckOf(connector, clock.now())
            await logins.keep(session, {
              connector: connector.name,
              sub,
              sid,
              idToken,
              nextCheck,
              refreshToken: nextCheck === null ? null : refreshToken,
            })
            // The connector was deleted or changed since then, and its sessions have already ended.
            if (connectors.byName(connector.name) !== connector) throw connectorChanged()
          },
        }
      } catch (error) {
        throw asFailure(error, attempt.target)
      }
    },
  }
}

/** Anybody can cause it, without having started a sign-in. */
function unrecorded(reason: 'state_invalid' | 'state_spent'): SignInFailure {
  const { status, en } = reasons[reason]
  return new SignInFailure(status, reason, en, { recorded: false })
}

/** Adds the link to try again and the provider's error. */
function asFailure(error: unknown, state: string): unknown {
  const fields = providerError(error)
  if (error instanceof SignInRefused) {
    const { reason, message, cause } = error
    const { title } = reason === 'name_taken' ? reasons.name_taken : { title: atProvider }
    const { status } = problemFor(reason, message)
    return new SignInFailure(status, reason, message, { title: title.en, state, fields, cause })
  }
  const problem = error instanceof Problem ? error : databaseProblem(error)
  if (problem === null) return error
  const { title } = problem.members
  return new SignInFailure(problem.status, problem.code, problem.message, {
    ...(typeof title === 'string' ? { title } : {}),
    state,
    fields,
    cause: problem.cause ?? error,
  })
}

function nameRefused(error: unknown, name: string): unknown {
  const shown = JSON.stringify(name.slice(0, 256))
  if (isMezError(error, 'MEZ_USER_NAME_TAKEN')) {
    const detail = `The user name ${shown} belongs to another person at your identity provider. An administrator can give it to you with \`mezctl users relink\`.`
    return new SignInRefused('name_taken', detail)
  }
  if (isMezError(error, 'MEZ_USER_NAME_INVALID')) {
    const detail = `Your identity provider calls you ${shown}, which is not a valid user name. Contact your administrator.`
    return new SignInRefused('name_invalid', detail)
  }
  return error
}

/** How this provider asks for another account (OpenID Connect Core 1.0, section 3.1.2.1); Google has no `login`. */
function promptFor({ issuer, prompt_values_supported: values }: ServerMetadata): string {
  const selects = Array.isArray(values) && values.includes('select_account')
  return selects || issuer === 'https://accounts.google.com' ? 'select_account' : 'login'
}
