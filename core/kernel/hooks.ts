import { AsyncParallelHook, AsyncSeriesBailHook, AsyncSeriesHook, SyncHook, SyncWaterfallHook } from 'tapable'
import { isMezError, MezError, messageOf } from './error.ts'
import type { AnyHook, Ballots, HookCalls, HookTree, TapOptions, TapView } from './hook.ts'
import type { Log } from './log.ts'

/** One tap as the kernel sees it; `run` is the plugin's function with deadline and named errors around it. */
export interface Tap {
  readonly plugin: string
  readonly hook: string
  readonly pure: boolean
  run(input: unknown): Promise<unknown>
}

/** The hooks of one program: the owner calls, plugins tap until `freeze`. Two of them share nothing. */
export interface Hooks<Tree extends HookTree> {
  readonly calls: HookCalls<Tree>
  /** The tree as one plugin gets it: its name is bound, nothing can be called. */
  view(plugin: string): TapView<Tree>
  /** From now on every tap is refused with MEZ_SETUP_OVER. */
  freeze(): void
  /** The taps of one hook, `room.verb`, in the order in which they run. */
  taps(hook: string): readonly Tap[]
}

// biome-ignore lint/suspicious/noExplicitAny: the typed tree is the border; inside, all hooks are alike
type Fn = (...args: any[]) => any

const STAGES = { early: 0, normal: 1, late: 2 } as const
const OPTIONS = ['stage', 'pure']
const ASYNC: readonly string[] = ['series', 'first', 'parallel']
const noop = () => {}

export function createHooks<Tree extends HookTree>(tree: Tree, options: { readonly log: Log }): Hooks<Tree> {
  const entries = Object.entries(tree).flatMap(([room, verbs]) =>
    Object.entries(verbs).map(([verb, hook]) => createEntry(room, verb, hook, options.log)),
  )
  let frozen = false
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
    view: (plugin) =>
      grouped((entry) => (fn: Fn, tapOptions: TapOptions = {}) => {
        const who = `plugin '${plugin}' taps ${entry.room}.${entry.verb}`
        if (frozen) throw new MezError('MEZ_SETUP_OVER', `${who} after setup`)
        checkTap(who, fn, tapOptions)
        entry.add(plugin, fn, tapOptions)
      }) as TapView<Tree>,
    freeze: () => {
      frozen = true
    },
    taps: (hook) => entries.find((entry) => `${entry.room}.${entry.verb}` === hook)?.taps() ?? [],
  }
}

function checkTap(who: string, fn: unknown, options: TapOptions): void {
  if (typeof fn !== 'function')
    throw new MezError('MEZ_TAP_INVALID', `${who} with something that is no function`)
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
  taps(): readonly Tap[]
}

/** What a `votes` call collects; `pending` stays unset while every tap answers synchronously. */
interface Poll {
  readonly newBallot: (plugin: string) => unknown
  readonly cast: unknown[]
  readonly failed: { plugin: string; error: Error }[]
  pending?: Promise<void>[]
}

function createEntry(room: string, verb: string, { kind, options }: AnyHook, log: Log): Entry {
  const name = `${room}.${verb}`
  const taps: (Tap & { readonly position: number })[] = []
  const failure = (plugin: string, error: unknown): MezError =>
    isMezError(error, 'MEZ_HOOK_TIMEOUT')
      ? error
      : new MezError('MEZ_HOOK_FAILED', `plugin '${plugin}' failed in ${name}: ${messageOf(error)}`, {
          cause: error,
        })
  const inTime = (plugin: string, promise: Promise<unknown>) =>
    withDeadline(promise, options.deadlineMs, plugin, name)
  const run = async (plugin: string, fn: Fn, input: unknown) => {
    try {
      const answer = fn(input)
      return (isPromise(answer) ? await inTime(plugin, answer) : answer) ?? undefined
    } catch (error) {
      throw failure(plugin, error)
    }
  }
  const kinds = {
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
        run(plugin, fn, input).then(noop, (error) => void errors.push(error))
      const call = async (input: unknown) => {
        const errors: unknown[] = []
        await hook.promise(input, errors)
        if (errors.length > 1) throw new AggregateError(errors, errors.map(messageOf).join('; '))
        if (errors.length === 1) throw errors[0]
      }
      return { hook, wrap, call }
    },
    waterfall: () => {
      const hook = new SyncWaterfallHook<[unknown, unknown]>(['value', 'context'])
      const wrap = (plugin: string, fn: Fn) => (value: unknown, context: unknown) => {
        try {
          const answer = fn(value, context)
          if (!isPromise(answer)) return answer ?? undefined
          answer.then(noop, noop)
        } catch (error) {
          throw failure(plugin, error)
        }
        throw failure(plugin, new TypeError('it must answer synchronously'))
      }
      return { hook, wrap, call: (value: unknown, context: unknown) => hook.call(value, context) }
    },
    tells: () => {
      const hook = new SyncHook<[unknown]>(['event'])
      const wrap = (plugin: string, fn: Fn) => {
        const report = (error: unknown) =>
          log.error({ plugin, hook: name, error: failure(plugin, error) }, 'a tap failed')
        return (event: unknown) => {
          try {
            const answer = fn(event)
            if (isPromise(answer)) answer.then(noop, report)
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
              // `return false` and the like mean something that nobody would hear.
              if ((answer ?? undefined) !== undefined)
                throw new TypeError('it returned something: it votes on its ballot')
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
  const { hook, wrap, call } = kinds[kind]()
  Object.defineProperties(call, {
    empty: { get: () => taps.length === 0 },
    pure: { get: () => taps.every((tap) => tap.pure) },
  })
  return {
    room,
    verb,
    call,
    add(plugin, fn, { stage = 'normal', pure = false }) {
      // Plugins are set up in dependency order, so the order of tapping inside a stage is already right.
      const position = (options.reverse ? -1 : 1) * (STAGES[stage] * 1e6 + taps.length)
      const described = { name: plugin, stage: position }
      const wrapped = wrap(plugin, fn) as Fn
      if (ASYNC.includes(kind)) (hook as AsyncSeriesHook<unknown>).tapPromise(described, wrapped)
      else (hook as SyncHook<unknown>).tap(described, wrapped)
      taps.push({ plugin, hook: name, pure, position, run: (input) => run(plugin, fn, input) })
    },
    taps: () => taps.toSorted((a, b) => a.position - b.position),
  }
}

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}

function withDeadline(
  promise: Promise<unknown>,
  deadlineMs: number | undefined,
  plugin: string,
  hook: string,
) {
  if (deadlineMs === undefined) return Promise.resolve(promise)
  return new Promise<unknown>((resolve, reject) => {
    const late = () =>
      reject(
        new MezError('MEZ_HOOK_TIMEOUT', `plugin '${plugin}' did not answer ${hook} within ${deadlineMs} ms`),
      )
    const timer = setTimeout(late, deadlineMs)
    // What has a `then` may be no promise otherwise.
    Promise.resolve(promise)
      .then(resolve, reject)
      .finally(() => clearTimeout(timer))
  })
}
