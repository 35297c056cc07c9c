import { Problem } from '../../api/problem.ts'
import type { ConnectionInfo, RequestHead, RoutedRequest } from '../../api/protocol.ts'
import type { ProxyLimits } from '../../api/proxy-limits.ts'
import { problemFor } from '../../api/reasons.ts'
import { appsDomainOf, type PublicNames } from '../../api/web-routes.ts'
import { randomUuid } from '../../kernel/random-uuid.ts'
import { readFraming } from '../../wire/request-framing.ts'
import { type HostName, parseHost } from './host.ts'

export type HeadLimits = Pick<ProxyLimits, 'headerCount' | 'headerBytes' | 'uriBytes'>

/** A request to the hub's own host. */
export interface WebRoute {
  readonly kind: 'web'
  /** The requested origin, without port 443. */
  readonly origin: string
  /** Path and query, starting with `/`. */
  readonly target: string
  /** The client waits for `100 Continue` before it sends the body. */
  readonly expectsContinue: boolean
}

export interface AppRoute extends RoutedRequest {
  readonly kind: 'app'
}

/** A rejected request. */
export interface RefusedRoute {
  readonly kind: 'refused'
  readonly problem: Problem
  readonly record: RefusalRecord
}

/**
 * The event that records a refusal: a denial if the request named an app's host. Null if browsers cause it themselves and
 * retry, so that nobody sees the response.
 */
export type RefusalRecord = 'access.denied' | 'request.failed' | null

export type HostRoute = WebRoute | AppRoute | RefusedRoute

export interface HostRouter {
  /** Origin of the hub's own pages. */
  readonly hubOrigin: string
  /** Domains of the apps' hosts, in lower case; empty: none is served. */
  readonly appsDomains: readonly string[]
  /**
   * Routes one request other than CONNECT. The name in the Host header, in an absolute request target and in the TLS
   * handshake must be the same, unless a trusted proxy made the connection. `bodyFollows` is for HTTP/2 only, where a
   * body may have no declared length (RFC 9113 section 8.1).
   */
  route(head: RequestHead, info: ConnectionInfo, bodyFollows?: boolean): HostRoute
  /** Whether the server name of a TLS handshake is one of the hub's own hosts. */
  isHub(serverName: string | null): boolean
  /** How a refusal is recorded that happens before a host is read. */
  recordFor(serverName: string | null): RefusalRecord
  /** Whether the server name is a host below a domain of the apps. */
  isApp(serverName: string | null): boolean
  /** The origin for a host in the form of a `Host` header; the origin of the hub if the host is not served. */
  originOf(host: string): string
}

