import { type App, messageOf, Problem } from '@mezite/core'
import type { Link, Pipe, Tunnel } from '@mezite/core/protocol'
import type { PipePool } from './pipe-pool.ts'
import { Upstream } from './upstream.ts'

export interface OpenInput {
  readonly tunnel: Tunnel
  readonly pool: PipePool
  readonly app: App
  readonly sessionKey: string
  /** An agent whose link has just broken: asked last, by the link that it may have made since. */
  readonly avoid: string | null
  /** Dial anew: an idle connection has just turned out to be dead. */
  readonly fresh: boolean
}

/**
 * Finds a connection to the app: the agent is chosen first, then an idle connection through it, else a new one;
 * when a dial fails the next agent is asked. No byte of a request has left before `done`. Synchronous when an idle
 * connection serves.
 */
export function openUpstream(input: OpenInput, done: (result: Upstream | Problem) => void): void {
  const { app, tunnel, avoid } = input
  if (app.agents.length === 0) {
    done(new Problem(502, 'agent_unbound', `No agent is bound to ${app.name}.`))
    return
  }
  const all = candidatesOf(tunnel, app)
  if (all instanceof Problem) {
    done(all)
    return
  }
  if (all.length === 0) {
    done(new Problem(502, 'agent_none', `No agent of ${app.name} is connected right now.`))
    return
  }
  const links =
    avoid === null
      ? all
      : [...all].sort((a, b) => Number(a.hostname === avoid) - Number(b.hostname === avoid))
  tryNext(input, links, 0, null, done)
}

/** A plugin that chooses agents may fail, also when a request is repeated: nobody above would catch it then. */
function candidatesOf(tunnel: Tunnel, app: App): readonly Link[] | Problem {
  try {
    return tunnel.candidates(app)
  } catch (error) {
    const problem = new Problem(502, 'agent_choice_failed', `No agent of ${app.name} could be chosen.`)
    problem.cause = messageOf(error)
    return problem
  }
}

function tryNext(
  input: OpenInput,
  links: readonly Link[],
  at: number,
  last: Problem | null,
  done: (result: Upstream | Problem) => void,
): void {
  const link = links[at]
  if (link === undefined) {
    done(last as Problem)
    return
  }
  const { app, sessionKey } = input
  const idle = input.fresh ? undefined : input.pool.take(sessionKey, app, link.hostname)
  if (idle !== undefined) {
    done(idle)
    return
  }
  dial(input.tunnel, app, link).then(
    (pipe) => done(new Upstream(pipe, app, sessionKey)),
    (error: unknown) => tryNext(input, links, at + 1, dialProblem(app, error), done),
  )
}

/** Dials with the app's own deadline. A pipe that comes too late is closed unused. */
function dial(tunnel: Tunnel, app: App, link: Link): Promise<Pipe> {
  return new Promise((resolve, reject) => {
    let late = false
    const timer = setTimeout(() => {
      late = true
      reject(Object.assign(new Error('the agent did not answer in time'), { code: 'MEZ_DIAL_TIMEOUT' }))
    }, app.timeouts.connectMs)
    tunnel.dial(app, link).then(
      (pipe) => {
        clearTimeout(timer)
        if (!late) return resolve(pipe)
        pipe.onclose = () => {}
        pipe.destroy()
      },
      (error: unknown) => {
        clearTimeout(timer)
        reject(error)
      },
    )
  })
}

function dialProblem(app: App, error: unknown): Problem {
  if ((error as { code?: unknown } | null)?.code === 'MEZ_DIAL_TIMEOUT')
    return new Problem(504, 'app_timeout', `${app.name} could not be reached in time.`)
  const reason = (error as { reason?: unknown } | null)?.reason
  if (reason === 'agent_limit')
    return new Problem(503, 'agent_limit', `All agents of ${app.name} are busy at the moment.`)
  const problem = new Problem(
    502,
    'app_unreachable',
    `${app.name} cannot be reached${typeof reason === 'string' ? ` (${reason})` : ''}.`,
  )
  problem.cause = messageOf(error)
  return problem
}
