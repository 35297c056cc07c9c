/** Names one part that exactly one plugin or room provides; `T` is what a user of it receives. */
export interface ServiceRef<T> {
  readonly kind: 'service'
  readonly id: string
  /** Only carries the type; never set. */
  readonly T?: T
}

/** Names a list that several plugins contribute to; a user of it receives all contributions as `readonly T[]`. */
export interface SlotRef<T> {
  readonly kind: 'slot'
  readonly id: string
  /** Only carries the type; never set. */
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

/** What a plugin that `needs` the reference receives. */
export type Received<R> =
  R extends ServiceRef<infer T> ? T : R extends SlotRef<infer T> ? readonly T[] : never

/** What a plugin that `provides` the reference hands over: the service once, a slot any number of times. */
export type Contributed<R> = R extends ServiceRef<infer T> ? T : R extends SlotRef<infer T> ? T : never
