import { type HttpRequest, Problem } from '@mezite/core'
import { isHeaderLine, isReservedInResponse, ownLines } from '@mezite/core/protocol'
import type { Deps } from '../deps.ts'
import { problemFor } from '../reasons.ts'
import type { AppMapping } from '../request/app-mapping.ts'
import type { BodyTransform, NamedTransform } from '../request/body-pipeline.ts'
import { withoutOurCookies } from '../request/cookies.ts'
import { isReserved } from '../request/header-names.ts'
import type { Admitted } from '../session/admission.ts'
import { titleOf } from '../texts.ts'

type HeaderLines = HttpRequest['headers']
type Context = Parameters<Deps['httpHooks']['request']>[1]

const REASON = /^[a-z][a-z0-9_]{0,63}$/
const LONGEST_MESSAGE = 1_024
const PATH = /^\/[\x21\x22\x24-\x3e\x40-\x7e]*$/
const QUERY = /^[\x21\x22\x24-\x7e]*$/

type Refusal = Exclude<Parameters<Context['refuse']>[0], string>

/** A plugin has refused the request: `code` is its reason. */
export class RefusedByPlugin extends Problem {
  /** Header lines of the response, name and value in turn. */
  readonly lines: readonly string[]

  constructor({ status, reason, message = '', headers = {} }: Refusal) {
    super(status, reason, message)
    this.lines = Object.entries(headers).flat()
  }
}

/** A plugin set a header that only the hub may set, or one that is malformed. */
export class ForbiddenHeader extends TypeError {}

/**
 * Passes a request with the header lines `lines` through `http.request`; returns the target and the lines to send. Throws
 * `RefusedByPlugin`, and what the hook throws for a tap that fails or whose answer cannot be sent.
 */
export function throughRequestHook(
  deps: Deps,
  admitted: Admitted,
  lines: HeaderLines,
  mapping: AppMapping,
): { readonly target: string; readonly lines: HeaderLines; readonly transforms: readonly NamedTransform[] } {
  const { request, admission } = admitted
  const { app, subject, verified, requestId } = admission
  const { method, target, clientIp, upgrade } = request
  const at = target.indexOf('?')
  const given: HttpRequest = Object.freeze({
    method,
    path: normalisedPath(at < 0 ? target : target.slice(0, at)),
    query: at < 0 ? null : target.slice(at + 1),
    headers: Object.freeze([...lines]),
  })
  let refused: Problem | undefined
  let over = false
  const transforms: NamedTransform[] = []
  const contextFor = (plugin: string): Context => {
    if (deps.lateRefusers.has(plugin)) throw new Error('it refused an earlier request too late')
    const refuse = (given: string | Refusal, text?: string) => {
      if (over) return refuseLate(deps, admitted, plugin)
      const standard = { status: 403, message: text ?? `${titleOf(app)} does not accept this request.` }
      const refusal: Refusal =
        typeof given === 'object' ? { ...standard, ...given } : { ...standard, reason: given }
      const fault = faultOf(refusal)
      // A refusal that cannot be shown also refuses, even if its tap catches the error.
      refused ??= fault === null ? new RefusedByPlugin(refusal) : failed()
      if (fault !== null) throw new TypeError(fault)
    }
    const transform = (make: () => BodyTransform) => {
      if (over) throw new Error('call transform() in the tap')
      transforms.push({ plugin, make })
    }
    return Object.freeze({ app, subject, verified, clientIp, requestId, upgrade, refuse, transform })
  }
  let accepted = given
  try {
    const accept = (answer: HttpRequest): HttpRequest => {
      accepted = acceptedRequest(answer, accepted, mapping)
      return accepted
    }
    deps.httpHooks.request(given, contextFor(''), { contextFor, accept })
  } finally {
    over = true
  }
  if (refused !== undefined) throw refused
  const { path, query, headers } = accepted
  const to = query === null ? path : `${path}?${query}`
  return {
    target: to,
    lines: headers === given.headers ? headers : withoutCookiesOfOurs(headers),
    transforms,
  }
}

const failed = () => problemFor('forward_failed')

/** Statuses on which browsers and proxies act by themselves. */
const KEPT = [401, 407, 421, 431]
const OWN_NAMES = new Set([
  ...ownLines.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase()),
  ...['content-type', 'content-length', 'content-encoding', 'set-cookie', 'location', 'refresh', 'vary'],
])

