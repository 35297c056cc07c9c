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
import type { Drafts } from './drafts.ts'
import { words } from './providers.ts'
import { problemFor } from './reasons.ts'
import { type TestFailure, type TestResult, testPage } from './sign-in-test-page.ts'

type Request = Parameters<SignInDesk['complete']>[0]
type Reply = Parameters<SignInDesk['complete']>[1]

/** The page that begins the test of a connector that is not saved. */
export const DRAFT_TEST_PATH = '/web/oidc/test'

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
  readonly drafts: Drafts
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
  /**
   * `GET /web/oidc/test/:connector`, and `GET /web/oidc/test` for the draft in this browser: `begin` sends the browser to the
   * provider.
   */
  routes(
    begin: (
      request: Request,
      reply: Reply,
      input: NonNullable<Attempt['test']> & { connector: Connector; another: boolean },
    ) => Promise<unknown>,
  ): WebRoutes
}

export function createSignInTest(deps: SignInTestDeps): SignInTest {
  const { connectors, drafts, sessions, users, desk, pages, locks, audit, clock } = deps

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
      if (session.id !== attempt.test?.session)
        throw denied('Your sign-in has changed since the test began. Start the test again.')
      const outcome = await identify()
        .then((identity) => resultOf(connector, identity))
        .catch(failureOf)
      const reason = 'reason' in outcome ? outcome.reason : null
      const { user } = session
      const isSaved = attempt.test.draft === null
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
        fields: { name: connector.name, saved: isSaved },
      })
      const acceptLanguage = request.headers['accept-language']
      const person = { name: user, roles }
      const path = isSaved ? testPathOf(connector.name) : DRAFT_TEST_PATH
      reply.page(testPage(pages, { connector: connector.name, path, user: person, acceptLanguage, outcome }))
    },

    routes: (begin) => ({
      name: 'oidc-sign-in-test',
      prefix: '/web/oidc/test',
      async routes(web) {
        const config = { access: 'page', rate: 'sign_in' } as const
        /** Starts the test of what `find` returns, which throws if there is none, after a new sign-in if the last one is old. */
        async function start(
          request: Request,
          reply: Reply,
          path: string,
          find: (user: string) => { connector: Connector; draft: string | null },
        ) {
          const session = requireAdmin(sessions.byId(request.subject.sessionId ?? ''))
          const found = find(session.user)
          if (clock.now() - session.created > FRESH_MS) {
            const state = desk.seal({ appHost: null, path, nonceHash: null })
            return reply.redirect(`/web/login?state=${encodeURIComponent(state)}`, 303)
          }
          const another = (request.query as { another?: string }).another === '1'
          return begin(request, reply, { ...found, session: session.id, another })
        }
        web.get<{ Params: { connector: string } }>('/:connector', { config }, (request, reply) => {
          const { connector: name } = request.params
          return start(request, reply, testPathOf(name), () => {
            const connector = connectors.byName(name)
            if (connector) return { connector, draft: null }
            throw problemFor('connector_unknown', `There is no connector ${name}.`)
          })
        })
        web.get('/', { config }, (request, reply) =>
          start(request, reply, DRAFT_TEST_PATH, (user) => {
            const draft = drafts.find(request.headers.cookie)
            if (draft?.user === user) return { connector: draft.connector, draft: draft.id }
            throw problemFor(
              'connector_unknown',
              'The test of this provider has expired. Test it again in its form.',
            )
          }),
        )
      },
    }),
  }
}

const testPathOf = (connector: string) => `${DRAFT_TEST_PATH}/${encodeURIComponent(connector)}`

/** Nobody tried to sign in, so that the audit has no `user.login.failed`. */
const denied = (detail: string) => new SignInFailure(403, 'access_denied', detail, { recorded: false })

function failureOf(error: unknown): TestFailure {
  const known = error instanceof SignInRefused || error instanceof Problem
  const reason =
    error instanceof SignInRefused ? error.reason : error instanceof Problem ? error.code : UNEXPECTED
  return { reason, message: known ? error.message : null, details: words(error) }
}
