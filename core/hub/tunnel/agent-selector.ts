import type { App } from '../../api/app.ts'
import type { HubCalls } from '../../api/hub-hooks.ts'
import type { Tunnel } from '../../api/tunnel.ts'
import { messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import { DialError } from './dial-error.ts'
import type { LiveLink } from './link.ts'
import type { LiveLinks } from './link-registry.ts'
import { dialThrough } from './tunnel-dialer.ts'

/** Longest list of agents whose last error is remembered for `apps get`. */
const ERRORS_KEPT = 10_000
/** Below what HTTP/2 admits on a link: beyond that a dial would wait instead of going elsewhere. */
const STREAMS_PER_AGENT = 9_000

/** Last those that may soon be cut. */
const byLoad = (a: LiveLink, b: LiveLink): number =>
  Number(a.moving) - Number(b.moving) || a.streams - b.streams || a.turn - b.turn

/** The way to an app through the live links: least open streams first, then round robin. */
export function findWay(options: {
  readonly links: Pick<LiveLinks, 'get' | 'list'>
  readonly hooks: Pick<HubCalls['tunnel'], 'route'>
  readonly isAgentLocked: (hostname: string) => boolean
  readonly streamsPerAgent?: number
  readonly log: Log
}): Tunnel {
  const { links, hooks, isAgentLocked, log, streamsPerAgent = STREAMS_PER_AGENT } = options
  const errors = new Map<string, string>()
  let turn = 0

  /** A plugin may reorder and drop, never add; when its answer is unusable no link serves. */
  function routed(found: readonly LiveLink[], app: App): readonly LiveLink[] {
    try {
      const answer = new Set<unknown>(hooks.route(Object.freeze([...found]), app))
      return [...answer].filter((link): link is LiveLink => found.includes(link as LiveLink))
    } catch (error) {
      log.error({ app: app.name, cause: messageOf(error) }, 'tunnel.route failed, so no agent serves')
      return []
    }
  }

  const way: Tunnel = {
    candidates(app) {
      const found: LiveLink[] = []
      for (const hostname of app.agents) {
        const link = links.get(hostname)
        if (link?.usable && !isAgentLocked(hostname)) found.push(link)
      }
      if (found.length > 1) found.sort(byLoad)
      if (hooks.route.empty) return found
      return routed(found, app)
    },
    async dial(app, link) {
      const { hostname } = link
      const current = links.get(hostname)
      if (current !== link || !current.usable) {
        throw new DialError('MEZ_LINK_LOST', 'link_lost', `the link to ${hostname} is gone`)
      }
      if (!app.agents.includes(hostname) || isAgentLocked(hostname)) {
        throw new DialError('MEZ_DIAL_FAILED', 'agent_not_bound', `${hostname} may not serve ${app.name}`)
      }
      if (current.streams >= streamsPerAgent) {
        throw new DialError('MEZ_DIAL_FAILED', 'agent_limit', `${hostname} has too many connections open`)
      }
      turn += 1
      current.turn = turn
      try {
        const pipe = await dialThrough(current, app)
        errors.delete(hostname)
        return pipe
      } catch (error) {
        if (errors.size < ERRORS_KEPT || errors.has(hostname)) errors.set(hostname, messageOf(error))
        throw error
      }
    },
    async open(app) {
      let failure: unknown = new DialError(
        'MEZ_AGENT_NONE',
        'agent_none',
        `no agent of ${app.name} is connected`,
      )
      for (const link of way.candidates(app)) {
        try {
          return await way.dial(app, link)
        } catch (error) {
          failure = error
        }
      }
      throw failure
    },
    links: () => links.list(),
    lastError: (hostname) => errors.get(hostname) ?? null,
    disconnect: (hostname, reason) => links.get(hostname)?.destroy(reason),
  }
  return way
}
