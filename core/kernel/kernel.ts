import type { TSchema } from 'typebox'
import { type Clock, systemClock } from './clock.ts'
import { checkConfig, checkPluginConfig, configError } from './config-check.ts'
import { isMezError, MezError, messageOf } from './error.ts'
import type { HookCalls, HookTree, TapView } from './hook.ts'
import { createHooks, type Hooks } from './hooks.ts'
import { withKnownMembers } from './known-members.ts'
import { createLifecycle, type LifecycleHooks } from './lifecycle.ts'
import type { Log } from './log.ts'
import { type OrderOptions, orderPlugins } from './order.ts'
import type { AnyPlugin, AppConfigReader, ConfiguredApp, PluginSide } from './plugin.ts'
import { checkPlugin } from './plugin-check.ts'
import type { Reason } from './reason.ts'
import type { Ref, Refs, ServiceRef, SlotRef } from './reference.ts'
import { duringSetup } from './setup-turn.ts'

export interface KernelOptions<Tree extends HookTree & LifecycleHooks> {
  readonly tree: Tree
  readonly side: PluginSide
  /** The hooks of the other half of plugins, for the error about a tap in the wrong half. */
  readonly otherHalf?: HookTree
  readonly plugins: readonly AnyPlugin[]
  /** Each plugin's configuration by its name. The kernel checks it and fills in defaults. */
  readonly configs?: Readonly<Record<string, unknown>>
  readonly suggestions?: OrderOptions['suggestions']
  /** Checks by the id of a reference: why a provided part is not valid, or null. */
  readonly checks?: Readonly<Record<string, (part: unknown) => string | null>>
  /**
   * What a part takes for itself, by the id of a slot, such as `role rule "request"`: no other entry may take it. Called after
   * `checks`.
   */
  readonly takes?: Readonly<Record<string, (part: unknown) => readonly string[]>>
  /** Called for every tap that takes more than 50 ms, which the kernel logs at most once a minute. */
  readonly slowTap?: (plugin: string, hook: string, ms: number) => void
  readonly log: Log
  readonly clock?: Clock
}

/** One line of `mezctl status --plugins`, in the order of setup. */
export interface PluginStatus {
  readonly name: string
  readonly api: number
  readonly version: string | null
  readonly summary: string
  readonly provides: readonly string[]
  readonly taps: readonly string[]
  /** Duration of its `lifecycle.start` in milliseconds; null before it has run, or if there is none. */
  readonly startMs: number | null
}

export interface Kernel<Tree extends HookTree> {
  readonly calls: HookCalls<Tree>
  /** The hook tree for a part of the program itself, such as `the public port`, which must tap before `setup` ends. */
  tap(part: string): TapView<Tree>
  /**
   * Sets up all plugins, then freezes the hooks. Synchronous; call it once. Throws an error that names the plugin.
   * `provided` are the services and slot entries of the program itself, created after the kernel because they may call
   * the hooks.
   */
  setup(provided?: readonly (readonly [Ref, unknown])[]): void
  /** Runs `lifecycle.start`, one plugin after another. When one fails or hangs, stops the started ones and rejects. */
  start(): Promise<void>
  ready(): Promise<void>
  /**
   * Runs `lifecycle.drain` and waits at most `deadlineMs` for it. Never rejects: logs failures and unfinished taps by
   * name.
   */
  drain(signal: AbortSignal, deadlineMs: number): Promise<void>
  /** Stops in reverse order; one failure does not keep others from stopping. Safe without `start`, and any number of times. */
  stop(): Promise<void>
  /** All contributions to a slot, after `setup`. */
  slot<T>(ref: SlotRef<T>): readonly T[]
  /** The name of the plugin that provided this part, for a log; null: the program itself did. */
  providerOf(part: object): string | null
  /** A service, or undefined when nothing provides it; after `setup`. */
  service<T>(ref: ServiceRef<T>): T | undefined
  describe(): readonly PluginStatus[]
  /** What a plugin says about a reason code of its own. */
  reasonOf(code: string): Reason | undefined
  /** The names of the plugins that tap the hook `room.verb`, in the order in which they run. */
  tapsOf(hook: string): readonly string[]
}

/** A slow tap is logged at most this often, in milliseconds. */
const SLOW_LOG_MS = 60_000

