import { type App, messageOf, Problem } from '@mezite/core'
import { isGrpcCall, type Pipe } from '@mezite/core/protocol'
import type { Deps } from '../deps.ts'
import { problemAbout } from '../reasons.ts'
import type { HttpVersions } from '../request/app-mapping.ts'
import type { AppRequest } from '../request/app-request.ts'
import type { Admitted } from '../session/admission.ts'
import { titleOf } from '../texts.ts'
import { Http1Upstream } from '../upstream/http1-upstream.ts'
import { Http2Upstream } from '../upstream/http2-upstream.ts'
import { isSecure, type Upstream } from '../upstream/upstream.ts'
import { endedProblem } from './outcome.ts'

/** No connection to the app could be opened. People get the code, and the audit trail the reason and the agent. */
export class DialProblem extends Problem {
  readonly reason: string
  /** Host name of the agent that was asked last. */
  readonly agent: string | null

  constructor(given: Problem, reason: string, agent: string | null) {
    super(given.status, given.code, given.message, given.members)
    this.cause = given.cause
    this.reason = reason
    this.agent = agent
  }
}

/** The result of an earlier attempt at the same request. */
export interface Attempt {
  /** An agent whose link has just broken. */
  readonly avoid: string | null
  /** Dial a new connection: an idle one has just turned out to be dead. */
  readonly fresh: boolean
  readonly versions: HttpVersions
}

/**
 * Finds a connection to the app of an admitted request: an idle one of the same session, else a new one. Synchronous
 * when an idle connection is found. No byte of the request has left before `done`.
 */
export function openUpstream(
  { tunnel, pool }: Pick<Deps, 'tunnel' | 'pool'>,
  { admission, request, sharer }: Admitted,
  { avoid, fresh, versions }: Attempt,
  done: (result: Upstream | Problem) => void,
): void {
  const { app, session } = admission
  const key = session?.id ?? sharer
  const version = versionFor(versions, request)
  let kept: Upstream | undefined
  const idle = (agent: string) => {
    kept = pool.take(key, app, agent, version)
    return kept?.pipe
  }
  const alpn = version === '1.1' ? HTTP1 : version === '2' ? HTTP2 : NEGOTIATED
  const opened = tunnel.open(admission, fresh ? { avoid, alpn } : { avoid, alpn, idle })
  if (!(opened instanceof Promise)) return void done(kept as Upstream)
  opened.then(
    (pipe) => done(kept?.pipe === pipe ? kept : connect(pipe, app, key, version)),
    (error: unknown) =>
      done(admission.ended === null ? dialProblem(titleOf(app), error) : endedProblem(admission)),
  )
}

/** Protocols to offer in TLS to the app (ALPN), best first. */
const HTTP1: readonly string[] = ['http/1.1']
const HTTP2: readonly string[] = ['h2']
const NEGOTIATED: readonly string[] = ['h2', 'http/1.1']

/** The version that a request needs of a connection; null: the one that TLS negotiates. WebSockets need HTTP/1.1. */
function versionFor(
  { usual, ofGrpcCalls }: HttpVersions,
  { upgrade, lines }: AppRequest,
): Upstream['version'] | null {
  if (upgrade) return '1.1'
  return usual !== ofGrpcCalls && isGrpcCall(lines) ? ofGrpcCalls : usual
}

function connect(pipe: Pipe, app: App, key: string, wanted: Upstream['version'] | null): Upstream | Problem {
  const version = wanted ?? (pipe.alpn === 'h2' ? '2' : '1.1')
  if (version === '1.1') return new Http1Upstream(pipe, app, key)
  if (!isSecure(app.uri) || pipe.alpn === 'h2') return new Http2Upstream(pipe, app, key)
  pipe.onclose = () => {}
  pipe.destroy()
  const problem = problemAbout('http2_unavailable', titleOf(app))
  problem.cause =
    'TLS did not negotiate HTTP/2: set http.version of the app to auto or 1.1, or upgrade the agent'
  return problem
}

function dialProblem(app: string, error: unknown): Problem {
  const { reason, agent } = (error ?? {}) as { readonly reason?: unknown; readonly agent?: unknown }
  const problem = problemOf(app, error)
  const known = typeof reason === 'string' && REASON.test(reason)
  return new DialProblem(problem, known ? reason : problem.code, typeof agent === 'string' ? agent : null)
}

const REASON = /^[a-z0-9_]{1,64}$/

/** What people are told; everything else is a matter of operators. */
const SHOWN = ['agent_unbound', 'agent_none', 'agent_limit', 'agent_choice_failed'] as const

function problemOf(app: string, error: unknown): Problem {
  const { code, reason } = (error ?? {}) as { readonly code?: unknown; readonly reason?: unknown }
  if (code === 'MEZ_DIAL_TIMEOUT') return problemAbout('app_timeout', app)
  const shown = SHOWN.find((one) => one === reason) ?? 'app_unreachable'
  const problem = problemAbout(shown, app)
  if (shown === 'agent_choice_failed' || shown === 'app_unreachable') problem.cause = messageOf(error)
  return problem
}
