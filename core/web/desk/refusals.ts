import type { FastifyRequest } from 'fastify'
import type { Refusal } from '../../api/admission.ts'
import type { App } from '../../api/app.ts'
import type { Challenge, HubHooks, Reply } from '../../api/hub-hooks.ts'
import { Problem } from '../../api/problem.ts'
import { problemAbout, problemFor } from '../../api/reasons.ts'
import type { LoginState, SignInDesk } from '../../api/sign-in.ts'
import { MezError, messageOf } from '../../kernel/error.ts'
import type { HookCalls } from '../../kernel/hook.ts'
import { denialText } from '../pages/error-pages.ts'
import { texts } from '../pages/texts/texts.ts'
import { AccessDenied } from './access-denied.ts'
import type { SignInDeps } from './sign-in-deps.ts'

/** Access cannot be decided from data that is this old. */
export function stale(): Problem {
  return problemFor('view_stale')
}

/** A refusal that a requirement of the app explains. */
interface Unmet {
  readonly desk: Pick<SignInDesk, 'seal'>
  readonly state: LoginState
  readonly app: App
  readonly refusal: Refusal
}

/** The page that meets the first unmet requirement, of those that are not met at the app; null if no tap knows it. */
export async function challengeOf(
  { challenge }: Pick<SignInDeps, 'challenge'>,
  { desk, state, app, refusal }: Unmet,
): Promise<string | null> {
  const { requirements, subject } = refusal
  const requirement = requirements.find(({ perRequest }) => !perRequest)
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

export function unmeetable(
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
  if (code === 'app_unknown') return problemFor(code)
  if (code === 'protocol_mismatch') {
    const detail = `${name} is not a web application. Open it from a terminal: msh app login ${app?.name}`
    return problemFor('app_unknown', detail)
  }
  if (outcome === 'disabled') return problemAbout('app_disabled', name)
  if (outcome === 'unavailable') return problemFor('audit_unavailable')
  const who = { app: name, user: subject?.user ?? 'This user', message }
  const members = link === null ? {} : { link }
  const detail = denialText(texts.en.error, code, who, pages.reasonOf(code)?.en)
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
