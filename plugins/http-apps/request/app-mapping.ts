import type { App } from '@mezite/core'
import { mapUris, plainHeaderName } from '@mezite/core/protocol'
import type { Deps } from '../deps.ts'
import { type IdentityPart, identityParts } from './identity-parts.ts'
import { publicOrigin } from './origin.ts'

/** The content of an identity header: the roles in one line or one line for each, the assertion, or facts and text. */
export type IdentitySource = 'roles' | 'each_role' | 'assertion' | readonly IdentityPart[]

/**
 * How messages of one app travel, and change between its two sides: versions, names, addresses and constant header lines. All that
 * its document says about each request is here, so that no request reads it again.
 */
export interface AppMapping {
  readonly versions: HttpVersions
  readonly publicOrigin: string
  readonly publicHost: string
  /** Port of the public origin. */
  readonly publicPort: string
  /** Value of `Host` towards the app. */
  readonly upstreamHost: string
  /** The app's origin as the app itself knows it. */
  readonly upstreamOrigin: string
  /** The app knows itself by another origin than browsers. */
  readonly isRenamed: boolean
  /** Origin in `Destination`, as an app that ignores `X-Forwarded-Proto` knows itself: the scheme of its own port. */
  readonly destinationOrigin: string
  /** Lower-case authorities that mean the app itself. */
  readonly own: ReadonlySet<string>
  /** Port of the app's URI: on any spelling of loopback it means the app itself. */
  readonly upstreamPort: string
  readonly identity: readonly (readonly [name: string, value: IdentitySource])[]
  /** Plain names (`plainHeaderName`) of the lines that `identity` sets: no other source may set them. */
  readonly identityNames: ReadonlySet<string>
  /** Plain names of the lines of a request that do not pass; null: all do. */
  readonly dropped: ReadonlySet<string> | null
  /** Lower-case names of the guarded lines of a request that pass. */
  readonly passed: ReadonlySet<string>
  readonly setLines: readonly string[]
  /** Lower-case names of the lines of a response that do not pass; null: all do. */
  readonly droppedInResponse: ReadonlySet<string> | null
  readonly responseSetLines: readonly string[]
}

type Version = '1.1' | '2' | null

/** The versions of HTTP that requests to an app need of a connection; null: the one that TLS negotiates. */
export interface HttpVersions {
  readonly usual: Version
  readonly ofGrpcCalls: Version
}

/**
 * Without TLS nothing is negotiated: `auto` is then HTTP/2 for gRPC calls, which exist over nothing else, and otherwise
 * HTTP/1.1.
 */
function versionsOf({ httpVersion }: App, { protocol }: URL): HttpVersions {
  if (httpVersion === '1.1') return { usual: '1.1', ofGrpcCalls: '1.1' }
  if (httpVersion !== 'auto') return { usual: '2', ofGrpcCalls: '2' }
  const isSecure = protocol === 'https:'
  return isSecure ? { usual: null, ofGrpcCalls: null } : { usual: '1.1', ofGrpcCalls: '2' }
}

/** By the catalog's own object, which is another one after each change of the document, for the host of each app. */
const cache = new WeakMap<App, AppMapping>()
/** The same for aliases, of which a wildcard has any number. */
const aliased = new WeakMap<App, Map<string, AppMapping>>()
const MOST_ALIASED = 200

/** Computed once for each version of an app and each of its hosts. Throws what `Catalog.secretHeaders` throws. */
export function mappingOf(app: App, host: string, deps: Pick<Deps, 'publicNames' | 'catalog'>): AppMapping {
  if (host === app.publicAddr) {
    const known = cache.get(app)
    if (known !== undefined) return known
    const made = makeMapping(app, host, deps)
    cache.set(app, made)
    return made
  }
  const byHost = aliased.get(app) ?? new Map<string, AppMapping>()
  const known = byHost.get(host)
  if (known !== undefined) return known
  if (byHost.size >= MOST_ALIASED) byHost.clear()
  const made = makeMapping(app, host, deps)
  aliased.set(app, byHost.set(host, made))
  return made
}

