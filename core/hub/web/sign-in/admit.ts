import type { FastifyReply, FastifyRequest } from 'fastify'
import type { RequirementName } from '../../access/decision.ts'
import type { Session } from '../../sessions/session.ts'
import { Problem } from '../problem.ts'
import type { LoginState, SignInDesk } from '../sign-in.ts'
import { beginLogin } from './begin-login.ts'
import { hubSessionOf } from './hub-cookie.ts'
import type { SignInParts } from './sign-in-parts.ts'

const REFUSALS: Partial<Record<RequirementName, readonly [code: string, detail: string]>> = {
  'session-mfa': [
    'session_mfa_required',
    'Your role demands a security key, and this hub cannot ask for one.',
  ],
  'trusted-device': [
    'trusted_device_required',
    'Your role demands a trusted device, and this one is not known.',
  ],
}

/**
 * The way in, after `/web/launch` and after each sign-in or requirement: who is it, may they, what is missing,
 * then the one-use hand-over to the app's host. Order of answers: section 8 of the public contract.
 */
export async function admit(
  parts: SignInParts,
  desk: SignInDesk,
  request: FastifyRequest,
  reply: FastifyReply,
  state: LoginState,
): Promise<FastifyReply> {
  const { sessions, catalog, publicNames, changes } = parts
  reply.header('cache-control', 'no-store')
  if (!changes.fresh()) {
    reply.header('retry-after', '2')
    throw new Problem(503, 'view_stale', 'The hub is catching up with its database. Try again in a moment.')
  }
  const session = await hubSessionOf(request, sessions)
  const demanded = state.appHost === null ? null : publicNames.appsOidcConnector
  if (!session || (demanded !== null && session.connector !== demanded)) {
    const app = state.appHost === null ? null : (catalog.byHost(state.appHost) ?? null)
    return beginLogin(parts, reply, { state: desk.seal(state), app, connector: demanded })
  }
  if (state.appHost === null) return reply.redirect(publicNames.signInOrigin + state.path, 303)
  return handOver(parts, desk, request, reply, state, session)
}

async function handOver(
  parts: SignInParts,
  desk: SignInDesk,
  request: FastifyRequest,
  reply: FastifyReply,
  state: LoginState,
  session: Session,
): Promise<FastifyReply> {
  const { sessions, catalog, access, audit, challenge, publicNames } = parts
  const app = state.appHost === null ? undefined : catalog.byHost(state.appHost)
  if (!app || state.nonceHash === null) {
    throw new Problem(404, 'app_unknown', 'No application has this address.')
  }
  const subject = sessions.subjectOf(session)
  if (!subject) throw new Problem(403, 'user_unknown', 'Your user does not exist any more.')

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
    const detail = `${subject.user} may not open ${app.name}. If you need it, ask an administrator for a role.`
    throw refuse(decision.reason, detail)
  }
  if (decision.effect === 'require') {
    const [requirement] = decision.requirements
    if (!requirement) throw refuse(decision.reason, 'A condition of your role is not met.')
    const sealed = desk.seal(state)
    const { appsOidcConnector: connector } = publicNames
    const answer = await challenge({ requirement, subject, app, state: sealed, connector })
    if (answer) return reply.redirect(answer.location, 303)
    throw refuse(...(REFUSALS[requirement.name] ?? [decision.reason, 'A condition of your role is not met.']))
  }
  if (!app.enabled) throw new Problem(503, 'app_disabled', `${app.name} is switched off at the moment.`)
  if (!audit.accepting) throw new Problem(503, 'audit_unavailable', 'Access cannot be recorded now.')

  const satisfied = session.satisfied.filter(({ appId }) => appId === null || appId === app.id)
  const code = await sessions.handover.issue({
    hubSession: session,
    app,
    nonceHash: state.nonceHash,
    satisfied,
  })
  const target = new URL(`https://${app.publicAddr}${publicNames.portSuffix}/.mezite/session`)
  target.searchParams.set('code', code)
  target.searchParams.set('path', state.path)
  return reply.header('referrer-policy', 'no-referrer').redirect(target.href, 303)
}
