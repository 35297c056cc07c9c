import type { App, PublicNames } from '@mezite/core'
import { type IdentityValue, mapUris, plainHeaderName } from '@mezite/core/protocol'
import { publicOrigin } from '../request/origin.ts'

/** How messages of one app change between its two sides: names, addresses and constant header lines. */
export interface AppMapping {
  readonly publicOrigin: string
  readonly publicHost: string
  /** Port of the public origin. */
  readonly publicPort: string
  /** Value of `Host` towards the app. */
  readonly upstreamHost: string
  /** The app's origin as the app itself knows it. */
  readonly upstreamOrigin: string
  /** Lower-case authorities that mean the app itself. */
  readonly own: ReadonlySet<string>
  readonly identity: readonly (readonly [name: string, value: IdentityValue])[]
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

const cache = new WeakMap<App, AppMapping>()

/** Computed once for each version of an app. */
export function mappingOf(app: App, names: PublicNames): AppMapping {
  const known = cache.get(app)
  if (known !== undefined) return known
  const url = new URL(app.uri)
  const publicHost = app.publicAddr + names.portSuffix
  const upstreamHost =
    app.rewriteHost === 'preserve' ? publicHost : app.rewriteHost === 'upstream' ? url.host : app.rewriteHost
  const preserved = app.rewriteHost === 'preserve'
  const { request, response } = app.headers
  const identity = Object.entries(app.identityHeaders)
  const identityNames = new Set(identity.map(([name]) => plainHeaderName(name.toLowerCase())))
  const dropped = [...Object.keys(request.set), ...request.remove].map((name) =>
    plainHeaderName(name.toLowerCase()),
  )
  const droppedInResponse = [...Object.keys(response.set), ...response.remove].map((name) =>
    name.toLowerCase(),
  )
  const mapping: AppMapping = {
    publicOrigin: publicOrigin(app.publicAddr, names),
    publicHost,
    publicPort: names.portSuffix.slice(1) || '443',
    upstreamHost,
    upstreamOrigin: preserved ? publicOrigin(app.publicAddr, names) : `${url.protocol}//${upstreamHost}`,
    own: new Set(
      [
        publicHost,
        app.publicAddr,
        url.host,
        `${url.hostname}:${url.port || defaultPort(url)}`,
        upstreamHost,
      ].map((host) => host.toLowerCase()),
    ),
    identity,
    identityNames,
    dropped: setOrNull([...dropped, ...identityNames]),
    passed: new Set(request.pass),
    setLines: Object.entries(request.set).flat(),
    droppedInResponse: setOrNull(droppedInResponse),
    responseSetLines: Object.entries(response.set).flat(),
  }
  cache.set(app, mapping)
  return mapping
}

/** The addresses in a header of a response as the browser must see them: the app's own names become its public origin. */
export function publicAddresses(header: string, value: string, mapping: AppMapping): string {
  return mapUris(header, value, (uri) => publicReference(uri, mapping))
}

function publicReference(value: string, mapping: AppMapping): string {
  const [whole, authority] = /^(?:https?:)?[/\\]{2}([^/?#\\]*)/i.exec(value) ?? []
  if (whole === undefined || !mapping.own.has((authority as string).toLowerCase())) return value
  return mapping.publicOrigin + value.slice(whole.length)
}

/** `Origin`, `Referer` and `Destination` as an app under another name expects them: only its own origin is replaced. */
export function upstreamAddress(value: string, mapping: AppMapping): string {
  if (mapping.upstreamOrigin === mapping.publicOrigin) return value
  if (value === mapping.publicOrigin) return mapping.upstreamOrigin
  if (!value.startsWith(`${mapping.publicOrigin}/`)) return value
  return mapping.upstreamOrigin + value.slice(mapping.publicOrigin.length)
}

function defaultPort(url: URL): string {
  return url.protocol === 'https:' ? '443' : '80'
}

function setOrNull(names: readonly string[]): ReadonlySet<string> | null {
  return names.length === 0 ? null : new Set(names)
}
