import type { Static, TSchema } from 'typebox'
import type { Clock } from './clock.ts'
import type { HookTree, TapView } from './hook.ts'
import type { Log } from './log.ts'
import type { Contributed, Received, Refs, ServiceRef } from './reference.ts'

/** The version of the plugin contract that this kernel supports. */
export const PLUGIN_API = 1

/** The argument of `setup`, through which a plugin taps, uses and provides while `setup` runs. */
export interface Host<
  Tree extends HookTree,
  Config extends TSchema,
  Needs extends Refs,
  Wants extends Refs,
  Provides extends Refs,
> {
  /** The plugin's own configuration under `plugins:`, validated against its schema, with defaults filled in. */
  readonly config: Static<Config>
  readonly clock: Clock
  /** A log whose lines carry the plugin's name. */
  readonly log: Log
  /** The hook tree; tapping after `setup` throws. */
  readonly tap: TapView<Tree>
  /** The parts in `needs` and, possibly undefined, in `wants`. */
  readonly use: { readonly [K in keyof Needs]: Received<Needs[K]> } & {
    readonly [K in keyof Wants]: Wants[K] extends ServiceRef<unknown>
      ? Received<Wants[K]> | undefined
      : Received<Wants[K]>
  }
  /** One function for each name in `provides`: call it once for a service, any number of times for a slot. */
  readonly provide: {
    readonly [K in keyof Provides]: (part: Contributed<Provides[K]>) => void
  }
}

/** A plugin as its author writes it. Types flow from `config`, `needs`, `wants` and `provides` into `setup`. */
export interface PluginDefinition<
  Tree extends HookTree,
  Config extends TSchema,
  Needs extends Refs,
  Wants extends Refs,
  Provides extends Refs,
> {
  /** Used as folder, key under `plugins:`, log prefix and package suffix. */
  readonly name: string
  readonly api: typeof PLUGIN_API
  /** One line for `mezctl status --plugins`. */
  readonly summary: string
  readonly version?: string
  /**
   * Schema of the plugin's configuration, which must reject unknown keys. Omit it if the plugin takes no configuration.
   */
  readonly config?: Config
  /** The program does not start unless each of these has a provider. */
  readonly needs?: Needs
  /** Optional parts. The plugin is set up after their providers. */
  readonly wants?: Wants
  readonly provides?: Provides
  /** Synchronous wiring. Do I/O in `lifecycle.start`. */
  setup(host: Host<Tree, Config, Needs, Wants, Provides>): void
}

/** Which half of a plugin a definition is. */
export type PluginSide = 'hub' | 'agent'

/** A plugin as the kernel handles it, without the types of its own configuration and references. */
export interface AnyPlugin {
  readonly side: PluginSide
  readonly name: string
  readonly api: number
  readonly summary: string
  readonly version?: string
  readonly config?: TSchema
  readonly needs?: Refs
  readonly wants?: Refs
  readonly provides?: Refs
  // biome-ignore lint/suspicious/noExplicitAny: each plugin's host has its own types
  setup(host: any): void
}

// biome-ignore lint/complexity/noBannedTypes: no entries, unlike Record<string, never>
type None = {}

/** Takes the definition of one half of a plugin, and infers the types of its `setup`. */
export type PluginDefiner<Tree extends HookTree> = <
  Config extends TSchema = TSchema,
  const Needs extends Refs = None,
  const Wants extends Refs = None,
  const Provides extends Refs = None,
>(
  definition: PluginDefinition<Tree, Config, Needs, Wants, Provides>,
) => AnyPlugin

/** Creates the `define…Plugin` function of one side, for its hook tree. */
export const pluginDefiner =
  <Tree extends HookTree>(side: PluginSide): PluginDefiner<Tree> =>
  (definition) =>
    Object.freeze({ ...definition, side })
