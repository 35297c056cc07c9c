import type { FastifyRequest } from 'fastify'
import type { AdmissionQuery } from '../../api/admission.ts'
import type { App } from '../../api/app.ts'
import type { ReceivedRequest } from '../../api/decision.ts'
import { Problem } from '../../api/problem.ts'
import { problemFor } from '../../api/reasons.ts'
import type { Session } from '../../api/sessions.ts'
import type { LoginState, SignInDesk } from '../../api/sign-in.ts'
import type { SatisfiedRequirement } from '../../api/subject.ts'
import { hubSessionOf } from './hub-cookie.ts'
import { metForProgram } from './program-access.ts'
import { audited, challengeOf, problemOf, stale, unmeetable } from './refusals.ts'
import type { SignInDeps } from './sign-in-deps.ts'

/** See `SignInDesk.next`. */
export async function next(
  deps: SignInDeps,
  desk: Pick<SignInDesk, 'seal'>,
  request: FastifyRequest,
  state: LoginState,
): Promise<string | null> {
  if (!deps.revisions.fresh()) throw stale()
  const session = await hubSessionOf(request, deps.sessions)
  const app = state.appHost === null ? undefined : deps.catalog.byHost(state.appHost)
  // Only an app's host sends a nonce: without one, the path is of the hub, such as of the page about a program.
  if (state.nonceHash === null) return session ? deps.publicNames.signInOrigin + state.path : null
  return nextLocation(deps, { desk, request, state, app, session })
}

/** Continues after a requirement of the app was met. Resolves to the next URL of the browser; see `SignInDesk.meet`. */
export async function meet(
  deps: SignInDeps,
  desk: Pick<SignInDesk, 'open' | 'seal'>,
  request: FastifyRequest,
  { session, state: sealed, satisfied }: Parameters<SignInDesk['meet']>[1],
): Promise<string> {
  if (!deps.revisions.fresh()) throw stale()
  const state = desk.open(sealed)
  const app = state?.appHost ? deps.catalog.byHost(state.appHost) : undefined
  if (!state || !app) throw problemFor('state_expired', 'This sign-in link has expired. Open the page again.')
  const met = [{ ...satisfied, appId: app.id }]
  if (state.nonceHash === null)
    return metForProgram(deps, desk, request, { session, app, path: state.path }, met)
  const location = await nextLocation(deps, { desk, request, state, app, session, met })
  if (location !== null) return location
  throw problemFor('login_required', 'Your session has ended. Open the page again.')
}

/** A person on the way to an app. `met`: requirements that were met on the way. */
interface Launch {
  readonly desk: Pick<SignInDesk, 'seal'>
  readonly request: FastifyRequest
  readonly state: LoginState
  readonly app: App | undefined
  readonly session: Session | undefined
  readonly met?: readonly SatisfiedRequirement[]
  /** The request meets the rest by itself, at the app. */
  readonly whole?: true
}

function requestOf({ path, wanted }: LoginState): ReceivedRequest {
  const [method = '', target = '/', upgrade] = (wanted ?? `GET ${path}`).split(' ')
  return { method, target, upgrade: upgrade !== undefined }
}

/** The next URL of the browser: the app with a ticket, or the page of an unmet requirement. Null for sign-in. */
async function nextLocation(deps: SignInDeps, launch: Launch): Promise<string | null> {
  const { access, catalog, sessions, publicNames, rate } = deps
  const { desk, request, state, app, session, met, whole } = launch
  const query: AdmissionQuery = {
    who: session ? { kind: 'hub', sessionId: session.id } : null,
    app: state.nonceHash === null ? undefined : app,
    // An app that browsers cannot reach is rejected for its protocol.
    protocol: app && catalog.servedByHub(app) ? app.protocol : 'http',
    clientIp: request.clientIp,
    requestId: request.id,
    interactive: true,
    // The request that the person wanted: rules about requests decide about it, and not about this page.
    ...(!whole && { request: requestOf(state) }),
    ...(met ? { met } : {}),
  }
  const outcome = await access.admit(query)
  switch (outcome.outcome) {
    case 'unauthenticated':
      if (outcome.code !== 'user_unknown') return null
      throw audited(new Problem(403, outcome.code, 'Your user no longer exists.'))
    case 'required': {
      if (!whole && outcome.requirements.every(({ perRequest }) => perRequest))
        return nextLocation(deps, { ...launch, whole: true })
      const found = app && (await challengeOf(deps, { desk, state, app, refusal: outcome }))
      if (found) return found
      await access.admit({ ...query, objection: outcome.code })
      throw unmeetable(deps, outcome)
    }
    case 'admitted': {
      // The ticket passes on only the requirements of this app, which then count until this app's session ends.
      const satisfied = outcome.met.map((entry) => ({ ...entry, appId: outcome.app.id }))
      outcome.close()
      rate.launch((outcome.session as Session).user)
      const code = await sessions.tickets.issue({
        hubSession: outcome.session as Session,
        app: outcome.app,
        nonceHash: state.nonceHash as string,
        satisfied,
      })
      const target = new URL(`https://${state.appHost}${publicNames.portSuffix}/.mezite/session`)
      target.searchParams.set('code', code)
      target.searchParams.set('path', state.path)
      return target.href
    }
    default:
      throw audited(
        await problemOf(deps, { refusal: outcome, app, path: state.path, state: desk.seal(state), request }),
      )
  }
}