/** Why a refusal cannot be shown, or null. */
function faultOf({ status, reason, message, headers = {} }: Refusal): string | null {
  if (!Number.isInteger(status) || status < 400 || status > 599 || KEPT.includes(status))
    return `refuse() cannot use the status ${String(status)}`
  const bad = Object.entries(headers).find(([name, value]) => {
    const lower = name.toLowerCase()
    return OWN_NAMES.has(lower) || isReservedInResponse(lower) || !isHeaderLine(name, value)
  })
  if (bad) return `refuse() may not set the header ${JSON.stringify(bad[0].slice(0, 64))}`
  if (typeof reason !== 'string' || !REASON.test(reason))
    return `refuse() needs a reason in snake_case, such as path_blocked, not ${JSON.stringify(String(reason).slice(0, 64))}`
  const fits = typeof message === 'string' && message.length <= LONGEST_MESSAGE
  return fits ? null : `refuse() needs a message of at most ${LONGEST_MESSAGE} characters`
}

/** The request may be with the app already: it ends, and so does every later request that the plugin would check. */
function refuseLate(deps: Deps, admitted: Admitted, plugin: string): void {
  const { log, lateRefusers } = deps
  if (!lateRefusers.has(plugin))
    log.error(
      { plugin, request_id: admitted.admission.requestId },
      'a plugin refused a request after its tap had returned: all requests fail until the hub is restarted',
    )
  lateRefusers.add(plugin)
  admitted.fail?.(failed())
}

/** A copy of the answer of one tap, which no plugin can change afterwards. `before` is the request that the tap received. */
function acceptedRequest(answer: unknown, before: HttpRequest, mapping: AppMapping): HttpRequest {
  const { method, path, query, headers } = Object(answer) as Partial<Record<keyof HttpRequest, unknown>>
  const wrong =
    (method !== before.method && 'method: it cannot be changed') ||
    ((typeof path !== 'string' || !PATH.test(path)) && 'path: it must be printable ASCII and begin with /') ||
    (query !== null &&
      (typeof query !== 'string' || !QUERY.test(query)) &&
      'query: it must be printable ASCII') ||
    (!isLines(headers) && 'headers: it must be an array of names and values')
  if (wrong) throw new TypeError(`it returned an invalid ${wrong}`)
  const made = { method, path, query } as HttpRequest
  if (headers === before.headers) return Object.freeze({ ...made, headers: before.headers })
  const lines = [...(headers as HeaderLines)]
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const [name, value] = [lines[i] as string, lines[i + 1] as string]
    const lower = name.toLowerCase()
    if (!isHeaderLine(name, value) || isReserved(lower) || mapping.identityNames.has(lower))
      throw new ForbiddenHeader(`it may not set the header ${JSON.stringify(name.slice(0, 64))}`)
  }
  return Object.freeze({ ...made, headers: Object.freeze(lines) })
}

/** True for names and values in turn. */
export function isLines(value: unknown): value is HeaderLines {
  return Array.isArray(value) && value.length % 2 === 0 && value.every((text) => typeof text === 'string')
}

function withoutCookiesOfOurs(lines: HeaderLines): HeaderLines {
  const kept: string[] = []
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const [name, value] = [lines[i] as string, lines[i + 1] as string]
    const text = name.toLowerCase() === 'cookie' ? withoutOurCookies(value) : value
    if (text !== undefined) kept.push(name, text)
  }
  return kept
}

/** The path in its normal form (RFC 3986 section 6.2.2), so that a rule compares the path that the app receives. */
export function normalisedPath(path: string): string {
  const decoded = path
    .replace(/%([0-9a-f]{2})/gi, (whole, hex: string) => {
      const character = String.fromCharCode(Number.parseInt(hex, 16))
      return /[A-Za-z0-9\-._~]/.test(character) ? character : whole.toUpperCase()
    })
    // Some servers read a backslash as a slash; encoded, it is a character like any other.
    .replaceAll('\\', '%5C')
  const segments: string[] = []
  const given = decoded.split('/').slice(1)
  for (const [at, segment] of given.entries()) {
    const last = at === given.length - 1
    if (segment === '..') segments.pop()
    else if (segment !== '.') segments.push(segment)
    if (last && (segment === '.' || segment === '..')) segments.push('')
  }
  return `/${segments.join('/')}`
}
