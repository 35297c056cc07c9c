import { slotRef } from '../kernel/reference.ts'

/** A kind of app, contributed by the plugin that serves it. @public */
export interface AppKind {
  /** The value of `spec.protocol` in app documents: small letters, digits and hyphens. */
  readonly name: string
  /**
   * Schemes of `spec.uri` without the colon, such as `https`. The agent dials http, https and tcp; others need a
   * `dial.open` tap, and a port in the URI.
   */
  readonly schemes: readonly string[]
  /**
   * True if browsers reach it at its public host on this hub: `http-apps` then serves it, and what `dial.open` returns must
   * speak HTTP/1.1. False if people reach it through a program such as msh, with an entry of `protocols`.
   */
  readonly servedByHub: boolean
  /**
   * True if an admission to such an app may open connections to any TCP target (`OpenOptions.target`), as a SOCKS proxy
   * needs: whoever reaches the app then reaches all that the `apps.allow` of its agents admits.
   */
  readonly targets?: boolean
}

/** The supported kinds of apps. Registering an app of another kind causes a warning. @public */
export const appKinds = slotRef<AppKind>('appKinds')