/** The first ones are remembered, so that a flood of names takes no usual one away. */
const MOST_HOSTS = 1_000
const TARGET = /^\/[\x21\x22\x24-\x7e]*$/
const ABSOLUTE = /^https:\/\/([^/?#]*)/i

/** The only code that decides which host a request is for and whether its head is unambiguous. */
export function createHostRouter(names: PublicNames, limits: HeadLimits): HostRouter {
  const hubs = new Map(
    [names.hubOrigin, names.signInOrigin].map((origin) => [new URL(origin).hostname, new URL(origin).origin]),
  )
  const port = names.portSuffix === '' ? 443 : Number(names.portSuffix.slice(1))

  /** What hosts of apps are read as: clients name few, and each of them thousands of times. */
  const knownHosts = new Map<string, HostName>()

  const isApp = (host: string | null): boolean =>
    host !== null && appsDomainOf(host, names) !== null && !hubs.has(host)
  const isServed = (host: string): boolean => hubs.has(host) || isApp(host)

  const recordFor = (...hosts: readonly (string | null | undefined)[]) =>
    hosts.some((host) => isApp(host ?? null)) ? 'access.denied' : 'request.failed'

  function refused(problem: Problem, { serverName }: ConnectionInfo, host: string | undefined): RefusedRoute {
    return { kind: 'refused', problem, record: recordFor(serverName, host?.toLowerCase()) }
  }

  function misdirected(info: ConnectionInfo, host: string): RefusedRoute {
    const detail = `The host of this address is not served here. The pages of this hub are at ${names.hubOrigin}.`
    const problem = problemFor('misdirected_request', detail)
    // Browsers reuse HTTP/2 connections for other names of the certificate, and retry by themselves.
    const { serverName } = info
    const ordinary = serverName !== null && serverName !== host && isServed(serverName) && isServed(host)
    return ordinary ? { kind: 'refused', problem, record: null } : refused(problem, info, host)
  }

  function route(head: RequestHead, info: ConnectionInfo, bodyFollows?: boolean): HostRoute {
    const { rawHeaders, url = '', method, httpVersionMajor: major, httpVersionMinor: minor } = head
    let bytes = url.length
    let host: string | undefined
    let length: string | undefined
    let encoding: string | undefined
    let expect: string | undefined
    let hosts = 0
    let framings = 0
    for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
      const name = rawHeaders[i] as string
      const value = rawHeaders[i + 1] as string
      bytes += name.length + value.length + 4
      // Compare the length first, so that few names are lower-cased.
      if (name.length === 4 && name.toLowerCase() === 'host') {
        hosts += 1
        host ??= value
      } else if (name.length === 6 && name.toLowerCase() === 'expect') {
        expect = expect === undefined ? value : `${expect},${value}`
      } else if (name.length === 14 && name.toLowerCase() === 'content-length') {
        framings += length === undefined ? 0 : 1
        length = value
      } else if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') {
        framings += encoding === undefined ? 0 : 1
        encoding = value
      }
    }
    const refuse = (problem: Problem): RefusedRoute => refused(problem, info, host)

    if (major !== (bodyFollows === undefined ? 1 : 2)) return refuse(problemFor('version_unsupported'))
    if (url.length > limits.uriBytes) return refuse(problemFor('target_too_long'))
    if (rawHeaders.length > 2 * limits.headerCount) return refuse(problemFor('headers_too_many'))
    if (bytes > limits.headerBytes) return refuse(problemFor('headers_too_large'))
    if (host === undefined) return refuse(problemFor('host_invalid', 'The request does not name a host.'))
    if (hosts > 1) return refuse(problemFor('host_invalid', 'The request names more than one host.'))
    const known = knownHosts.get(host)
    const named = known ?? parseHost(host)
    if (typeof named === 'string') return refuse(problemFor('host_invalid', named))
    // Lists would be valid, but a proxy in front of the hub may use the first or the last entry.
    if (framings > 0) return refuse(problemFor('framing_invalid'))
    const framing = readFraming({ http10: major === 1 && minor === 0, length, encoding, expect })
    if ('status' in framing) return refuse(new Problem(framing.status, framing.code, framing.detail))
    if (url === '*' && method === 'OPTIONS') return refuse(problemFor('method_not_allowed'))
    const target = targetOf(url, host)
    if (target === null) return refuse(problemFor('target_invalid', 'The request target is malformed.'))

    const { expectsContinue } = framing
    const trusted = info.trustedProxy || info.serverName === null || info.serverName === named.host
    if (!trusted) return misdirected(info, named.host)
    const origin = hubs.get(named.host)
    // Operators may also reach the hub's own host through forwarded ports; the origin of an app must match exactly.
    if (origin !== undefined && info.certified === undefined)
      return { kind: 'web', origin, target, expectsContinue }
    // Only hosts of apps are remembered.
    const isOfApp = known !== undefined || isApp(named.host)
    if (!isOfApp || (named.port ?? port) !== port) return misdirected(info, named.host)
    if (method === 'TRACE') return refuse(problemFor('method_not_allowed'))
    const size = framing.length === undefined && bodyFollows ? null : framing.length
    // A copy: V8 would keep the whole head of the request in memory with a part of it.
    if (known === undefined && knownHosts.size < MOST_HOSTS)
      knownHosts.set(Buffer.from(host, 'latin1').toString('latin1'), Object.freeze(named))
    const requestId = randomUuid()
    return { kind: 'app', head, info, host: named, requestId, target, length: size, expectsContinue }
  }

  return {
    hubOrigin: names.hubOrigin,
    appsDomains: names.appsDomains,
    route,
    isHub: (serverName) => serverName !== null && hubs.has(serverName),
    isApp,
    recordFor,
    originOf(host) {
      const named: HostName | string = parseHost(host)
      if (typeof named === 'string') return names.hubOrigin
      return isApp(named.host)
        ? `https://${named.host}${names.portSuffix}`
        : (hubs.get(named.host) ?? names.hubOrigin)
    },
  }
}

/** Path and query of origin-form, or of absolute-form with the same host (RFC 9112 section 3.2); otherwise null. */
function targetOf(url: string, host: string): string | null {
  if (url.startsWith('/')) return TARGET.test(url) ? url : null
  const [whole, authority] = ABSOLUTE.exec(url) ?? []
  if (whole === undefined || authority?.toLowerCase() !== host.toLowerCase()) return null
  const rest = url.slice(whole.length)
  const target = rest.startsWith('/') ? rest : `/${rest}`
  return TARGET.test(target) ? target : null
}
