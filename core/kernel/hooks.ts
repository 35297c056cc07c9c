import { AsyncParallelHook, AsyncSeriesBailHook, AsyncSeriesHook, SyncHook, SyncWaterfallHook } from 'tapable'
import { withDeadline } from './deadline.ts'
import { isMezError, MezError, messageOf } from './error.ts'
import type { AnyHook, Ballots, HookCalls, HookTree, TapGuard, TapOptions, TapView } from './hook.ts'
import type { Log } from './log.ts'
import { type TapViewOptions, tapView } from './tap-view.ts'

/**
 * Runs around each tap of a hook: `run` is the tap with its deadline and its named errors. A failed tap of a `series` hook
 * rejects; one of a `parallel` hook resolves to its error.
 */
export type Around = (plugin: string, run: () => Promise<unknown>) => Promise<unknown>

/** The hooks of one program: the owner calls them, plugins tap them until `freeze`. Instances share no state. */
export interface Hooks<Tree extends HookTree> {
  readonly calls: HookCalls<Tree>
  /** The tree for one plugin: bound to its name, without the calls. */
  view(plugin: string): TapView<Tree>
  /** Wraps each tap of a `series` or `parallel` hook, named `room.verb`. Call it before the first tap. */
  intercept(hook: string, around: Around): void
  /** Rejects every later tap with MEZ_SETUP_OVER. */
  freeze(): void
  /** The names of the plugins that tap the hook `room.verb`, in the order in which they run. */
  taps(hook: string): readonly string[]
  /** What to do instead of tapping the hook, if it is deprecated. */
  deprecated(hook: string): string | undefined
}

export interface HooksOptions extends TapViewOptions {
  readonly log: Log
  /** A tap took more than `SLOW_MS`, until its promise settled if it returned one. Not called for `lifecycle`. */
  readonly slow?: (plugin: string, hook: string, ms: number) => void
}

/** A tap that takes longer than this holds up the program or the request, and is reported. In milliseconds. */
const SLOW_MS = 50

// biome-ignore lint/suspicious/noExplicitAny: the typed tree is the boundary; inside, all hooks are alike
type Fn = (...args: any[]) => any

const STAGES = { early: 0, normal: 1, late: 2 } as const
const OPTIONS = ['stage', 'pure']
const ASYNC: readonly string[] = ['series', 'first', 'parallel']
const noop = () => {}

export function createHooks<Tree extends HookTree>(tree: Tree, options: HooksOptions): Hooks<Tree> {
  const entries = Object.entries(tree).flatMap(([room, verbs]) =>
    Object.entries(verbs).map(([verb, hook]) => createEntry(room, verb, hook, options)),
  )
  let frozen = false
  const find = (hook: string) => entries.find(({ room, verb }) => `${room}.${verb}` === hook)
  const grouped = (value: (entry: Entry) => unknown) => {
    const rooms: Record<string, Record<string, unknown>> = {}
    for (const entry of entries) {
      rooms[entry.room] ??= {}
      rooms[entry.room]![entry.verb] = value(entry)
    }
    for (const room of Object.values(rooms)) Object.freeze(room)
    return Object.freeze(rooms)
  }
  return {
    calls: grouped((entry) => entry.call) as HookCalls<Tree>,
    view(plugin) {
      const taps = grouped((entry) => (fn: Fn, tapOptions: TapOptions = {}) => {
        const who = `plugin '${plugin}' taps ${entry.room}.${entry.verb}`
        if (frozen) throw new MezError('MEZ_SETUP_OVER', `${who} after setup`)
        checkTap(who, fn, tapOptions)
        entry.add(plugin, fn, tapOptions)
      })
      return tapView(plugin, taps, options) as TapView<Tree>
    },
    intercept: (hook, around) => find(hook)?.intercept(around),
    freeze: () => {
      frozen = true
    },
    taps: (hook) => find(hook)?.taps() ?? [],
    deprecated: (hook) => find(hook)?.deprecated,
  }
}

