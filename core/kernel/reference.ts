/** Names a service: exactly one plugin or room provides it, and its users receive a `T`. */
export interface ServiceRef<T> {
  readonly kind: 'service'
  readonly id: string
  /** Set if plugins should no longer use it: what to do instead. */
  readonly deprecated?: string
  /** Carries the type only; never set. */
  readonly T?: T
}

/** Names a slot: several plugins contribute entries, and its readers receive all of them as `readonly T[]`. */
export interface SlotRef<T> {
  readonly kind: 'slot'
  readonly id: string
  /** Set if plugins should no longer use it: what to do instead. */
  readonly deprecated?: string
  /** Carries the type only; never set. */
  readonly T?: T
}

export type Ref = ServiceRef<unknown> | SlotRef<unknown>
export type Refs = Readonly<Record<string, Ref>>

/** Declares a service. Ids are compared as strings, so prefix your own with your plugin's name. */
export function serviceRef<T>(id: string): ServiceRef<T> {
  return Object.freeze({ kind: 'service', id })
}

/** Declares a slot. Ids are compared as strings, so prefix your own with your plugin's name. */
export function slotRef<T>(id: string): SlotRef<T> {
  return Object.freeze({ kind: 'slot', id })
}

/** The type that a plugin with the reference in `needs` receives. */
export type Received<R> =
  R extends ServiceRef<infer T> ? T : R extends SlotRef<infer T> ? readonly T[] : never

/** The type that a plugin with the reference in `provides` contributes. */
export type Contributed<R> = R extends ServiceRef<infer T> ? T : R extends SlotRef<infer T> ? T : never
