import type { App, PublicNames } from '@mezite/core'
import { publicOrigin } from '../request/origin.ts'

/** Names of one app on both sides of the hub. */
export interface AppNames {
  readonly publicOrigin: string
  readonly publicHost: string
  /** Value of `Host` towards the app. */
  readonly upstreamHost: string
  /** Origin that the app believes to be at. */
  readonly upstreamOrigin: string
  /** Lower-case authorities that mean the app itself. */
  readonly own: ReadonlySet<string>
}

const cache = new WeakMap<App, AppNames>()

/** Computed once for each version of an app. */
export function namesOf(app: App, names: PublicNames): AppNames {
  const known = cache.get(app)
  if (known !== undefined) return known
  const url = new URL(app.uri)
  const publicHost = app.publicAddr + names.portSuffix
  const upstreamHost =
    app.rewriteHost === 'preserve' ? publicHost : app.rewriteHost === 'upstream' ? url.host : app.rewriteHost
  const preserved = app.rewriteHost === 'preserve'
  const made: AppNames = {
    publicOrigin: publicOrigin(app.publicAddr, names),
    publicHost,
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
  }
  cache.set(app, made)
  return made
}

/** A `Location` from the app as the browser must see it: the app's inner and public names become its public origin. */
export function publicLocation(value: string, names: AppNames): string {
  const [whole, authority] = /^(?:https?:)?[/\\]{2}([^/?#\\]*)/i.exec(value) ?? []
  if (whole === undefined || !names.own.has((authority as string).toLowerCase())) return value
  return names.publicOrigin + value.slice(whole.length)
}

/** `Origin` and `Referer` as an app under another name expects them; only our own origin is replaced. */
export function upstreamReference(value: string, names: AppNames): string {
  if (names.upstreamOrigin === names.publicOrigin) return value
  if (value === names.publicOrigin) return names.upstreamOrigin
  if (!value.startsWith(`${names.publicOrigin}/`)) return value
  return names.upstreamOrigin + value.slice(names.publicOrigin.length)
}

function defaultPort(url: URL): string {
  return url.protocol === 'https:' ? '443' : '80'
}