function checkTap(who: string, fn: unknown, options: TapOptions): void {
  if (typeof fn !== 'function')
    throw new MezError('MEZ_TAP_INVALID', `${who} with a value that is not a function`)
  const unknown = Object.keys(options).find((key) => !OPTIONS.includes(key))
  if (unknown) throw new MezError('MEZ_TAP_INVALID', `${who} with the unknown option '${unknown}'`)
  if (options.stage !== undefined && !Object.hasOwn(STAGES, options.stage)) {
    throw new MezError('MEZ_TAP_INVALID', `${who} in the unknown stage '${options.stage}'`)
  }
}

interface Entry {
  readonly room: string
  readonly verb: string
  readonly call: Fn
  add(plugin: string, fn: Fn, options: TapOptions): void
  intercept(around: Around): void
  taps(): readonly string[]
  readonly deprecated: string | undefined
}

/** The state of one `votes` call; `pending` stays unset while every tap returns synchronously. */
interface Poll {
  readonly newBallot: (plugin: string) => unknown
  readonly cast: unknown[]
  readonly failed: { plugin: string; error: Error }[]
  pending?: Promise<void>[]
}

function createEntry(
  room: string,
  verb: string,
  { kind, options, deprecated }: AnyHook,
  { log, slow }: HooksOptions,
): Entry {
  const name = `${room}.${verb}`
  /** Reads the clock twice and creates nothing: taps of `http.request` run for every request. */
  const timed = (plugin: string, fn: Fn) => (one: unknown, two: unknown) => {
    const begun = performance.now()
    let waits = false
    try {
      const answer = fn(one, two)
      if (answer instanceof Promise) {
        waits = true
        const settled = () => {
          const ms = performance.now() - begun
          if (ms > SLOW_MS) slow?.(plugin, name, ms)
        }
        answer.then(settled, settled)
      }
      return answer
    } finally {
      const ms = waits ? 0 : performance.now() - begun
      if (ms > SLOW_MS) slow?.(plugin, name, ms)
    }
  }
  let pure = true
  const { hook, wrap, call } = kindsOf(name, options, log)[kind]()
  /** Plain values instead of getters: every request reads them. */
  const describe = () => Object.assign(call, { empty: hook.taps.length === 0, pure })
  describe()
  return {
    room,
    verb,
    call,
    add(plugin, fn, tap) {
      // Plugins are set up in dependency order, so the order of taps within a stage is already right.
      const position = (options.reverse ? -1 : 1) * (STAGES[tap.stage ?? 'normal'] * 1e6 + hook.taps.length)
      const described = { name: plugin, stage: position }
      // The duration of a start is in the status; a drain waits for others.
      const wrapped = wrap(plugin, room === 'lifecycle' ? fn : timed(plugin, fn)) as Fn
      if (ASYNC.includes(kind)) (hook as AsyncSeriesHook<unknown>).tapPromise(described, wrapped)
      else (hook as SyncHook<unknown>).tap(described, wrapped)
      pure &&= tap.pure === true
      describe()
    },
    intercept: (around) =>
      hook.intercept({
        register: (tap) => ({
          ...tap,
          fn: (...args: unknown[]) => around(tap.name, async () => tap.fn(...args)),
        }),
      }),
    deprecated,
    taps: () => hook.taps.map((tap) => tap.name),
  }
}

