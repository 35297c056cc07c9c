import type { FastifyReply, FastifyRequest } from 'fastify'
import type { RequirementName } from '../../api/decision.ts'
import { Problem } from '../../api/problem.ts'
import type { Session } from '../../api/sessions.ts'
import type { LoginState, SignInDesk } from '../../api/sign-in.ts'
import type { SatisfiedRequirement } from '../../api/subject.ts'
import { hubSessionOf } from './hub-cookie.ts'
import { beginLogin } from './login-start.ts'
import type { SignInParts } from './sign-in-deps.ts'

const REFUSALS: Partial<Record<RequirementName, readonly [code: string, detail: string]>> = {
  'session-mfa': [
    'session_mfa_required',
    'Your role demands a security key, and this hub cannot ask for one.',
  ],
  'trusted-device': [
    'device_trust_required',
    'Your role demands a trusted device, and this one is not known.',
  ],
}

/**
 * The way in, after `/web/launch` and after each sign-in or requirement: who is it, may they, what is missing,
 * then the one-use hand-over to the app's host. The order of these answers never changes: people and scripts rely on it.
 */
export async function admit(
  parts: SignInParts,
  desk: SignInDesk,
  request: FastifyRequest,
  reply: FastifyReply,
  state: LoginState,
  /** The connector that the visitor asks for, where none is demanded. */
  wanted: string | null = null,
): Promise<FastifyReply> {
  const { sessions, catalog, publicNames, revisions } = parts
  reply.header('cache-control', 'no-store')
  if (!revisions.fresh()) {
    reply.header('retry-after', '2')
    throw stale()
  }
  const session = await hubSessionOf(request, sessions)
  const demanded = state.appHost === null ? wanted : publicNames.appsOidcConnector
  if (!session || (demanded !== null && session.connector !== demanded)) {
    const app = state.appHost === null ? null : (catalog.byHost(state.appHost) ?? null)
    return beginLogin(parts, reply, { state: desk.seal(state), app, connector: demanded })
  }
  if (state.appHost === null) return reply.redirect(publicNames.signInOrigin + state.path, 303)
  const location = await handOver(parts, desk, request, state, session)
  return reply.header('referrer-policy', 'no-referrer').redirect(location, 303)
}

/** Goes on once a requirement of the app was answered. Resolves to where the browser goes next; see `SignInDesk.meet`. */
export async function meet(
  parts: SignInParts,
  desk: Pick<SignInDesk, 'open' | 'seal'>,
  request: FastifyRequest,
  input: Parameters<SignInDesk['meet']>[1],
): Promise<string> {
  const { sessions, catalog, revisions, publicNames } = parts
  if (!revisions.fresh()) throw stale()
  const state = desk.open(input.state)
  const app = state?.appHost ? catalog.byHost(state.appHost) : undefined
  if (!state || !app) {
    throw new Problem(400, 'state_expired', 'This sign-in took too long or is not ours. Open the page again.')
  }
  const session = sessions.byId(input.session.id)
  const { appsOidcConnector: demanded } = publicNames
  if (session?.kind !== 'hub' || (demanded !== null && session.connector !== demanded)) {
    throw new Problem(401, 'login_required', 'Your session has ended. Open the page again.')
  }
  return handOver(parts, desk, request, state, session, [{ ...input.satisfied, appId: app.id }])
}

function stale(): Problem {
  return new Problem(503, 'view_stale', 'The hub is catching up with its database. Try again in a moment.')
}

/** Where the browser goes next: to the app with a one-use code, or to whoever answers what is still required. */
async function handOver(
  parts: SignInParts,
  desk: Pick<SignInDesk, 'seal'>,
  request: FastifyRequest,
  state: LoginState,
  session: Session,
  justMet: readonly SatisfiedRequirement[] = [],
): Promise<string> {
  const { sessions, catalog, access, audit, challenge, publicNames } = parts
  const app = state.appHost === null ? undefined : catalog.byHost(state.appHost)
  if (!app || state.nonceHash === null) {
    throw new Problem(404, 'app_unknown', 'No application has this address.')
  }
  const known = sessions.subjectOf(session)
  if (!known) throw new Problem(403, 'user_unknown', 'Your user does not exist any more.')
  const subject =
    justMet.length === 0
      ? known
      : Object.freeze({ ...known, satisfied: Object.freeze([...known.satisfied, ...justMet]) })

  const refuse = (code: string, detail: string): Problem => {
    audit.record({
      type: 'access.denied',
      success: false,
      reason: code,
      user: subject.user,
      roles: subject.roles,
      clientIp: request.clientIp,
      sessionId: session.id,
      requestId: request.id,
      fields: { app: app.name },
    })
    return new Problem(403, code, detail)
  }

  const context = { protocol: 'http', clientIp: request.clientIp } as const
  const decision = await access.decide({ subject, app, context })
  if (decision.effect === 'deny') {
    const detail =
      decision.reason === 'locked'
        ? `${subject.user} is locked out of ${app.name}. ${decision.message ?? 'An administrator can say why.'}`
        : `${subject.user} may not open ${app.name}. ${
            // No role mends what a plugin denies for its own reasons.
            decision.reason === 'role_missing'
              ? 'If you need it, ask an administrator for a role.'
              : 'An administrator can say why.'
          }`
    throw refuse(decision.reason, detail)
  }
  // A session for it would open nothing, and operators would take it for somebody at work.
  if (!catalog.servedByHub(app)) {
    const detail = `${app.name} is no web application. Open it from a terminal: msh app login ${app.name}`
    throw new Problem(404, 'app_unknown', detail)
  }
  if (decision.effect === 'require') {
    const [requirement] = decision.requirements
    if (!requirement) throw refuse(decision.reason, 'A condition of your role is not met.')
    const sealed = desk.seal(state)
    const { appsOidcConnector: connector } = publicNames
    const answer = await challenge({ requirement, subject, app, state: sealed, connector })
    if (answer) return answer.location
    const known = Object.hasOwn(REFUSALS, requirement.name) ? REFUSALS[requirement.name] : undefined
    throw refuse(...(known ?? [decision.reason, 'A condition of your role is not met.']))
  }
  if (!app.enabled) throw new Problem(503, 'app_disabled', `${app.name} is switched off at the moment.`)
  if (!audit.accepting) throw new Problem(503, 'audit_unavailable', 'Access cannot be recorded now.')

  // Only what this app demanded goes along, and then counts for this app's session to its end.
  const satisfied = (decision.met ?? []).map((entry) => ({ ...entry, appId: app.id }))
  const code = await sessions.tickets.issue({
    hubSession: session,
    app,
    nonceHash: state.nonceHash,
    satisfied,
  })
  const target = new URL(`https://${app.publicAddr}${publicNames.portSuffix}/.mezite/session`)
  target.searchParams.set('code', code)
  target.searchParams.set('path', state.path)
  return target.href
}
