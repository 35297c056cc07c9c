import { type AgentHooks, agentHooks } from '../api/agent-hooks.ts'
import { type HubHooks, hubHooks } from '../api/hub-hooks.ts'
import { agentPartChecks, hubPartChecks, hubPartTakes } from '../api/part-checks.ts'
import type { HookCalls, Stage, TapOptions } from '../kernel/hook.ts'
import { createKernel } from '../kernel/kernel.ts'
import type { LifecycleHooks } from '../kernel/lifecycle.ts'
import type { AnyPlugin, PluginSide } from '../kernel/plugin.ts'
import type { Ref, ServiceRef, SlotRef } from '../kernel/reference.ts'
import { type FakeClock, fakeClock } from './fake-clock.ts'
import { memoryLog } from './memory-log.ts'

/** The configuration and parts for the plugin. */
export interface TestHostOptions {
  /** The plugin's configuration under `plugins:`, checked against its schema. */
  readonly config?: unknown
  /** Stand-ins by the names under `needs` and `wants`: a service, or the entries of a slot. */
  readonly use?: Readonly<Record<string, unknown>>
  readonly clock?: FakeClock
}

/** One call of `tap` in the plugin's setup. */
export interface RecordedTap {
  /** `room.verb`. */
  readonly hook: string
  readonly stage: Stage
  readonly pure: boolean
}

/** A plugin set up on its own. */
export interface TestHost<Side extends PluginSide = 'hub'> {
  /** Calls the plugin's taps as the program does, with deadlines. */
  readonly calls: HookCalls<Side extends 'hub' ? HubHooks : AgentHooks>
  /** Its taps, in the order of their registration. */
  readonly taps: readonly RecordedTap[]
  /** The service that it provides. */
  service<T>(ref: ServiceRef<T>): T | undefined
  slot<T>(ref: SlotRef<T>): readonly T[]
  readonly clock: FakeClock
  /** Its log lines. */
  readonly log: readonly string[]
  /** Runs its `lifecycle.start`. */
  start(): Promise<void>
  /** Runs its `lifecycle.stop`, unless it has a `start` that has not run. */
  stop(): Promise<void>
}

/**
 * Sets up one plugin with the real kernel and stand-ins for its needs, for unit tests. Throws the errors of the kernel:
 * MEZ_CONFIG_INVALID, MEZ_SERVICE_MISSING for a need without a stand-in, MEZ_SETUP_FAILED. Use
 * `createTestHost<'agent'>(…)` for the agent's half of a plugin.
 */
export function createTestHost<Side extends PluginSide = 'hub'>(
  plugin: AnyPlugin,
  options: TestHostOptions = {},
): TestHost<Side> {
  const { config, use = {}, clock = fakeClock() } = options
  const { log, lines } = memoryLog()
  const taps: RecordedTap[] = []
  const kernel = createKernel<LifecycleHooks>({
    ...(plugin.side === 'hub'
      ? { tree: hubHooks, otherHalf: agentHooks, checks: hubPartChecks, takes: hubPartTakes }
      : { tree: agentHooks, otherHalf: hubHooks, checks: agentPartChecks }),
    side: plugin.side,
    plugins: [recorded(plugin, taps)],
    configs: { [plugin.name]: config },
    log,
    clock,
  })
  kernel.setup(standIns(plugin, use))
  return {
    calls: kernel.calls as unknown as TestHost<Side>['calls'],
    taps,
    service: kernel.service,
    slot: kernel.slot,
    clock,
    log: lines,
    start: kernel.start,
    stop: kernel.stop,
  }
}

function standIns(plugin: AnyPlugin, use: Readonly<Record<string, unknown>>): (readonly [Ref, unknown])[] {
  const refs = { ...plugin.wants, ...plugin.needs }
  return Object.entries(use).flatMap(([name, part]): (readonly [Ref, unknown])[] => {
    const ref = refs[name]
    if (!ref) throw new TypeError(`plugin '${plugin.name}' names no '${name}' under needs or wants`)
    return ref.kind === 'service' ? [[ref, part]] : (part as readonly unknown[]).map((one) => [ref, one])
  })
}

type Tap = (fn: unknown, options?: TapOptions) => void
type View = Readonly<Record<string, Readonly<Record<string, Tap>>>>

/** The same plugin, with its taps recorded after the kernel has accepted them. */
function recorded(plugin: AnyPlugin, taps: RecordedTap[]): AnyPlugin {
  const watch = (tap: View): View =>
    mapValues(tap, (verbs, room) =>
      mapValues(verbs, (take, verb) => (fn, tapOptions = {}) => {
        take(fn, tapOptions)
        const { stage = 'normal', pure = false } = tapOptions
        taps.push({ hook: `${room}.${verb}`, stage, pure })
      }),
    )
  return { ...plugin, setup: (host) => plugin.setup({ ...host, tap: watch(host.tap) }) }
}

const mapValues = <From, To>(
  from: Readonly<Record<string, From>>,
  value: (one: From, key: string) => To,
): Readonly<Record<string, To>> =>
  // With its prototype, which reports unknown members.
  Object.assign(
    Object.create(Object.getPrototypeOf(from)),
    Object.fromEntries(Object.entries(from).map(([key, one]) => [key, value(one, key)])),
  )