function makeMapping(
  app: App,
  host: string,
  { publicNames: names, catalog }: Pick<Deps, 'publicNames' | 'catalog'>,
): AppMapping {
  // A proxy of the operator keeps the public name.
  const url = new URL(app.uri === 'none' ? publicOrigin(host, names) : app.uri)
  const publicHost = host + names.portSuffix
  const upstreamHost =
    app.rewriteHost === 'preserve' ? publicHost : app.rewriteHost === 'upstream' ? url.host : app.rewriteHost
  const preserved = app.rewriteHost === 'preserve'
  const origin = publicOrigin(host, names)
  const upstreamOrigin = preserved ? origin : `${url.protocol}//${upstreamHost}`
  const { request, response } = app.headers
  const secretLines = catalog.secretHeaders(app)
  const identity = Object.entries(app.identityHeaders).map(([name, value]) => {
    const whole = value === 'roles' || value === 'each_role' || value === 'assertion'
    return [name, whole ? value : identityParts(value)] as const
  })
  const identityNames = new Set(identity.map(([name]) => plainHeaderName(name.toLowerCase())))
  const dropped = [...Object.keys(request.set), ...(request.secret ?? []), ...request.remove].map((name) =>
    plainHeaderName(name.toLowerCase()),
  )
  const droppedInResponse = [...Object.keys(response.set), ...response.remove].map((name) =>
    name.toLowerCase(),
  )
  return {
    versions: versionsOf(app, url),
    publicOrigin: origin,
    publicHost,
    publicPort: names.portSuffix.slice(1) || '443',
    upstreamHost,
    upstreamOrigin,
    isRenamed: upstreamOrigin !== origin,
    destinationOrigin: `${url.protocol}//${upstreamHost}`,
    upstreamPort: url.port || defaultPort(url),
    own: new Set(
      [publicHost, host, url.host, `${url.hostname}:${url.port || defaultPort(url)}`, upstreamHost].map(
        (host) => host.toLowerCase(),
      ),
    ),
    identity,
    identityNames,
    dropped: setOrNull([...dropped, ...identityNames]),
    passed: new Set(request.pass),
    setLines: [...Object.entries(request.set).flat(), ...secretLines],
    droppedInResponse: setOrNull(droppedInResponse),
    responseSetLines: Object.entries(response.set).flat(),
  }
}

/** The addresses in a header of a response as the browser must see them: the app's own names become its public origin. */
export function publicAddresses(header: string, value: string, mapping: AppMapping): string {
  return mapUris(header, value, (uri) => publicReference(uri, mapping))
}

function publicReference(value: string, mapping: AppMapping): string {
  const [whole, authority = ''] = /^(?:https?:)?[/\\]{2}([^/?#\\]*)/i.exec(value) ?? []
  if (whole === undefined) return value
  if (!mapping.own.has(authority.toLowerCase()) && !isOwnLoopback(whole, mapping)) return value
  return mapping.publicOrigin + value.slice(whole.length)
}

/** The addresses that mean "this machine", as `URL` writes them whatever their spelling (`0x7f.1` is 127.0.0.1). */
const LOOPBACK =
  /^(?:(?:.+\.)?localhost\.?|127(?:\.\d+){3}|0\.0\.0\.0|\[(?:::1?|::ffff:7f[0-9a-f]{2}:[0-9a-f]+)\])$/

/** Many applications redirect to the loopback address that they listen on. On the app's port, it is the app itself. */
function isOwnLoopback(origin: string, { upstreamPort }: AppMapping): boolean {
  const url = URL.parse(/^https?:/i.test(origin) ? origin : `http:${origin}`)
  if (url === null || url.username !== '' || url.password !== '') return false
  return LOOPBACK.test(url.hostname) && (url.port || defaultPort(url)) === upstreamPort
}

/**
 * `Origin`, `Referer` and, with the app's own scheme, `Destination` of WebDAV as the app expects them: only its own origin
 * is replaced. Servers refuse a `Destination` with another scheme than that of the request (RFC 4918 section 9.9.4).
 */
export function upstreamAddress(lower: string, value: string, mapping: AppMapping): string {
  const { publicOrigin } = mapping
  const origin = lower === 'destination' ? mapping.destinationOrigin : mapping.upstreamOrigin
  if (origin === publicOrigin) return value
  if (value === publicOrigin) return origin
  if (!value.startsWith(`${publicOrigin}/`)) return value
  return origin + value.slice(publicOrigin.length)
}

function defaultPort(url: URL): string {
  return url.protocol === 'https:' ? '443' : '80'
}

function setOrNull(names: readonly string[]): ReadonlySet<string> | null {
  return names.length === 0 ? null : new Set(names)
}
