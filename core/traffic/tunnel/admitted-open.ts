import type { Admission } from '../../api/admission.ts'
import type { App } from '../../api/app.ts'
import type { ReasonCode } from '../../api/reasons.ts'
import type { Link, OpenOptions, Pipe } from '../../api/tunnel.ts'
import { type AdmissionState, stateOf } from '../../gate/access/admission.ts'
import { isMezError, messageOf } from '../../kernel/error.ts'
import { authorityOf } from '../../wire/dial-headers.ts'
import { DialError } from './tunnel-dialer.ts'

const TARGET = /^tcp:\/\/(\[[0-9a-f:.]+\]|[a-z0-9_][a-z0-9._-]*):[1-9][0-9]{0,4}$/i
export const LONGEST_TARGET = 300

/** How `openAdmitted` reaches apps. */
export interface LinkChoice<L extends Link> {
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
  const refuse = (reason: ReasonCode, why: string) =>
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
