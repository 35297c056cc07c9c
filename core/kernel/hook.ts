/** How a hook calls its taps. A hook tree has one descriptor for each hook. */
export type HookKind = 'series' | 'parallel' | 'first' | 'waterfall' | 'tells' | 'votes'

export interface Hook<K extends HookKind, In, Out> {
  readonly kind: K
  readonly options: HookOptions
  /** Set if plugins should no longer tap the hook: what to do instead. */
  readonly deprecated?: string
  /** These only carry the types and are never set. */
  readonly In?: In
  readonly Out?: Out
}

export interface HookOptions {
  /** Taps run in the opposite order (`lifecycle.stop`). */
  readonly reverse?: boolean
  /** How long one asynchronous tap may take, in milliseconds. */
  readonly deadlineMs?: number
  /** `first` only: why a result is not valid, or null. An invalid result counts as a failure of the plugin. */
  readonly check?: (answer: unknown) => string | null
}

const DEADLINE_MS = 30_000

/** Calls the taps in order and awaits each; the first error ends the call. */
export const series = <In>(options: HookOptions = {}): Hook<'series', In, void> => ({
  kind: 'series',
  options: { deadlineMs: DEADLINE_MS, ...options },
})

/** Calls all taps at once, waits for all of them, and then reports their errors together. */
export const parallel = <In>(options: HookOptions = {}): Hook<'parallel', In, void> => ({
  kind: 'parallel',
  options: { deadlineMs: DEADLINE_MS, ...options },
})

/** Calls the taps in order until one returns a value other than `null` or `undefined`. */
export const first = <In, Out>(options: HookOptions = {}): Hook<'first', In, Out> => ({
  kind: 'first',
  options: { deadlineMs: DEADLINE_MS, ...options },
})

/** Each tap may return a replacement of the value (synchronously), which the owner checks; `undefined` keeps it. */
export const waterfall = <Value, Context>(): Hook<'waterfall', Context, Value> => ({
  kind: 'waterfall',
  options: {},
})

/** Notifies every tap, synchronously; an error is logged with the plugin's name and does not affect other taps. */
export const tells = <In>(): Hook<'tells', In, void> => ({
  kind: 'tells',
  options: {},
})

/** Gives every tap its own ballot, which fails if the tap throws, rejects, times out or returns a value. */
export const votes = <In, Ballot>(options: HookOptions = {}): Hook<'votes', In, Ballot> => ({
  kind: 'votes',
  options: { deadlineMs: 2_000, ...options },
})

// biome-ignore lint/suspicious/noExplicitAny: any hook with any types
export type AnyHook = Hook<HookKind, any, any>
export type HookTree = Readonly<Record<string, Readonly<Record<string, AnyHook>>>>

/** `early` before `normal` before `late`; inside a stage dependency order, then name. */
export type Stage = 'early' | 'normal' | 'late'

export interface TapOptions {
  readonly stage?: Stage
  /** `votes` only: the ballot depends on the query alone and changes only with the revision, so it may be cached. */
  readonly pure?: boolean
}

type Maybe<T> = T | null | undefined
type Eventually<T> = T | Promise<T>

/** The function that a plugin taps a hook with. */
export type TapFn<H> =
  H extends Hook<infer K, infer In, infer Out>
    ? K extends 'series' | 'parallel'
      ? (input: In) => Eventually<void>
      : K extends 'first'
        ? (input: In) => Eventually<Maybe<Out>>
        : K extends 'waterfall'
          ? (value: Out, context: In) => Out | undefined
          : K extends 'tells'
            ? (event: In) => void
            : K extends 'votes'
              ? (query: In, vote: Out) => Eventually<void>
              : never
    : never

/** A hook tree as plugins receive it: they can tap hooks but not call them. */
export type TapView<Tree extends HookTree> = {
  readonly [Room in keyof Tree]: {
    readonly [Verb in keyof Tree[Room]]: (fn: TapFn<Tree[Room][Verb]>, options?: TapOptions) => void
  }
}

/** The result of a `votes` hook: the cast ballots, and the plugins whose ballot failed. */
export interface Ballots<Ballot> {
  readonly cast: readonly Ballot[]
  readonly failed: readonly {
    readonly plugin: string
    readonly error: Error
  }[]
}

/** What the owner of a `waterfall` hook does at each tap. An error that it throws fails the call and names the plugin. */
export interface TapGuard<Value, Context> {
  /** The context for the tap of this plugin. Default: the context of the call. */
  contextFor?(plugin: string): Context
  /** Returns the value that the next tap receives in place of an answer. Throws why the answer cannot be used. */
  accept?(answer: Value): Value
}

/** The function with which the owner of a hook calls it. */
export type CallFn<H> =
  H extends Hook<infer K, infer In, infer Out>
    ? K extends 'series' | 'parallel'
      ? (input: In) => Promise<void>
      : K extends 'first'
        ? (input: In) => Promise<Out | null>
        : K extends 'waterfall'
          ? (value: Out, context: In, guard?: TapGuard<Out, In>) => Out
          : K extends 'tells'
            ? (event: In) => void
            : K extends 'votes'
              ? (query: In, newBallot: (plugin: string) => Out) => Eventually<Ballots<Out>>
              : never
    : never

export type Caller = {
  /** True if the hook has no taps, so that a hot path can skip the call. */
  readonly empty: boolean
  /** True if every tap is marked as pure. */
  readonly pure: boolean
}

/** A hook tree as its owner receives it: every hook can be called. */
export type HookCalls<Tree extends HookTree> = {
  readonly [Room in keyof Tree]: {
    readonly [Verb in keyof Tree[Room]]: CallFn<Tree[Room][Verb]> & Caller
  }
}
