import { slotRef } from '../kernel/reference.ts'

/** A kind of app, contributed by the plugin that serves it. */
export interface AppKind {
  /** What documents say as `spec.protocol`: small letters, digits and hyphens. */
  readonly name: string
  /** Schemes of `spec.uri` without the colon, such as `https`. The agent dials http, https and tcp; others need `dial.open`. */
  readonly schemes: readonly string[]
  /** True: browsers reach it at its public host on this hub. False: it is reached through a program such as msh. */
  readonly servedByHub: boolean
}

/** The kinds of apps that can be reached. Registering another one warns. */
export const appKinds = slotRef<AppKind>('appKinds')
