import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Problem } from '../../api/problem.ts'
import { type SignInChoice, type SignInDesk, SignInFailure, type SignInMethod } from '../../api/sign-in.ts'
import { causesOf } from '../../kernel/error.ts'
import { problemOf, recordFailure, statusOfPage } from '../api-server/error-response.ts'
import { fieldOf } from './return-target.ts'
import type { SignInDeps } from './sign-in-deps.ts'
import { sendPage } from './sign-in-desk.ts'

const open = { config: { access: 'public', rate: 'pages' } } as const

/** `user.login.failed` for an error that neither the method nor the hub expected. */
const UNEXPECTED = 'sign_in_failed'

/**
 * Sends a visitor without a session to sign in: directly if there is a single way or one is required, otherwise to the
 * page that lists them. Throws 503 `sign_in_unavailable` if there is no way to sign in.
 */
export function beginLogin(
  deps: SignInDeps,
  reply: FastifyReply,
  {
    state,
    connector,
    appHost,
    another = false,
  }: {
    readonly state: string
    readonly connector: string | null
    /** The app's host that the person asked for, which the page names. */
    readonly appHost: string | null
    /** The provider asks which account to use. */
    readonly another?: boolean
  },
): FastifyReply {
  const { methods, pages, publicNames } = deps
  const choices = methods().flatMap((method) => method.choices().map((choice) => ({ method, choice })))
  if (choices.length === 0) {
    deps.log.warn('nobody can sign in: add an identity provider with mezctl sso create')
    throw new Problem(503, 'sign_in_unavailable', 'Nobody can sign in yet. Ask your administrator.')
  }
  // Only app sessions require the configured connector; the hub's own pages accept any.
  const wanted = connector ?? (choices.length === 1 ? choices[0]!.choice.id : null)
  if (wanted === null) {
    const forms = new Map(methods().map((method) => [method, method.form?.(reply, { state }) ?? null]))
    const query = `state=${encodeURIComponent(state)}${another ? '&another=1' : ''}`
    const preferred = publicNames.appsOidcConnector
    const listed = choices
      .filter(({ method }) => !forms.get(method))
      .map(({ choice: { id, title, host } }) => ({
        ...{ title, host, preferred: id === preferred },
        href: `/web/login?${query}&connector=${encodeURIComponent(id)}`,
      }))
    // The host is named whether it has an app or not: before sign-in, nothing may reveal whether an app exists.
    const shown = [...forms.values()].filter((form) => form !== null)
    return sendPage(reply, pages(reply.request).chooser(listed, shown, appHost))
  }
  const found = choices.find(({ choice }) => choice.id === wanted)
  if (!found) {
    const required = publicNames.appsOidcConnector === wanted
    if (required) deps.log.warn({ connector: wanted }, 'proxy.apps_oidc_connector names no connector')
    const detail = required
      ? 'Sign-in to applications is not available. Ask your administrator.'
      : 'This way to sign in no longer exists. Open the page again.'
    throw new Problem(required ? 503 : 404, 'sign_in_unavailable', detail)
  }
  const path = `/v1/webapi/${found.method.name}/login/${encodeURIComponent(wanted)}`
  const more = another ? '&another=1' : ''
  return reply.redirect(`${publicNames.signInOrigin}${path}?state=${encodeURIComponent(state)}${more}`, 302)
}

