import { databaseProblem, Problem, problemFor, SignInFailure, type SignInMethod } from '@mezite/core'
import { causesOf, rarely } from '@mezite/core/identity'
import type { Deps, Reply, Request, Web } from './deps.ts'
import { queryField } from './query-field.ts'

/** Browsers come here from the pages and from providers, and see pages about failures. */
const open = { config: { access: 'public', rate: 'pages', errors: 'page' } } as const

/** `user.login.failed` for an error that neither the method nor the hub expected. */
const UNEXPECTED = 'sign_in_failed'

/** The routes where each sign-in method begins, and to which its provider sends the browser back. */
export function loginRoutes(app: Web, { audit, desk, log, methods }: Deps): void {
  const warnRarely = rarely(log)
  for (const method of methods) {
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

  async function begin(method: SignInMethod, choice: string, request: Request, reply: Reply) {
    const state = queryField(request.query, 'state') ?? ''
    try {
      requireChoice(method, choice)
      if (!desk.open(state)) throw expired()
      const another = queryField(request.query, 'another') === '1'
      return await method.begin(request, reply, { choice, state, another })
    } catch (error) {
      throw failed({ method, choice, request, error, state, recorded: false })
    }
  }

  async function finish(method: SignInMethod, choice: string, request: Request, reply: Reply) {
    let recorded = false
    let state: string | null = null
    try {
      const isTest = method.isTest?.(request) === true
      if (!isTest) requireChoice(method, choice)
      recorded = !isTest
      const signedIn = await method.callback!(request, reply, choice)
      if (signedIn === null) return reply
      if (isTest) throw unknownChoice()
      ;({ state } = signedIn)
      return await desk.complete(request, reply, { ...signedIn, connector: choice, method: method.name })
    } catch (error) {
      throw failed({ method, choice, request, error, state, recorded })
    }
  }

  /** Every failure produces a page and a log line and, after the return from the provider, an audit event. */
  function failed(input: {
    readonly method: SignInMethod
    readonly choice: string
    readonly request: Request
    readonly error: unknown
    readonly state: string | null
    readonly recorded: boolean
  }): Problem {
    const { method, choice, request, error } = input
    const failure = error instanceof SignInFailure ? error : null
    const known = error instanceof Problem ? error : databaseProblem(error)
    const {
      code: reason,
      status,
      message,
      members,
    } = known ?? new Problem(500, UNEXPECTED, 'Something went wrong. The error was logged. Try again.')
    // The method may throw one object to several people.
    const problem = new Problem(status, reason, message, members)
    const connector = method.choices().some(({ id }) => id === choice) ? choice : 'unknown'
    const recorded = input.recorded && (failure?.recorded ?? true)
    const fields = { request_id: request.id, connector, reason, ...failure?.fields, cause: causesOf(error) }
    if (known === null) log.error(fields, 'a sign-in failed')
    else if (recorded || status >= 500) log.warn(fields, 'a sign-in failed')
    // Anybody can open a link that no sign-in began.
    else warnRarely(reason, 'a sign-in failed', null, { ...fields, client_ip: request.clientIp })
    if (recorded) {
      audit.record({
        type: 'user.login.failed',
        success: false,
        reason,
        clientIp: request.clientIp,
        requestId: request.id,
        fields: { connector, method: method.name, ...failure?.fields },
      })
      problem.audited = true
    }
    const state = failure?.state ?? input.state
    if (state === null || !desk.open(state)) problem.retryUrl = '/'
    else {
      // The page of a sign-in that only has to wait continues with the same choice.
      const again = reason === 'handover_busy' ? `&connector=${encodeURIComponent(choice)}` : ''
      problem.retryUrl = `/web/login?state=${encodeURIComponent(state)}${again}`
    }
    return problem
  }
}

function requireChoice(method: SignInMethod, choice: string): void {
  if (method.choices().some(({ id }) => id === choice)) return
  throw unknownChoice()
}

const unknownChoice = () =>
  problemFor('connector_unknown', 'This way to sign in does not exist. Open the page again.')

const onlyOf = (choices: ReturnType<SignInMethod['choices']>) =>
  choices.length === 1 ? choices[0] : undefined

export function expired(): Problem {
  return problemFor('state_expired', 'This sign-in link has expired. Open the page again.')
}
