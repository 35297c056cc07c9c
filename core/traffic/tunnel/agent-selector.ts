import type { Admission } from '../../api/admission.ts'
import type { App } from '../../api/app.ts'
import { appKinds } from '../../api/app-kinds.ts'
import type { Audit } from '../../api/audit.ts'
import type { HubHooks } from '../../api/hub-hooks.ts'
import type { OpenOptions, Pipe, Tunnel } from '../../api/tunnel.ts'
import { isMezError, messageOf } from '../../kernel/error.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { Log } from '../../kernel/log.ts'
import type { ForeignReason } from '../../kernel/reason.ts'
import { type LinkChoice, LONGEST_TARGET, openAdmitted } from './admitted-open.ts'
import type { Agents } from './agents.ts'
import type { AppHealth } from './app-health.ts'
import { healthAlpn, postAsHub } from './health-request.ts'
import type { LiveLinks } from './link-registry.ts'
import type { ServingLinks } from './serving-links.ts'
import { DialError, dialThrough, isDirect, type ServingLink } from './tunnel-dialer.ts'

/** Hubs through which one request tries to reach an agent. */
const MOST_WAYS = 3

/** Links that the agent is about to replace come last, and before them those that another hub relays. */
const byLoad = (a: ServingLink, b: ServingLink): number =>
  Number(a.moving) - Number(b.moving) ||
  Number(isDirect(b)) - Number(isDirect(a)) ||
  a.load - b.load ||
  a.turn - b.turn

export interface SelectorNeeds {
  readonly audit: Pick<Audit, 'record'>
  readonly config: { readonly tunnel: { readonly streams_per_agent: number } }
  readonly kernel: Pick<Kernel<HubHooks>, 'calls' | 'slot'>
  readonly locks: { isAgentLocked(hostname: string): boolean }
  readonly log: Log
}

