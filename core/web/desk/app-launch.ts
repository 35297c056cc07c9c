import type { FastifyRequest } from 'fastify'
import type { AdmissionQuery, Refusal } from '../../api/admission.ts'
import type { App } from '../../api/app.ts'
import type { Challenge, HubHooks, Reply } from '../../api/hub-hooks.ts'
import { Problem } from '../../api/problem.ts'
import type { Session } from '../../api/sessions.ts'
import type { LoginState, SignInDesk } from '../../api/sign-in.ts'
import type { SatisfiedRequirement } from '../../api/subject.ts'
import { MezError, messageOf } from '../../kernel/error.ts'
import type { HookCalls } from '../../kernel/hook.ts'
import { denialText } from '../pages/error-pages.ts'
import { texts } from '../pages/texts.ts'
import { AccessDenied } from './access-denied.ts'
import { hubSessionOf } from './hub-cookie.ts'
import { metForProgram } from './program-access.ts'
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
  if (!state || !app)
    throw new Problem(400, 'state_expired', 'This sign-in link has expired. Open the page again.')
  const met = [{ ...satisfied, appId: app.id }]
  if (state.nonceHash === null)
    return metForProgram(deps, desk, request, { session, app, path: state.path }, met)
  const location = await nextLocation(deps, { desk, request, state, app, session, met })
  if (location !== null) return location
  throw new Problem(401, 'login_required', 'Your session has ended. Open the page again.')
}

function stale(): Problem {
  return new Problem(503, 'view_stale', 'Access cannot be checked right now. Try again in a moment.')
}

/** A person on the way to an app. `met`: requirements that were met on the way. */
interface Launch {
  readonly desk: Pick<SignInDesk, 'seal'>
  readonly request: FastifyRequest
  readonly state: LoginState
  readonly app: App | undefined
  readonly session: Session | undefined
  readonly met?: readonly SatisfiedRequirement[]
}