/** Sets up plugins in order and runs their lifecycle, without knowing what they do. Several kernels fit in one process. */
export function createKernel<const Tree extends HookTree & LifecycleHooks>(
  options: KernelOptions<Tree>,
): Kernel<Tree> {
  const { log, clock = systemClock } = options
  const slowLogged = new Map<string, number>()
  const slow = (plugin: string, hook: string, ms: number) => {
    options.slowTap?.(plugin, hook, ms)
    const [key, now] = [`${plugin} ${hook}`, performance.now()]
    if (now < (slowLogged.get(key) ?? 0) + SLOW_LOG_MS && slowLogged.has(key)) return
    slowLogged.set(key, now)
    log.warn({ plugin, hook, ms: Math.round(ms) }, `'${plugin}' was slow in ${hook}: ${Math.round(ms)} ms`)
  }
  const hooks = createHooks(options.tree, { ...options, slow })
  const services = new Map<string, unknown>()
  const providers = new WeakMap<object, string>()
  const slots = new Map<string, unknown[]>()
  /** By what entries of slots take for themselves: who provided them. */
  const taken = new Map<string, string>()
  let order: readonly AnyPlugin[] = []
  const lifecycle = createLifecycle(hooks as unknown as Hooks<LifecycleHooks>, log)

  const hand = (ref: Ref, part: unknown, who: string) => {
    const nothing = `${who} provided undefined as '${ref.id}'`
    if (part === undefined) throw new MezError('MEZ_SERVICE_UNPROVIDED', nothing)
    for (const one of options.takes?.[ref.id]?.(part) ?? []) {
      const other = taken.get(one)
      if (other !== undefined)
        throw new MezError(
          'MEZ_SERVICE_TWICE',
          `${who} provided the ${one}${other === who ? ' twice' : `, which ${other} has already provided`}`,
        )
      taken.set(one, who)
    }
    if (ref.kind === 'slot') return void slots.set(ref.id, [...(slots.get(ref.id) ?? []), part])
    if (services.has(ref.id)) throw new MezError('MEZ_SERVICE_TWICE', `${who} provided '${ref.id}' twice`)
    // Its users share it, and none of them may replace a method for the others.
    services.set(ref.id, Object.freeze(part))
  }
  const received = (ref: Ref) =>
    ref.kind === 'slot' ? Object.freeze([...(slots.get(ref.id) ?? [])]) : services.get(ref.id)

  /** Once for each plugin and thing: an operator sees which plugin needs an update. */
  const warnOfDeprecated = (plugin: AnyPlugin) => {
    const refs = Object.values({ ...plugin.needs, ...plugin.wants, ...plugin.provides })
    const things: (readonly [name: string, deprecated: string | undefined])[] = [
      ...refs.map(({ kind, id, deprecated }) => [`the ${kind} '${id}'`, deprecated] as const),
      ...tapsOf(plugin).map((hook) => [`the hook '${hook}'`, hooks.deprecated(hook)] as const),
    ]
    const who = `plugin '${plugin.name}'`
    for (const [thing, instead] of new Map(things))
      if (instead) log.warn({ plugin: plugin.name }, `${who} uses ${thing}, which is deprecated: ${instead}`)
  }
  const tapsOf = ({ name }: AnyPlugin) =>
    hookNames(options.tree).filter((hook) => hooks.taps(hook).includes(name))

  const setUp = (plugin: AnyPlugin, config: unknown) => {
    const who = `plugin '${plugin.name}'`
    let over = false
    const undeclared = (what: string, name: string, hint: string) =>
      new MezError('MEZ_PLUGIN_INVALID', `${who} reads ${what}.${name}, which it does not declare`, { hint })
    const parts = mapRefs(plugin.provides, (ref) => (part: unknown) => {
      if (over) throw new MezError('MEZ_SETUP_OVER', `${who} provides '${ref.id}' after setup`)
      const fault = options.checks?.[ref.id]?.(part) ?? null
      if (part !== undefined && fault !== null)
        throw new MezError('MEZ_PART_INVALID', `${who} provided an invalid '${ref.id}' entry: ${fault}`)
      hand(ref, part, who)
      if (part instanceof Object) providers.set(part, plugin.name)
    })
    const provide = withKnownMembers(parts, (name) =>
      undeclared('provide', name, `Add the reference to its definition: provides: { ${name} }.`),
    )
    const used = {
      ...mapRefs({ ...plugin.wants, ...plugin.needs }, received),
      ...(plugin.appConfig && { appConfig: appConfigReader(plugin.name, plugin.appConfig) }),
    }
    const use = withKnownMembers(used, (name) => {
      // Tests and debuggers look up other members of any object.
      if (over && !services.has(name) && !slots.has(name)) return null
      const how = `needs: { ${name} }, or wants: { ${name} } if it works without`
      return undeclared('use', name, `Add the reference to its definition: ${how}.`)
    })
    const tap = hooks.view(plugin.name)
    const host = Object.freeze({ config, clock, log: log.child({ plugin: plugin.name }), tap, use, provide })
    try {
      const result: unknown = duringSetup(plugin.name, () => plugin.setup(host))
      // The body of a generator function has not run at all.
      if (['then', 'next'].some((method) => Object(result)[method] !== undefined)) {
        if (result instanceof Promise) result.catch(() => {})
        throw new MezError('MEZ_SETUP_FAILED', `${who} has an asynchronous setup`, {
          hint: 'Make setup() synchronous; open connections and files in a tap of lifecycle.start.',
        })
      }
      for (const { kind, id } of Object.values(plugin.provides ?? {})) {
        const missing = `${who} declares the service '${id}' but did not provide it`
        if (kind !== 'slot' && !services.has(id)) throw new MezError('MEZ_SERVICE_UNPROVIDED', missing)
      }
    } catch (error) {
      if (isMezError(error) && error.message.startsWith(who)) throw error
      throw new MezError('MEZ_SETUP_FAILED', `${who} failed in setup: ${messageOf(error)}`, { cause: error })
    } finally {
      over = true
    }
  }

  return {
    calls: hooks.calls,
    tap: hooks.view,
    setup(provided = []) {
      const { side, plugins, suggestions = {} } = options
      for (const plugin of plugins) checkPlugin(plugin, side, plugins)
      const checked = plugins.map((plugin) => checkPluginConfig(plugin, options.configs?.[plugin.name]))
      const problems = checked.flatMap((result) => result.problems)
      if (problems.length > 0) throw configError(problems)
      const configs = new Map(plugins.map((plugin, at) => [plugin.name, checked[at]!.value]))
      order = orderPlugins(plugins, { provided: provided.map(([ref]) => ref.id), suggestions })
      for (const [ref, part] of provided) hand(ref, part, 'the program')
      for (const plugin of order) setUp(plugin, configs.get(plugin.name))
      for (const plugin of order) warnOfDeprecated(plugin)
      hooks.freeze()
    },
    start: lifecycle.start,
    ready: lifecycle.ready,
    drain: lifecycle.drain,
    stop: lifecycle.stop,
    slot: <T>(ref: SlotRef<T>) => received(ref) as readonly T[],
    providerOf: (part) => providers.get(part) ?? null,
    service: <T>(ref: ServiceRef<T>) => received(ref) as T | undefined,
    describe: () =>
      order.map((plugin) => ({
        name: plugin.name,
        api: plugin.api,
        version: plugin.version ?? null,
        summary: plugin.summary,
        provides: Object.values(plugin.provides ?? {}).map((ref) => ref.id),
        taps: tapsOf(plugin),
        startMs: lifecycle.startMs(plugin.name),
      })),
    reasonOf: (code) => order.find(({ reasons = {} }) => Object.hasOwn(reasons, code))?.reasons?.[code],
    tapsOf: hooks.taps,
  }
}

/** Reads each app once: a changed app is another object. */
function appConfigReader(name: string, schema: TSchema): AppConfigReader<unknown>['appConfig'] {
  const read = new WeakMap<ConfiguredApp, unknown>()
  return (app) => {
    const { plugins = {} } = app
    if (!Object.hasOwn(plugins, name)) return null
    if (read.has(app)) return read.get(app)
    const { value, problems } = checkConfig(schema, plugins[name], ['spec', 'plugins', name])
    if (problems.length > 0) throw configError(problems)
    read.set(app, value)
    return value
  }
}

const mapRefs = <T>(refs: Refs | undefined, value: (ref: Ref) => T): Readonly<Record<string, T>> =>
  Object.freeze(Object.fromEntries(Object.entries(refs ?? {}).map(([name, ref]) => [name, value(ref)])))

const hookNames = (tree: HookTree): readonly string[] =>
  Object.entries(tree).flatMap(([room, verbs]) => Object.keys(verbs).map((verb) => `${room}.${verb}`))
