import type { Admission } from '../../api/admission.ts'
import type { App } from '../../api/app.ts'
import { appKinds } from '../../api/app-kinds.ts'
import type { Link, OpenOptions, Pipe, Tunnel } from '../../api/tunnel.ts'
import { type AdmissionState, stateOf } from '../../gate/access/admission.ts'
import type { Needs } from '../../hub/room.ts'
import { isMezError, messageOf } from '../../kernel/error.ts'
import type { ServingLinks } from '../../state/hubs/cluster.ts'
import { authorityOf } from '../../wire/dial-headers.ts'
import type { AppHealth } from './app-health.ts'
import { LiveLink } from './link.ts'
import type { LiveLinks } from './link-registry.ts'
import { DialError, dialThrough, type ServingLink } from './tunnel-dialer.ts'

/** Hubs through which one request tries to reach an agent. */
const MOST_WAYS = 3
const TARGET = /^tcp:\/\/(\[[0-9a-f:.]+\]|[a-z0-9_][a-z0-9._-]*):[1-9][0-9]{0,4}$/i
const LONGEST_TARGET = 300

const isDirect = (link: ServingLink): link is LiveLink => link instanceof LiveLink

/** Links that the agent is about to replace come last, and before them those that another hub relays. */
const byLoad = (a: ServingLink, b: ServingLink): number =>
  Number(a.moving) - Number(b.moving) ||
  Number(isDirect(b)) - Number(isDirect(a)) ||
  a.load - b.load ||
  a.turn - b.turn

/** Chooses among the live links: least streams in use first, then round robin. */
export function createAgentSelector(
  { audit, config, kernel, log }: Needs<'audit' | 'config' | 'kernel'>,
  tunnel: {
    /** The links of this hub, and those through which it reaches agents. */
    readonly links: Pick<LiveLinks, 'get'>
    readonly serving: ServingLinks
    readonly health: Pick<AppHealth, 'record' | 'stateOf' | 'lastError'>
    /** Whether the agent is locked or removed. */
    readonly isBarred: (hostname: string) => boolean
  },
): Tunnel {
  const { links, serving, health, isBarred } = tunnel
  const { streams_per_agent: streamsPerAgent } = config.tunnel
  const hooks = kernel.calls.tunnel
  let turn = 0

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
    const found: ServingLink[] = []
    for (const hostname of app.agents) {
      const link = serving.get(hostname)
      if (link?.usable && !isBarred(hostname)) found.push(link)
    }
    if (found.length > 1) found.sort(byLoad)
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
    const about = { user: subject?.user ?? null, roles: subject?.roles ?? null, grants: subject?.grants }
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
    links: serving.list,
    stateOf: health.stateOf,
    lastError: health.lastError,
    disconnect: (hostname, reason) => links.get(hostname)?.destroy(reason),
  }
}

/** How `openAdmitted` reaches apps. */
interface LinkChoice<L extends Link> {
  /** The links that may serve the app, best first. */
  readonly candidates: (app: App) => readonly L[]
  readonly dial: (app: App, link: L, options: OpenOptions) => Promise<Pipe>
  readonly use?: (link: L) => void
  /** Waits for a link of the app that was just lost. False: there is none, or it does not return in time. */
  readonly returned?: (app: App) => Promise<boolean>
  /** Whether an admission to the app may open connections to targets of the caller's choosing. */
  readonly mayTarget?: (app: App) => boolean
}

/**
 * `Tunnel.open` over any kind of link. Only a valid admission of the gate can open a connection, and the gate confirms the
 * admission again once the connection is open. If all links of the app are lost, for example because they ran through
 * another hub that was killed, it waits once for one to return: no byte of the request has left yet.
 */