/** Chooses among the live links: least streams in use first, then round robin. */
export function createAgentSelector(
  { audit, config, kernel, locks, log }: SelectorNeeds,
  tunnel: {
    /** The links of this hub, and those through which it reaches agents. */
    readonly links: Pick<LiveLinks, 'get'>
    readonly serving: ServingLinks
    readonly health: Pick<AppHealth, 'record' | 'stateOf' | 'lastError'>
    readonly agents: Pick<Agents, 'get'>
  },
): Tunnel {
  const { links, agents, serving, health } = tunnel
  const streamsPerAgent = config.tunnel.streams_per_agent
  const hooks = kernel.calls.tunnel
  let turn = 0

  /** Whether the agent is locked or removed. */
  const isBarred = (hostname: string): boolean =>
    locks.isAgentLocked(hostname) || agents.get(hostname) === undefined

  /**
   * A plugin may reorder or drop links but not add any. If an answer is unusable, no link is used. Each answer is checked at
   * its tap, so that the error names the plugin, and so is what the hook returns: no fault in the hook reaches another app.
   */
  function routed(found: readonly ServingLink[], app: App): readonly ServingLink[] {
    const offered = (answer: Iterable<unknown>): readonly ServingLink[] =>
      Object.freeze(
        [...new Set(answer)].filter((link): link is ServingLink => found.includes(link as ServingLink)),
      )
    try {
      return offered(hooks.route(Object.freeze([...found]), app, { accept: offered }))
    } catch (error) {
      log.error({ app: app.name, cause: messageOf(error) }, 'tunnel.route failed, so no agent is used')
      return []
    }
  }

  function candidates(app: App): readonly ServingLink[] {
    let found: readonly ServingLink[] = []
    for (const hostname of app.agents) {
      const link = serving.get(hostname)
      // Mostly there is one, for which a list that grows would be long.
      if (link?.usable && !isBarred(hostname)) found = found.length === 0 ? [link] : [...found, link]
    }
    if (found.length > 1) found = found.toSorted(byLoad)
    if (hooks.route.empty) return found
    return routed(found, app)
  }

  /** Counts a use of the link for the round robin, of a new connection or an idle one. */
  function use(link: ServingLink): void {
    turn += 1
    link.turn = turn
  }

  /** Checks the link again, since it may have changed after it became a candidate. */
  async function dial(app: App, link: ServingLink, options: OpenOptions, ways = MOST_WAYS): Promise<Pipe> {
    const { alpn, target } = options
    const { hostname } = link
    if (!link.usable) {
      throw new DialError('MEZ_LINK_LOST', 'link_lost', `the link to ${hostname} is gone`, hostname)
    }
    const notBound = () => {
      const message = `${hostname} may not serve ${app.name}`
      return new DialError('MEZ_DIAL_FAILED', 'agent_not_bound', message, hostname)
    }
    if (!app.agents.includes(hostname) || isBarred(hostname)) throw notBound()
    if (link.streams >= streamsPerAgent) {
      const message = `${hostname} has too many connections open`
      throw new DialError('MEZ_DIAL_FAILED', 'agent_limit', message, hostname)
    }
    use(link)
    let pipe: Pipe
    try {
      pipe = await dialThrough(link, app, alpn)
    } catch (error) {
      // Another hub may still relay to the agent. No byte has left yet.
      const next = isMezError(error, 'MEZ_LINK_LOST') && !isDirect(link) ? serving.get(hostname) : undefined
      if (next?.usable && next !== link && ways > 1) return dial(app, next, options, ways - 1)
      // A target says nothing about the app.
      if (target === undefined) health.record(app, link, error)
      throw error
    }
    // The hub that relays may learn of a lock later than this one.
    if (isBarred(hostname)) {
      pipe.destroy()
      throw notBound()
    }
    if (target === undefined) health.record(app, link, null)
    return pipe
  }

  /** Records where the admission led, and whether it got there. */
  async function openTarget(admission: Admission, given: OpenOptions, target: string): Promise<Pipe> {
    const { app, subject, session, context, requestId } = admission
    const about = {
      user: subject?.user ?? null,
      roles: subject?.roles ?? null,
      grants: subject?.grants,
      actsFor: subject?.actsFor,
    }
    const record = ({ reason, agent }: { readonly reason: string | null; readonly agent: string | null }) =>
      audit.record({
        type: 'app.target',
        success: reason === null,
        reason,
        ...about,
        requestId,
        sessionId: session?.id ?? null,
        clientIp: context.clientIp,
        fields: { app: app.name, target: target.slice(0, LONGEST_TARGET), agent },
      })
    try {
      const pipe = await openAdmitted(admission, given, choice)
      record({ reason: null, agent: pipe.agent })
      return pipe
    } catch (error) {
      record(error instanceof DialError ? error : { reason: 'failed', agent: null })
      throw error
    }
  }

  const choice: LinkChoice<ServingLink> = {
    candidates,
    dial,
    use,
    returned: (app) => serving.returned(app.agents),
    mayTarget: ({ protocol }) =>
      kernel.slot(appKinds).find(({ name }) => name === protocol)?.targets === true,
  }

  return {
    candidates,
    open: (admission, given) =>
      given?.target === undefined
        ? openAdmitted(admission, given, choice)
        : openTarget(admission, given, given.target),
    async post(app, path, form) {
      const [link] = candidates(app)
      if (!link) throw new DialError('MEZ_AGENT_NONE', 'agent_none', `no agent of ${app.name} is connected`)
      const pipe = await dial(app, link, { alpn: healthAlpn(app) })
      const status = await postAsHub(pipe, app, path, form)
      if (typeof status === 'number') return status
      throw new DialError('MEZ_DIAL_FAILED', 'app_silent', `${app.name}: ${status}`, link.hostname)
    },
    links: serving.list,
    stateOf: health.stateOf,
    lastError: health.lastError,
    disconnect: (hostname, reason) => links.get(hostname)?.destroy(reason as ForeignReason),
  }
}
