import type { App } from '@mezite/core'
import type { Tunnel } from '@mezite/core/protocol'
import type { Deadlines, Waiting } from '../deadlines.ts'
import { limits } from '../limits.ts'
import type { Upstream } from './upstream.ts'

const ignore = () => {}

/**
 * Idle connections to apps. Never shared between sessions, because an app may send an unsolicited response, which would
 * reach the next user. Bounded per session and per app; closed after 15 s, and within 1 s when the agent no longer serves
 * the app or uses another link, because an agent that stops waits for them.
 */
export class PipePool {
  readonly #deadlines: Deadlines
  readonly #tunnel: Pick<Tunnel, 'candidates'>
  /** By session, most recently used last: a session has few, mostly to one app. */
  readonly #idle = new Map<string, Upstream[]>()
  readonly #countByApp = new Map<string, number>()
  readonly #sweep: Waiting
  readonly #forget = (upstream: Upstream) => {
    const stack = this.#idle.get(upstream.sessionKey)
    const at = stack?.lastIndexOf(upstream) ?? -1
    if (stack !== undefined && at >= 0) this.#remove(stack, at)
  }

  constructor(deadlines: Deadlines, tunnel: Pick<Tunnel, 'candidates'>) {
    this.#deadlines = deadlines
    this.#tunnel = tunnel
    this.#sweep = { deadline: 0, index: -1, onlate: () => this.#expire() }
    deadlines.add(this.#sweep)
  }

  /**
   * The most recently used connection of this session to this revision of the app through this agent; `version`: of HTTP,
   * or null for any.
   */
  take(
    sessionKey: string,
    app: App,
    agent: string,
    version: Upstream['version'] | null = null,
  ): Upstream | undefined {
    const stack = this.#idle.get(sessionKey)
    if (stack === undefined) return undefined
    for (let at = stack.length - 1; at >= 0; at--) {
      const upstream = stack[at] as Upstream
      if (!leadsTo(upstream, app, agent) || (version !== null && upstream.version !== version)) continue
      this.#remove(stack, at)
      if (upstream.app === app && !upstream.gone && !upstream.going) return upstream
      upstream.destroy()
    }
    return undefined
  }

  /** Takes back a connection after a clean exchange, or closes it when there are enough. */
  give(upstream: Upstream): void {
    upstream.leave()
    upstream.reused = true
    // A connection that was released while paused would never read again.
    upstream.resume()
    const { app, sessionKey } = upstream
    const stack = this.#idle.get(sessionKey)
    const count = this.#countByApp.get(app.id) ?? 0
    const own = stack?.length ?? 0
    if (upstream.going || own >= limits.idlePipesPerSession || count >= limits.idlePipesPerApp) {
      upstream.destroy()
      return
    }
    upstream.idleSince = this.#deadlines.now
    upstream.ongone = this.#forget
    upstream.pipe.setIdle?.(true)
    if (stack === undefined) this.#idle.set(sessionKey, [upstream])
    else stack.push(upstream)
    this.#countByApp.set(app.id, count + 1)
  }

  close(): void {
    this.#deadlines.remove(this.#sweep)
    for (const stack of [...this.#idle.values()]) for (const upstream of [...stack]) upstream.destroy()
  }

  #remove(stack: Upstream[], at: number): void {
    const last = at === stack.length - 1
    const upstream = (last ? stack.pop() : stack.splice(at, 1)[0]) as Upstream
    upstream.ongone = ignore
    upstream.pipe.setIdle?.(false)
    const { id } = upstream.app
    const count = (this.#countByApp.get(id) ?? 1) - 1
    if (count === 0) this.#countByApp.delete(id)
    else this.#countByApp.set(id, count)
  }

  #expire(): void {
    const oldest = this.#deadlines.now - limits.idlePipeMs
    const serving = new Map<App, ReadonlySet<string>>()
    const serves = ({ app, agent }: Upstream): boolean => {
      let agents = serving.get(app)
      if (agents === undefined) {
        agents = this.#serving(app)
        serving.set(app, agents)
      }
      return agents.has(agent)
    }
    for (const [key, stack] of [...this.#idle]) {
      for (const upstream of [...stack]) {
        if (upstream.idleSince <= oldest || upstream.going || !serves(upstream)) upstream.destroy()
      }
      // Not as soon as it is empty: an active session empties it with each request.
      if (stack.length === 0) this.#idle.delete(key)
    }
    this.#sweep.deadline = this.#deadlines.now + 1_000
  }

  #serving(app: App): ReadonlySet<string> {
    try {
      return new Set(this.#tunnel.candidates(app).map(({ hostname }) => hostname))
    } catch {
      // A plugin that chooses agents has failed; the next request reports it.
      return new Set()
    }
  }
}

function leadsTo(upstream: Upstream, app: App, agent: string): boolean {
  return upstream.app.id === app.id && upstream.agent === agent
}
