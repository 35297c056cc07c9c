import { messageOf, type Problem } from '@mezite/core'
import {
  type AppVerdicts,
  type HubResponse,
  headerOwner,
  plainHeaderName,
  type RoutedRequest,
} from '@mezite/core/protocol'
import { problemResponse } from '../client/response.ts'
import type { Deps } from '../deps.ts'
import { problemAbout, problemFor } from '../reasons.ts'
import { Outcome, recordUnsent } from '../relay/outcome.ts'
import { clientHead, headProblem, hubLines, PREFLIGHT, refusalLines } from '../relay/request-head.ts'
import { RefusedByPlugin } from '../relay/request-hook.ts'
import { type AppMapping, mappingOf } from '../request/app-mapping.ts'
import { readRequest } from '../request/app-request.ts'
import { withoutOurCookies } from '../request/cookies.ts'
import { recordFailure } from '../request/refusal-log.ts'
import { type Admitted, admit } from '../session/admission.ts'
import { isOfPreflight } from '../session/preflights.ts'
import { isHubPath } from '../session/reserved-routes.ts'
import { titleOf } from '../texts.ts'

type ProxiedRequest = Parameters<AppVerdicts['judge']>[0]
type AppVerdict = Awaited<ReturnType<AppVerdicts['judge']>>

const METHOD = /^[A-Z][A-Z-]{0,31}$/
const TARGET = /^\/[\x21\x22\x24-\x7e]*$/
/** Lines by which servers replace the path or the host of a request. The hub removes them where it carries requests. */
const REPLACES = /^x-(?:original-|rewrite-|(?:http-)?host)/
/** Of a verdict, these are for the proxy itself, which knows better. */
const FORWARDING = /^(?:x-forwarded-|forwarded$)/i

/** Headers with what only the hub may see that every proxy takes away or replaces; a proof of DPoP is worth nothing without its token. */
const TAKEN_AWAY: readonly string[] = ['authorization', 'cookie', 'dpop', 'mezite-device', 'mezite-token']

/** Decides about requests to apps that the hub does not carry. */
export function createAppVerdicts(deps: Deps): AppVerdicts {
  return {
    async judge(proxied) {
      try {
        return await judge(deps, proxied)
      } catch (error) {
        deps.log.error(
          { error: messageOf(error), request_id: proxied.requestId },
          'failed to decide about a request',
        )
        return { admitted: false, status: 500, lines: [], body: '' }
      }
    },
  }
}

async function judge(deps: Deps, proxied: ProxiedRequest): Promise<AppVerdict> {
  const app = deps.catalog.byHost(proxied.host)
  const opensWebSocket = linesOf(proxied.headers).some(([name]) => /^sec-websocket-/i.test(name))
  const request = readRequest(routed(proxied), app, false, deps.access.callers.headers)
  if ('code' in request) return refused(unread(deps, proxied, request))
  const fail = (problem: Problem) => {
    recordFailure(deps.audit, request, problem, { app })
    return refused(problemResponse(deps.pages, request, problem))
  }
  if (!METHOD.test(proxied.method) || /^(?:CONNECT|TRACE)$/.test(proxied.method))
    return fail(problemFor('method_not_allowed'))
  if (!TARGET.test(proxied.target))
    return fail(problemFor('target_invalid', 'The request target is malformed.'))
  if (app === undefined || app.uri !== 'none' || isHubPath(proxied.target))
    return fail(problemFor('app_unknown'))
  const mapping = mappingOf(app, proxied.host, deps)
  const fault = pretender(deps, proxied, mapping)
  if (fault !== null)
    return fail(problemFor('headers_unmarked', `The client may not send the header ${fault}.`))

  const first = await admit(deps, request)
  if (first.kind === 'response') return refused(first)
  if (!opensWebSocket) return admittedVerdict(deps, proxied, first, mapping)
  // Whether the proxy opens one, or sends it as any other request, is not known here: so both must be allowed.
  first.admission.close()
  const second = await admit(deps, { ...request, upgrade: true })
  return second.kind === 'response' ? refused(second) : admittedVerdict(deps, proxied, second, mapping)
}

