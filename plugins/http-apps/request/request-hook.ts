import { type HttpRequest, Problem } from '@mezite/core'
import { type HeaderLines, isHeaderLine } from '@mezite/core/protocol'
import type { Deps } from '../deps.ts'
import type { AppMapping } from '../relay/app-mapping.ts'
import type { Admitted } from '../session/admission.ts'
import { withoutOurCookies } from './cookies.ts'
import { isReserved } from './header-names.ts'

const REASON = /^[a-z][a-z0-9_]{0,63}$/
const PATH = /^\/[\x21\x22\x24-\x3e\x40-\x7e]*$/
const QUERY = /^[\x21\x22\x24-\x7e]*$/

/** A plugin has refused the request: `code` is its reason. */
export class RefusedByPlugin extends Problem {}

/**
 * Passes a request with the header lines `lines` through `http.request`; returns the target and the lines to send. Throws
 * `RefusedByPlugin`, another Problem for a result that cannot be sent, and what a tap throws.
 */
export function throughRequestHook(
  deps: Deps,
  admitted: Admitted,
  lines: HeaderLines,
  mapping: AppMapping,
): { readonly target: string; readonly lines: HeaderLines } {
  const { request, admission } = admitted
  const { app, subject, requestId } = admission
  const { method, target, clientIp, upgrade } = request
  const at = target.indexOf('?')
  const given: HttpRequest = Object.freeze({
    method,
    path: normalisedPath(at < 0 ? target : target.slice(0, at)),
    query: at < 0 ? null : target.slice(at + 1),
    headers: Object.freeze([...lines]),
  })
  let refused: RefusedByPlugin | undefined
  const refuse = (reason: string, message = `${app.name} does not accept this request.`) => {
    if (typeof reason !== 'string' || !REASON.test(reason))
      throw new TypeError(`"${reason}" is not a reason: use snake_case, such as path_blocked`)
    refused ??= new RefusedByPlugin(403, reason, String(message))
  }
  const made: unknown = deps.httpHooks.request(
    given,
    Object.freeze({ app, subject, clientIp, requestId, upgrade, refuse }),
  )
  if (refused !== undefined) throw refused
  const { path, query, headers } = checked(made, given)
  if (headers === given.headers) return { target: query === null ? path : `${path}?${query}`, lines: headers }
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const [name, value] = [headers[i] as string, headers[i + 1] as string]
    const lower = name.toLowerCase()
    if (!isHeaderLine(name, value) || isReserved(lower) || mapping.identityNames.has(lower))
      throw new Problem(500, 'forward_refused', 'A plugin set a header that only the hub may set.')
  }
  return { target: query === null ? path : `${path}?${query}`, lines: withoutCookiesOfOurs(headers) }
}

function checked(made: unknown, given: HttpRequest): HttpRequest {
  const { method, path, query, headers } = Object(made) as Partial<Record<keyof HttpRequest, unknown>>
  const wrong =
    (method !== given.method && 'method: it cannot be changed') ||
    ((typeof path !== 'string' || !PATH.test(path)) && 'path: it must be printable ASCII and begin with /') ||
    (query !== null &&
      (typeof query !== 'string' || !QUERY.test(query)) &&
      'query: it must be printable ASCII') ||
    (!isLines(headers) && 'headers: it must be an array of names and values')
  if (wrong) throw new TypeError(`a tap of http.request returned an invalid ${wrong}`)
  return made as HttpRequest
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
