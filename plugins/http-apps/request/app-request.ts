import type { App, Catalog, Problem, PublicNames } from '@mezite/core'
import type { ConnectionInfo, RoutedRequest } from '@mezite/core/protocol'
import type { ReadOperations } from '@mezite/core/types'
import { problemFor } from '../reasons.ts'
import { learnRequestName, requestNames } from './header-names.ts'
import { listsOrigin, publicOrigin } from './origin.ts'
import { asksForWebSocket } from './web-socket-accept.ts'

/** A request to an app's host, read once, independent of the version of HTTP. */
export interface AppRequest {
  readonly method: string
  /** Path and query as received, beginning with `/`. */
  readonly target: string
  readonly host: RoutedRequest['host']
  /** The app of this host or, on a stream of msh, of its certificate; undefined: there is none. */
  readonly app: App | undefined
  readonly clientIp: string
  /** Names the request in records, logs and pages. */
  readonly requestId: string
  readonly http10: boolean
  readonly upgrade: boolean
  /** Name and value in turn, identity, forwarding and connection headers already gone. */
  readonly lines: readonly string[]
  /** The same for lines that only apps whose document names them receive. */
  readonly guarded: readonly string[]
  readonly cookies: readonly string[]
  /** Lower-case name and value, in turn, of each line that may carry a credential. */
  readonly proofs: readonly string[]
  readonly origin: string | undefined
  readonly referer: string | undefined
  readonly accept: string | undefined
  readonly site: string | undefined
  readonly mode: string | undefined
  readonly dest: string | undefined
  readonly preflight: boolean
  readonly expectsContinue: boolean
  /** It reads trailers (`TE: trailers`). */
  readonly trailers: boolean
  /** Bytes of the body, null when it is chunked, undefined when there is none. */
  readonly length: number | null | undefined
  /** The connection that it came by. */
  readonly connection: Pick<ConnectionInfo, 'certificate' | 'certificateFault' | 'trustedProxy'>
  /** When its head had been read, on the clock of `performance.now()`. */
  readonly receivedAt: number
  /** What it asks the app to do, if a rule wants to know that. */
  readonly operations?: ReadOperations
}

/** The kind of app that a request of a browser is for: `http`, unless a plugin's kind reaches browsers too. */
export const kindFor = (catalog: Pick<Catalog, 'servedByHub'>, app: App | undefined): string =>
  app === undefined || app.protocol === 'http' || !catalog.servedByHub(app) ? 'http' : app.protocol

/** A request target without its query. */
export function pathOf(target: string): string {
  const query = target.indexOf('?')
  return query < 0 ? target : target.slice(0, query)
}

const NONE: readonly string[] = []
const OPTIONAL = new Set(['close', 'keep-alive', 'upgrade', 'te', 'http2-settings', ''])

/**
 * Reads the header lines of a routed request strictly. Returns a Problem for a request that is ambiguous or that uses names
 * of the hub. `app` is the one that the request is for. `credentialHeaders` are the lower-case names of lines that may carry
 * a credential; null if there are none.
 */