function admittedVerdict(
  deps: Deps,
  { proxy, leaves }: ProxiedRequest,
  admitted: Admitted,
  mapping: AppMapping,
): AppVerdict {
  const { request, admission } = admitted
  const { app } = admission
  const refuse = (problem: Problem) => {
    if (problem instanceof RefusedByPlugin) admission.deny(problem.code)
    else recordUnsent(deps, admitted, problem.status, problem.code)
    return refused(problemResponse(deps.pages, request, problem, refusalLines(problem, request, app)))
  }
  try {
    const own = clientHead(deps, admitted, mapping)
    // A change of the address or the body would be lost on the way back, and perhaps it takes something away.
    const changed = own.target !== request.target || (own.transforms?.length ?? 0) > 0
    const spare = isOfPreflight(admission) && linesOf(request.lines).some(([name]) => !PREFLIGHT.test(name))
    // Such as the secret of a public path: the proxy would pass it on to the application.
    const leaks =
      admitted.hides?.some((name) => !TAKEN_AWAY.includes(name) || leaves?.includes(name)) === true
    if (changed || spare || leaks) return refuse(problemAbout('verdict_impossible', titleOf(app)))
    const outcome = new Outcome(request.receivedAt)
    outcome.proxy = proxy
    outcome.upgraded = request.upgrade
    const lines = [...vouched(deps, admitted, mapping), ...remaining(admitted)]
    outcome.record(deps, admitted)
    return { admitted: true, status: 200, lines, body: '' }
  } catch (error) {
    return refuse(headProblem(deps, admitted, error))
  } finally {
    admission.close()
  }
}

/** Who sends the request, or the rule that admits it. */
function vouched(deps: Deps, admitted: Admitted, mapping: AppMapping): readonly string[] {
  return linesOf(hubLines(deps, admitted, mapping).lines)
    .filter(([name]) => !FORWARDING.test(name))
    .flat()
}

/** The client's cookies and its `Authorization` without what is the hub's, empty if nothing is left: the proxy replaces both. */
function remaining({ request, hides }: Admitted): readonly string[] {
  const lines: string[] = []
  if (request.cookies.length > 0) {
    const hidden = hides?.includes('cookie') === true
    const kept = hidden ? [] : request.cookies.flatMap((line) => withoutOurCookies(line) ?? [])
    lines.push('Cookie', kept.join('; '))
  }
  const [authorization] = linesOf(request.lines).filter(([name]) => name === 'authorization')
  if (authorization !== undefined)
    lines.push('Authorization', hides?.includes('authorization') ? '' : authorization[1])
  return lines
}

/**
 * The first line of the client by which it pretends to be the hub or the proxy, null if there is none. A hub that carries a request
 * removes such lines; here it never touches the request, and not every proxy replaces them.
 */
function pretender({ access }: Deps, { headers }: ProxiedRequest, mapping: AppMapping): string | null {
  const { identityNames, passed } = mapping
  for (const [name] of linesOf(headers)) {
    const plain = plainHeaderName(name)
    if (access.callers.headers?.has(name) && !identityNames.has(plain)) continue
    const owner = headerOwner(name)
    const untrue = owner === 'own' || identityNames.has(plain) || REPLACES.test(plain)
    if (untrue || (owner === 'operator' && !passed.has(name))) return JSON.stringify(name.slice(0, 64))
  }
  return null
}

/** Names in lower case, and values. */
function linesOf(lines: readonly string[]): (readonly [name: string, value: string])[] {
  const pairs: (readonly [string, string])[] = []
  for (let i = 0; i + 1 < lines.length; i += 2)
    pairs.push([(lines[i] as string).toLowerCase(), lines[i + 1] as string])
  return pairs
}

/** As if the client had connected to the hub, without a body: the proxy keeps it. */
function routed({ method, target, host, clientIp, headers, requestId }: ProxiedRequest): RoutedRequest {
  return {
    head: { method, url: target, rawHeaders: headers, httpVersionMajor: 1, httpVersionMinor: 1 },
    info: { clientIp, clientPort: 0, trustedProxy: false, serverName: host },
    host: { host, port: null },
    requestId,
    target,
    length: undefined,
    expectsContinue: false,
  }
}

function unread(deps: Deps, { clientIp, requestId, host }: ProxiedRequest, problem: Problem): HubResponse {
  const fields = { app: deps.catalog.byHost(host)?.name ?? null }
  deps.audit.record({
    type: 'access.denied',
    success: false,
    reason: problem.code,
    clientIp,
    requestId,
    fields,
  })
  const requester = { mode: undefined, site: undefined, dest: undefined, accept: undefined, requestId }
  return problemResponse(deps.pages, requester, problem)
}

const refused = ({ status, lines, body }: HubResponse): AppVerdict => ({
  admitted: false,
  status,
  lines,
  body,
})