export function openAdmitted<L extends Link>(
  admission: Admission,
  options: OpenOptions = {},
  choice: LinkChoice<L>,
): Pipe | Promise<Pipe> {
  const state = stateOf(admission)
  if (state === null) return Promise.reject(new TypeError('tunnel.open needs an admission from access.admit'))
  if (state.ended !== null) return Promise.reject(endedError(state))
  const fault = options.target === undefined ? null : targetFault(state.app, options.target, choice)
  if (fault !== null) return Promise.reject(fault)
  if (state.app.agents.length === 0) {
    return Promise.reject(
      new DialError('MEZ_AGENT_NONE', 'agent_unbound', `no agent is bound to ${state.app.name}`),
    )
  }
  try {
    const opened = attempt(state, options, choice)
    return opened instanceof Promise
      ? opened.catch((error: unknown) => retry(state, options, choice, error))
      : opened
  } catch (error) {
    return retry(state, options, choice, error)
  }
}

function targetFault(
  app: App,
  target: string,
  { mayTarget }: Pick<LinkChoice<Link>, 'mayTarget'>,
): DialError | null {
  const refuse = (reason: string, why: string) =>
    new DialError('MEZ_DIAL_FAILED', reason, `${app.name}: ${why}`)
  if (mayTarget?.(app) !== true) return refuse('target_unsupported', 'its kind of app does not take targets')
  const fits = target.length <= LONGEST_TARGET && TARGET.test(target) && authorityOf(target) !== null
  return fits ? null : refuse('target_invalid', 'the target must be tcp://HOST:PORT')
}

/** Tries every link that may serve the app. Throws if no link can be used. */
function attempt<L extends Link>(
  state: AdmissionState,
  options: OpenOptions,
  choice: LinkChoice<L>,
): Pipe | Promise<Pipe> {
  const { app } = state
  const { avoid = null } = options
  let links: readonly L[]
  try {
    links = choice.candidates(app)
  } catch (error) {
    throw new DialError('MEZ_DIAL_FAILED', 'agent_choice_failed', messageOf(error))
  }
  // Its stack makes the error too expensive to create beforehand.
  if (links.length === 0)
    throw new DialError('MEZ_AGENT_NONE', 'agent_none', `no agent of ${app.name} is connected`)
  const last = avoid === null ? undefined : links.find(({ hostname }) => hostname === avoid)
  const ordered = last === undefined ? links : [...links.filter((link) => link !== last), last]
  return openThrough(ordered, 0, state, options, choice)
}

function openThrough<L extends Link>(
  links: readonly L[],
  at: number,
  state: AdmissionState,
  options: OpenOptions,
  choice: LinkChoice<L>,
): Pipe | Promise<Pipe> {
  const link = links[at] as L
  const { target } = options
  const kept = target === undefined ? options.idle?.(link.hostname) : undefined
  if (kept !== undefined) {
    choice.use?.(link)
    return confirmed(state, kept)
  }
  const app = target === undefined ? state.app : { ...state.app, uri: target }
  return choice.dial(app, link, options).then(
    (pipe) => confirmed(state, pipe),
    (error: unknown) => {
      if (at + 1 === links.length) throw error
      return openThrough(links, at + 1, state, options, choice)
    },
  )
}

async function retry<L extends Link>(
  state: AdmissionState,
  options: OpenOptions,
  choice: LinkChoice<L>,
  error: unknown,
): Promise<Pipe> {
  const lost = isMezError(error, 'MEZ_LINK_LOST') || isMezError(error, 'MEZ_AGENT_NONE')
  if (!lost || !(await choice.returned?.(state.app))) throw error
  if (state.ended !== null) throw endedError(state)
  return attempt(state, options, choice)
}

/** Access may have ended while the agent dialled. */
function confirmed(state: AdmissionState, pipe: Pipe): Pipe | Promise<Pipe> {
  const holds = state.gate.confirm(state)
  return holds instanceof Promise
    ? holds.then((late) => carried(state, pipe, late))
    : carried(state, pipe, holds)
}

function carried(state: AdmissionState, pipe: Pipe, holds: boolean): Pipe {
  if (!holds) {
    pipe.destroy()
    throw endedError(state)
  }
  state.carry(pipe)
  return pipe
}

const endedError = ({ app, ended }: AdmissionState): DialError =>
  new DialError('MEZ_ADMISSION_ENDED', ended ?? 'closed', `access to ${app.name} has ended: ${ended}`)
