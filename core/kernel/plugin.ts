import type { Static, TSchema } from 'typebox'
import type { Clock } from './clock.ts'
import type { ValueProblem } from './config-check.ts'
import type { HookTree, TapView } from './hook.ts'
import type { Log } from './log.ts'
import type { Reasons } from './reason.ts'
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
  AppConfig extends TSchema = never,
> {
  /** The plugin's own configuration under `plugins:`, validated against its schema, with defaults filled in. */
  readonly config: Static<Config>
  readonly clock: Clock
  /** A log whose lines carry the plugin's name. */
  readonly log: Log
  /** The hook tree; tapping after `setup` throws. */
  readonly tap: TapView<Tree>
  /** The parts in `needs` and, possibly undefined, in `wants`; with `appConfig` in the definition, also its reader. */
  readonly use: { readonly [K in keyof Needs]: Received<Needs[K]> } & {
    readonly [K in keyof Wants]: Wants[K] extends ServiceRef<unknown>
      ? Received<Wants[K]> | undefined
      : Received<Wants[K]>
  } & ([AppConfig] extends [never] ? unknown : AppConfigReader<Static<AppConfig>>)
  /** One function for each name in `provides`: call it once for a service, any number of times for a slot. */
  readonly provide: {
    readonly [K in keyof Provides]: (part: Contributed<Provides[K]>) => void
  }
}

/** An app, as far as the kernel reads it. */
export interface ConfiguredApp {
  /** `spec.plugins` of its document, by the name of the plugin, as written. */
  readonly plugins?: Readonly<Record<string, unknown>>
}

/** Reads a plugin's slice of the document of an app. */
export interface AppConfigReader<Slice> {
  /**
   * The slice with defaults filled in, or null if the document has none. An app that has changed is another object, so the
   * slice is always that of the app. Throws `MEZ_CONFIG_INVALID` if it was stored for another version of the plugin.
   */
  appConfig(app: ConfiguredApp): Slice | null
}

/** A plugin as its author writes it. Types flow from `config`, `needs`, `wants` and `provides` into `setup`. */
export interface PluginDefinition<
  Tree extends HookTree,
  Config extends TSchema,
  Needs extends Refs,
  Wants extends Refs,
  Provides extends Refs,
  AppConfig extends TSchema = never,
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
  /**
   * Problems of a configuration that fits the schema, such as two values that exclude each other, with the path of each
   * below the plugin's own key. `mezhub config check` reports them like those of the schema.
   */
  validate?(config: Static<Config>): readonly ValueProblem[]
  /** Hub only: schema of the plugin's slice of an app's document (`spec.plugins.NAME`). It cannot contain secrets. */
  readonly appConfig?: AppConfig
  /** The program does not start unless each of these has a provider. */
  readonly needs?: Needs
  /** Optional parts. The plugin is set up after their providers; of a slot to which it contributes, it gets what the others provide. */
  readonly wants?: Wants
  readonly provides?: Provides
  /** Hub only: why the plugin refuses, beside the reasons of the core. Made with `defineReasons`. */
  readonly reasons?: Reasons
  /** Synchronous wiring. Do I/O in `lifecycle.start`. */
  setup(host: Host<Tree, Config, Needs, Wants, Provides, AppConfig>): void
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
  // biome-ignore lint/suspicious/noExplicitAny: each plugin's configuration has its own type
  validate?(config: any): readonly ValueProblem[]
  readonly appConfig?: TSchema
  readonly needs?: Refs
  readonly wants?: Refs
  readonly provides?: Refs
  readonly reasons?: Reasons
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
  AppConfig extends TSchema = never,
>(
  definition: PluginDefinition<Tree, Config, Needs, Wants, Provides, AppConfig>,
) => AnyPlugin

/** Creates the `define…Plugin` function of one side, for its hook tree. */
export const pluginDefiner =
  <Tree extends HookTree>(side: PluginSide): PluginDefiner<Tree> =>
  (definition) =>
    Object.freeze({ ...definition, side })