export function readRequest(
  routed: RoutedRequest,
  app: App | undefined,
  upgrade: boolean,
  credentialHeaders: ReadonlySet<string> | null,
): AppRequest | Problem {
  const { head, info, length } = routed
  const raw = head.rawHeaders
  // Of its final size at once: a list that grows takes twice the memory.
  const lines = new Array<string>(raw.length)
  let kept = 0
  const guarded: string[] = []
  let cookies = NONE
  let proofs: string[] | null = null
  let connection = ''
  let upgradeTo: string | undefined
  let origin: string | undefined
  let referer: string | undefined
  let accept: string | undefined
  let forwardedFor: string | undefined
  let site: string | undefined
  let mode: string | undefined
  let dest: string | undefined
  let preflight = false
  let trailers = false
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string
    const value = raw[i + 1] as string
    const { lower, fate } = requestNames.get(name) ?? learnRequestName(name)
    if (credentialHeaders?.has(lower)) {
      proofs ??= []
      proofs.push(lower, value)
    }
    switch (fate) {
      case 'guarded':
        guarded.push(name, value)
        continue
      // The host router has read these.
      case 'host':
      case 'length':
      case 'encoding':
      case 'expect':
      case 'drop':
        continue
      case 'refuse':
        return problemFor('header_refused', `The header ${name} looks like one of the hub's own.`)
      case 'cookie':
        cookies = cookies.length === 0 ? [value] : [...cookies, value]
        continue
      case 'connection':
        connection += `,${value}`
        continue
      case 'te':
        trailers ||= /(?:^|,)[ \t]*trailers[ \t]*(?:,|$)/i.test(value)
        continue
      case 'upgrade':
        upgradeTo = upgradeTo === undefined ? value : `${upgradeTo},${value}`
        continue
      case 'forwarded-for':
        forwardedFor = forwardedFor === undefined ? value : `${forwardedFor},${value}`
        continue
      case 'origin':
        if (origin !== undefined) return problemFor('origin_invalid')
        origin = value
        break
      case 'referer':
        referer ??= value
        break
      case 'accept':
        accept ??= value
        break
      case 'site':
        site = site === undefined ? value : 'cross-site'
        break
      case 'mode':
        mode ??= value
        break
      case 'dest':
        dest ??= value
        break
      case 'preflight':
        preflight = true
        break
    }
    lines[kept] = name
    lines[kept + 1] = value
    kept += 2
  }
  lines.length = kept

  const http10 = head.httpVersionMajor === 1 && head.httpVersionMinor === 0
  if (upgrade) {
    const wanted = upgradeTo?.trim().toLowerCase() === 'websocket' && head.method === 'GET' && !http10
    if (!wanted || length !== undefined)
      return problemFor('upgrade_invalid', 'A connection can be upgraded to websocket only.')
    if (!asksForWebSocket(lines))
      return problemFor('upgrade_invalid', 'The WebSocket handshake is malformed.')
  }
  return {
    method: head.method ?? 'GET',
    target: routed.target,
    host: routed.host,
    app,
    clientIp: info.clientOf?.(forwardedFor) ?? info.clientIp,
    requestId: routed.requestId,
    http10,
    upgrade,
    lines: connection === '' ? lines : withoutListed(lines, connection),
    guarded: connection === '' ? guarded : withoutListed(guarded, connection),
    cookies,
    proofs: proofs ?? NONE,
    origin,
    referer,
    accept,
    site,
    mode,
    dest,
    // Browsers never send a preflight with a body (Fetch standard, CORS-preflight fetch).
    preflight: preflight && origin !== undefined && head.method === 'OPTIONS' && length === undefined,
    expectsContinue: routed.expectsContinue,
    trailers,
    length,
    connection: info,
    receivedAt: performance.now(),
  }
}

/** Drops the lines that `Connection` lists (RFC 9110 section 7.6.1). The hub sets its own later, so they survive. */
function withoutListed(lines: string[], connection: string): string[] {
  const listed = new Set(connection.split(',').map((token) => token.trim().toLowerCase()))
  for (const name of OPTIONAL) listed.delete(name)
  if (listed.size === 0) return lines
  return lines.filter((_, i) => !listed.has((lines[i - (i % 2)] as string).toLowerCase()))
}

/**
 * Whether the app accepts requests from this origin, checked against the public names before anything is rewritten.
 * Sibling apps are same-site, so SameSite cookies do not protect here; only exact origins do. Without `Origin` and
 * Fetch Metadata (curl, servers) there is no page to protect against.
 */
export function originAllowed(request: AppRequest, app: App, names: PublicNames): boolean {
  const { method, origin } = request
  const safe = method === 'GET' || method === 'HEAD' || (method === 'OPTIONS' && !request.preflight)
  if (safe && !request.upgrade) return true
  if (origin !== undefined && listsOrigin(app, origin)) return true
  // Browsers send the forms of a page with `Referrer-Policy: no-referrer` like this. They call a page without an origin cross-site.
  if (origin === 'null' && request.site === 'same-origin') return true
  if (origin !== undefined && origin !== publicOrigin(request.host.host, names)) return false
  return request.site === undefined || request.site === 'same-origin' || request.site === 'none'
}
