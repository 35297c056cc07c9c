import type { App, Session } from '@mezite/core'
import { isLocalPath } from '@mezite/core/identity'
import type { HubResponse } from '@mezite/core/protocol'
import { problemResponse, redirectResponse } from '../client/response.ts'
import type { Deps } from '../deps.ts'
import { problemFor } from '../reasons.ts'
import type { AppRequest } from '../request/app-request.ts'
import { publicOrigin } from '../request/origin.ts'
import { recordFailure } from '../request/refusal-log.ts'
import { signInResponse } from './sign-in-response.ts'

/** Where a launch continues on the hosts whose sessions it opens. */
export const OPEN_PATH = '/.mezite/open'
/** Each takes four redirects, and browsers follow 20, those of the sign-in included. */
const MOST = 3

/** The further hosts whose sessions the launch of this host of an app opens: of the apps that it requires, then its own. */
function companionsOf({ catalog }: Deps, app: App, host: string): readonly string[] {
  const required = (app.requiredApps ?? []).flatMap((name) => {
    const other = catalog.byName(name)
    return other !== undefined && catalog.servedByHub(other) ? [other.publicAddr] : []
  })
  const own = [app.publicAddr, ...(app.aliases ?? [])].filter((one) => !one.startsWith('*.'))
  return [...new Set([...required, ...own])].filter((one) => one !== host).slice(0, MOST)
}

/** A launch on its way over the hosts: it began at `host` for `path`, and goes on with the companion `at`. */
interface Step {
  readonly host: string
  readonly path: string
  readonly at: number
}

/**
 * Where the browser goes next: to the next companion that lets this person in without asking for anything, at last to the host
 * where the launch began. `session` is the one that has just been opened.
 */
export async function nextHost(
  deps: Deps,
  { app, clientIp, here }: Pick<AppRequest, 'clientIp'> & { readonly app: App; readonly here: string },
  { host, path, at }: Step,
  session: Session,
): Promise<string> {
  const back = host === here ? path : `${publicOrigin(host, deps.publicNames)}${path}`
  const companions = companionsOf(deps, app, host)
  if (at >= companions.length) return back
  const signIn = session.parentId === null ? undefined : deps.sessions.byId(session.parentId)
  const subject = signIn && deps.sessions.subjectOf(signIn)
  if (subject === undefined) return back
  const visible = await deps.access.visible(subject, clientIp)
  const next = companions.findIndex((one, index) => {
    const id = deps.catalog.byHost(one)?.id
    return index >= at && visible.some((found) => found.app.id === id && found.requirements.length === 0)
  })
  if (next === -1) return back
  const query = new URLSearchParams({ host, path, at: `${next + 1}` })
  return `${publicOrigin(companions[next]!, deps.publicNames)}${OPEN_PATH}?${query}`
}

/**
 * Serves `OPEN_PATH`: opens a session here, and leads on. It leads to hosts of apps that name this one as their companion
 * alone.
 */
export async function openHere(
  deps: Deps,
  request: AppRequest,
  session: Session | undefined,
): Promise<HubResponse> {
  const query = new URL(request.target, 'https://app.invalid').searchParams
  const host = query.get('host') ?? ''
  const path = query.get('path') ?? ''
  const at = Number(query.get('at'))
  const app = deps.catalog.byHost(host)
  const isCompanion = app !== undefined && companionsOf(deps, app, host)[at - 1] === request.host.host
  if (!isCompanion || !isLocalPath(path)) {
    const problem = problemFor('not_found', 'The hub has no such page.')
    recordFailure(deps.audit, request, problem)
    return problemResponse(deps.pages, request, problem)
  }
  if (session === undefined) return signInResponse(deps, request)
  const { clientIp } = request
  const next = await nextHost(deps, { app, clientIp, here: request.host.host }, { host, path, at }, session)
  return redirectResponse(303, next, [])
}