/** What each kind of hook does with its taps: `wrap` is around each, `call` runs them. */
function kindsOf(name: string, options: AnyHook['options'], log: Log) {
  const failure = (plugin: string, error: unknown): MezError =>
    isMezError(error, 'MEZ_HOOK_TIMEOUT')
      ? error
      : new MezError('MEZ_HOOK_FAILED', `${ownerOf(plugin)} failed in ${name}: ${messageOf(error)}`, {
          cause: error,
        })
  const inTime = (plugin: string, promise: PromiseLike<unknown>): Promise<unknown> =>
    options.deadlineMs === undefined
      ? Promise.resolve(promise)
      : withDeadline(
          () => promise,
          options.deadlineMs,
          (ms) =>
            new MezError('MEZ_HOOK_TIMEOUT', `${ownerOf(plugin)} did not respond to ${name} within ${ms} ms`),
        )
  const run = async (plugin: string, fn: Fn, input: unknown) => {
    try {
      const given = fn(input)
      const answer = (isPromise(given) ? await inTime(plugin, given) : given) ?? undefined
      const fault = answer === undefined ? null : (options.check?.(answer) ?? null)
      if (fault !== null) throw new TypeError(fault)
      return answer
    } catch (error) {
      throw failure(plugin, error)
    }
  }
  return {
    series: () => {
      const hook = new AsyncSeriesHook<[unknown]>(['input'])
      const wrap = (plugin: string, fn: Fn) => (input: unknown) => run(plugin, fn, input).then(noop)
      return { hook, wrap, call: (input: unknown) => hook.promise(input) }
    },
    first: () => {
      const hook = new AsyncSeriesBailHook<[unknown], unknown>(['input'])
      const wrap = (plugin: string, fn: Fn) => (input: unknown) => run(plugin, fn, input)
      return { hook, wrap, call: async (input: unknown) => (await hook.promise(input)) ?? null }
    },
    parallel: () => {
      const hook = new AsyncParallelHook<[unknown, unknown[]]>(['input', 'errors'])
      const wrap = (plugin: string, fn: Fn) => (input: unknown, errors: unknown[]) =>
        run(plugin, fn, input).then(noop, (error) => {
          errors.push(error)
          return error
        })
      const call = async (input: unknown) => {
        const errors: unknown[] = []
        await hook.promise(input, errors)
        if (errors.length > 1) throw new AggregateError(errors, errors.map(messageOf).join('; '))
        if (errors.length === 1) throw errors[0]
      }
      return { hook, wrap, call }
    },
    waterfall: () => {
      type Guard = TapGuard<unknown, unknown> | undefined
      const hook = new SyncWaterfallHook<[unknown, unknown, Guard]>(['value', 'context', 'guard'])
      const wrap = (plugin: string, fn: Fn) => (value: unknown, context: unknown, guard: Guard) => {
        try {
          const answer = fn(value, guard?.contextFor ? guard.contextFor(plugin) : context)
          if ((answer ?? undefined) === undefined) return undefined
          if (!isPromise(answer)) return guard?.accept ? guard.accept(answer) : answer
          answer.then(noop, noop)
        } catch (error) {
          throw failure(plugin, error)
        }
        throw failure(plugin, new TypeError('it must return synchronously'))
      }
      const call = (value: unknown, context: unknown, guard: Guard) => hook.call(value, context, guard)
      return { hook, wrap, call }
    },
    tells: () => {
      const hook = new SyncHook<[unknown]>(['event'])
      const wrap = (plugin: string, fn: Fn) => {
        const report = (error: unknown) => log.error({ plugin, hook: name, error }, 'a tap failed')
        return (event: unknown) => {
          try {
            const answer = fn(event)
            if (answer !== undefined && isPromise(answer)) answer.then(noop, report)
          } catch (error) {
            report(error)
          }
        }
      }
      return { hook, wrap, call: (event: unknown) => hook.call(event) }
    },
    votes: () => {
      const hook = new SyncHook<[unknown, Poll]>(['query', 'poll'])
      const wrap = (plugin: string, fn: Fn) => {
        const fail = (poll: Poll, error: unknown) =>
          void poll.failed.push({ plugin, error: failure(plugin, error) })
        return (query: unknown, poll: Poll) => {
          try {
            const ballot = poll.newBallot(plugin)
            const cast = (answer: unknown) => {
              // A returned value such as `false` would be ignored, so it fails the ballot.
              if ((answer ?? undefined) !== undefined)
                throw new TypeError('it returned a value; a tap votes with the methods of its ballot')
              poll.cast.push(ballot)
            }
            const answer = fn(query, ballot)
            if (!isPromise(answer)) return cast(answer)
            poll.pending ??= []
            poll.pending.push(
              inTime(plugin, answer)
                .then(cast)
                .catch((error) => fail(poll, error)),
            )
          } catch (error) {
            fail(poll, error)
          }
        }
      }
      const call = (
        query: unknown,
        newBallot: Poll['newBallot'],
      ): Ballots<unknown> | Promise<Ballots<unknown>> => {
        const poll: Poll = { newBallot, cast: [], failed: [] }
        hook.call(query, poll)
        return poll.pending ? Promise.all(poll.pending).then(() => poll) : poll
      }
      return { hook, wrap, call }
    },
  }
}

/** Names with spaces are parts of the program, not plugins. */
const ownerOf = (name: string): string => (/^[a-z0-9-]+$/.test(name) ? `plugin '${name}'` : name)

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}