/** The routes where each sign-in method begins, and to which its provider sends the browser back. */
export function loginRoutes(app: FastifyInstance, deps: SignInDeps, desk: SignInDesk): void {
  for (const method of deps.methods()) {
    const base = `/v1/webapi/${method.name}`
    app.get<{ Params: { choice: string } }>(`${base}/login/:choice`, open, (request, reply) =>
      begin(method, request.params.choice, request, reply),
    )
    if (!method.callback) continue
    app.get<{ Params: { choice: string } }>(`${base}/callback/:choice`, open, (request, reply) =>
      finish(method, request.params.choice, request, reply),
    )
    // The URL that was registered at the provider when there was a single connector.
    app.get(`${base}/callback`, open, (request, reply) =>
      finish(method, onlyOf(method.choices())?.id ?? '', request, reply),
    )
  }

  async function begin(method: SignInMethod, choice: string, request: FastifyRequest, reply: FastifyReply) {
    const state = fieldOf(request.query, 'state') ?? ''
    try {
      requireChoice(method, choice)
      if (!desk.open(state)) throw expired()
      const another = fieldOf(request.query, 'another') === '1'
      return await method.begin(request, reply, { choice, state, another })
    } catch (error) {
      return fail({ method, choice, request, reply, error, state, recorded: false })
    }
  }

  async function finish(method: SignInMethod, choice: string, request: FastifyRequest, reply: FastifyReply) {
    let recorded = false
    let state: string | null = null
    try {
      requireChoice(method, choice)
      recorded = true
      const signedIn = await method.callback!(request, reply, choice)
      if (signedIn === null) return reply
      ;({ state } = signedIn)
      return await desk.complete(request, reply, { ...signedIn, connector: choice, method: method.name })
    } catch (error) {
      return fail({ method, choice, request, reply, error, state, recorded })
    }
  }

  /** Every failure produces a page and a log line and, after the return from the provider, an audit event. */
  function fail(input: {
    readonly method: SignInMethod
    readonly choice: string
    readonly request: FastifyRequest
    readonly reply: FastifyReply
    readonly error: unknown
    readonly state: string | null
    readonly recorded: boolean
  }): FastifyReply {
    const { method, choice, request, reply, error } = input
    const failure = error instanceof SignInFailure ? error : null
    const problem = error instanceof Problem ? error : problemOf(error)
    const unexpected = problem.code === 'internal_error'
    const reason = unexpected ? UNEXPECTED : problem.code
    const known = method.choices().some(({ id }) => id === choice)
    const connector = known ? choice : 'unknown'
    const recorded = input.recorded && (failure?.recorded ?? true)
    const fields = { request_id: request.id, connector, reason, ...failure?.fields, cause: causesOf(error) }
    if (unexpected) deps.log.error(fields, 'a sign-in failed')
    else if (recorded || problem.status >= 500) deps.log.warn(fields, 'a sign-in failed')
    else deps.log.info({ ...fields, client_ip: request.clientIp }, 'a sign-in failed')
    if (!recorded) recordFailure(deps.audit, request, problem)
    else
      deps.audit.record({
        type: 'user.login.failed',
        success: false,
        reason,
        clientIp: request.clientIp,
        requestId: request.id,
        fields: { connector, method: method.name, ...failure?.fields },
      })
    const state = failure?.state ?? input.state
    const retryUrl =
      state !== null && desk.open(state) ? `/web/login?state=${encodeURIComponent(state)}` : '/'
    const again = retryUrl === '/' ? '' : `&connector=${encodeURIComponent(choice)}`
    return sendPage(
      // The page of a sign-in that only has to wait continues with the same choice.
      reply.code(statusOfPage(request, reply, problem, `${retryUrl}${again}`)),
      deps.pages(request).error({
        status: problem.status,
        title: titleOf(problem),
        code: reason,
        detail: unexpected ? 'Something went wrong. The error was logged. Try again.' : problem.message,
        requestId: request.id,
        retryUrl,
      }),
    )
  }
}

function requireChoice(method: SignInMethod, choice: string): void {
  if (method.choices().some(({ id }) => id === choice)) return
  throw new Problem(404, 'connector_unknown', 'This way to sign in does not exist. Open the page again.')
}

const onlyOf = (choices: readonly SignInChoice[]) => (choices.length === 1 ? choices[0] : undefined)

const titleOf = ({ members: { title } }: Problem): string => (typeof title === 'string' ? title : '')

export function expired(): Problem {
  return new Problem(400, 'state_expired', 'This sign-in link has expired. Open the page again.')
}
