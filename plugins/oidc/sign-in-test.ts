import {
  type Audit,
  type Clock,
  type Pages,
  Problem,
  type Session,
  type Sessions,
  type SignInDesk,
  SignInFailure,
  type Users,
  type WebRoutes,
} from '@mezite/core'
import type { LockView } from '@mezite/core/identity'
import type { Attempt } from './attempts.ts'
import { type Claims, rolesOf, SignInRefused, userNameOf } from './claim-mapping.ts'
import type { Connector, Connectors } from './connectors.ts'
import { words } from './providers.ts'
import { problemFor } from './reasons.ts'
import { type TestFailure, type TestResult, testPage } from './sign-in-test-page.ts'

type Request = Parameters<SignInDesk['complete']>[0]
type Reply = Parameters<SignInDesk['complete']>[1]

/** A test shows what a provider says about a person, so it needs a recent sign-in. */
const FRESH_MS = 10 * 60_000
const UNEXPECTED = 'sign_in_failed'

/** A person as the provider describes them. */
interface TestedIdentity {
  readonly claims: Claims
  readonly issuer: string
  readonly sub: string
}

/** Dependencies of the test of a sign-in. */
export interface SignInTestDeps {
  readonly connectors: Pick<Connectors, 'byName'>
  readonly sessions: Pick<Sessions, 'byId' | 'subjectOf'>
  readonly users: Pick<Users, 'byName'>
  readonly desk: Pick<SignInDesk, 'seal' | 'sessionOf'>
  readonly pages: Pages
  readonly locks: LockView
  readonly audit: Audit
  readonly clock: Clock
}

/** Signs in through a connector and shows the claims and the roles that they give. Nobody is signed in, nothing is stored. */
export interface SignInTest {
  /**
   * The page with the result of `identify`. The browser must still have the administrator's session that began the test;
   * otherwise it throws `SignInFailure` 403.
   */
  finish(
    request: Request,
    reply: Reply,
    input: {
      readonly connector: Connector
      readonly attempt: Attempt
      /** Resolves to the identity from the provider; rejects as a sign-in would. */
      readonly identify: () => Promise<TestedIdentity>
    },
  ): Promise<void>
  /** `GET /web/oidc/test/:connector`: `begin` sends the browser to the provider. */
  routes(
    begin: (
      request: Request,
      reply: Reply,
      input: { connector: string; session: string; another: boolean },
    ) => Promise<unknown>,
  ): WebRoutes
}

export function createSignInTest(deps: SignInTestDeps): SignInTest {
  const { connectors, sessions, users, desk, pages, locks, audit, clock } = deps

  /** A locked person has none. */
  function rolesNow(session: Session): readonly string[] {
    const subject = sessions.subjectOf(session)
    return subject && locks.lockFor(subject, null) === null ? subject.roles : []
  }

  function requireAdmin(session: Session | undefined): Session {
    if (session && rolesNow(session).includes('admin')) return session
    throw denied('Only administrators can test a sign-in. Sign in first, then start the test again.')
  }

  function resultOf({ document: { spec } }: Connector, { claims, issuer, sub }: TestedIdentity): TestResult {
    const rules = spec.claims_to_roles.map((rule) => ({
      ...rule,
      matches: rolesOf({ ...spec, claims_to_roles: [rule] }, claims).roles.length > 0,
    }))
    const common = { claims, ...rolesOf(spec, claims), rules, taken: false, ownRoles: [] }
    try {
      const name = userNameOf(spec, claims)
      const known = users.byName(name)
      const holder = known?.identity ?? null
      if (holder !== null && (holder.issuer !== issuer || holder.sub !== sub))
        return { ...common, name, problem: null, taken: true }
      return { ...common, name, problem: null, ownRoles: known?.ownRoles ?? [] }
    } catch (error) {
      if (error instanceof SignInRefused) return { ...common, name: null, problem: error.message }
      throw error
    }
  }

  return {
    async finish(request, reply, { connector, attempt, identify }) {
      const session = requireAdmin(await desk.sessionOf(request))
      if (session.id !== attempt.test)
        throw denied('Your sign-in has changed since the test began. Start the test again.')
      const outcome = await identify()
        .then((identity) => resultOf(connector, identity))
        .catch(failureOf)
      const reason = 'reason' in outcome ? outcome.reason : null
      const { user } = session
      const roles = rolesNow(session)
      audit.record({
        type: 'connector.tested',
        success: reason === null,
        reason,
        user,
        roles,
        clientIp: request.clientIp,
        sessionId: session.id,
        requestId: request.id,
        fields: { name: connector.name },
      })
      const acceptLanguage = request.headers['accept-language']
      const person = { name: user, roles }
      reply.page(testPage(pages, { connector: connector.name, user: person, acceptLanguage, outcome }))
    },

    routes: (begin) => ({
      name: 'oidc-sign-in-test',
      prefix: '/web/oidc/test',
      async routes(web) {
        web.get<{ Params: { connector: string }; Querystring: { another?: string } }>(
          '/:connector',
          { config: { access: 'page', rate: 'sign_in' } },
          async (request, reply) => {
            const { connector } = request.params
            const session = requireAdmin(sessions.byId(request.subject.sessionId ?? ''))
            if (!connectors.byName(connector))
              throw problemFor('connector_unknown', `There is no connector ${connector}.`)
            if (clock.now() - session.created > FRESH_MS) {
              const path = `/web/oidc/test/${encodeURIComponent(connector)}`
              const state = desk.seal({ appHost: null, path, nonceHash: null })
              return reply.redirect(`/web/login?state=${encodeURIComponent(state)}`, 303)
            }
            return begin(request, reply, {
              connector,
              session: session.id,
              another: request.query.another === '1',
            })
          },
        )
      },
    }),
  }
}

/** Nobody tried to sign in, so that the audit has no `user.login.failed`. */
const denied = (detail: string) => new SignInFailure(403, 'access_denied', detail, { recorded: false })

function failureOf(error: unknown): TestFailure {
  const known = error instanceof SignInRefused || error instanceof Problem
  const reason =
    error instanceof SignInRefused ? error.reason : error instanceof Problem ? error.code : UNEXPECTED
  return { reason, message: known ? error.message : null, details: words(error) }
}