/** The next URL of the browser: the app with a ticket, or the page of an unmet requirement. Null for sign-in. */
async function nextLocation(deps: SignInDeps, launch: Launch): Promise<string | null> {
  const { access, catalog, sessions, publicNames, rate } = deps
  const { desk, request, state, app, session, met } = launch
  const query: AdmissionQuery = {
    who: session ? { kind: 'hub', sessionId: session.id } : null,
    app: state.nonceHash === null ? undefined : app,
    // An app that browsers cannot reach is rejected for its protocol.
    protocol: app && catalog.servedByHub(app) ? app.protocol : 'http',
    clientIp: request.clientIp,
    requestId: request.id,
    interactive: true,
    request: { method: request.method, target: request.url },
    ...(met ? { met } : {}),
  }
  const outcome = await access.admit(query)
  switch (outcome.outcome) {
    case 'unauthenticated':
      if (outcome.code !== 'user_unknown') return null
      throw audited(new Problem(403, outcome.code, 'Your user no longer exists.'))
    case 'required': {
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
      const target = new URL(`https://${outcome.app.publicAddr}${publicNames.portSuffix}/.mezite/session`)
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

/** A refusal that a requirement of the app explains. */
interface Unmet {
  readonly desk: Pick<SignInDesk, 'seal'>
  readonly state: LoginState
  readonly app: App
  readonly refusal: Refusal
}

/** The page that meets the first unmet requirement; null if no tap knows it. */
async function challengeOf(
  { challenge }: Pick<SignInDeps, 'challenge'>,
  { desk, state, app, refusal }: Unmet,
): Promise<string | null> {
  const { requirements, subject } = refusal
  const [requirement] = requirements
  if (!requirement || !subject) return null
  const reply = await challenge({ requirement, subject, app, state: desk.seal(state) })
  return reply?.location ?? null
}

/** Like `challengeOf`, but throws `Problem` if no tap knows the requirement. */
export async function challengeFor(
  deps: Pick<SignInDeps, 'challenge' | 'requirements'>,
  unmet: Unmet,
): Promise<string> {
  const location = await challengeOf(deps, unmet)
  if (location === null) throw unmeetable(deps, unmet.refusal)
  return location
}

function unmeetable(
  { requirements }: Pick<SignInDeps, 'requirements'>,
  { code, requirements: unmet }: Refusal,
) {
  const { title, detail = 'A condition of this application is not met.' } =
    requirements.get(unmet[0]?.name ?? '') ?? {}
  return audited(new Problem(403, code, detail, { title }))
}

/** The gate has recorded its refusals of people who are signed in. */
export function audited(problem: Problem): Problem {
  problem.audited = true
  return problem
}

/** A refusal to show: `path` is where the person wanted to go, and `state`, sealed, where another sign-in leads. */
interface Denial {
  readonly refusal: Refusal
  readonly app: App | undefined
  readonly path: string
  readonly state: string
  readonly request: FastifyRequest
}

/** The refusal of the gate as a page. */
export async function problemOf(deps: SignInDeps, denial: Denial): Promise<Problem> {
  const { access, explain, log, publicNames, pages } = deps
  const { app, path, state } = denial
  const { outcome, status, code, subject, message, link } = denial.refusal
  const name = app?.display?.name ?? app?.name ?? ''
  if (outcome === 'stale') return stale()
  if (code === 'app_unknown') return new Problem(404, code, 'No application has this address.')
  if (code === 'protocol_mismatch') {
    const detail = `${name} is not a web application. Open it from a terminal: msh app login ${app?.name}`
    return new Problem(404, 'app_unknown', detail)
  }
  if (outcome === 'disabled') return new Problem(status, code, `${name} is switched off right now.`)
  if (outcome === 'unavailable')
    return new Problem(status, code, 'Access cannot be recorded right now, so nobody gets in.')
  const who = { app: name, user: subject?.user ?? 'This user', message }
  const members = link === null ? {} : { link }
  const detail = denialText(texts.en.error, code, who)
  if (!app || !subject) return new Problem(status, code, detail, members)
  const found = subject.roles.includes('admin')
    ? await explain(subject.user, app.name, 'browser').catch((error: unknown) => {
        log.warn({ cause: messageOf(error) }, 'failed to explain a denial to an administrator')
        return null
      })
    : null
  const help = access.helpFor({
    subject,
    app,
    reason: code,
    url: `https://${app.publicAddr}${publicNames.portSuffix}${path}`,
    language: pages.languageOf(denial.request.headers['accept-language']),
  })
  const explanation = found && { appName: app.name, found }
  const shown = help.find(({ reason }) => reason !== undefined)?.reason ?? code
  return new AccessDenied(status, shown, detail, members, {
    ...who,
    state,
    help,
    explanation,
  })
}

const LONGEST = 8_192
/** Excludes spaces, control characters and backslashes, which browsers interpret in different ways. */
const PLAIN = /^[\x21-\x5b\x5d-\x7e]+$/

/**
 * Calls the taps of `access.challenge`. Their result must be a path of the sign-in host or an https URL; otherwise rejects
 * with `MEZ_HOOK_FAILED`.
 */
export function challengeThrough(
  hook: HookCalls<HubHooks>['access']['challenge'],
  signInOrigin: string,
): (challenge: Challenge) => Promise<Reply | null> {
  return async (challenge) => {
    const answer: unknown = await hook(challenge)
    if (answer === null) return null
    const { location } = Object(answer) as { location?: unknown }
    if (typeof location === 'string' && location.length <= LONGEST && PLAIN.test(location)) {
      const url = URL.parse(location, signInOrigin)
      const path = location.startsWith('/') && url?.origin === signInOrigin
      if (path || (url?.protocol === 'https:' && /^https:\/\//i.test(location))) return { location }
    }
    throw new MezError('MEZ_HOOK_FAILED', 'a plugin returned an invalid URL from access.challenge')
  }
}
