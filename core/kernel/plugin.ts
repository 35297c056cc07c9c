import type { Static, TSchema } from 'typebox'
import type { Clock } from './clock.ts'
import type { HookTree, TapView } from './hook.ts'
import type { Log } from './log.ts'
import type { Contributed, Received, Refs, ServiceRef } from './reference.ts'

/** The version of the plugin contract that this kernel speaks. */
export const PLUGIN_API = 1

/** What `setup` receives. All wiring happens through it, and only while `setup` runs. */
export interface Host<
  Tree extends HookTree,
  Config extends TSchema,
  Needs extends Refs,
  Wants extends Refs,
  Provides extends Refs,
> {
  /** The plugin's own slice of `plugins:`, validated against its schema, defaults filled in. */
  readonly config: Static<Config>
  readonly clock: Clock
  /** A log whose lines carry the plugin's name. */
  readonly log: Log
  /** The hook tree with this plugin's name bound; tapping after setup is refused. */
  readonly tap: TapView<Tree>
  /** What was named in `needs` and, possibly undefined, in `wants`. */
  readonly use: { readonly [K in keyof Needs]: Received<Needs[K]> } & {
    readonly [K in keyof Wants]: Wants[K] extends ServiceRef<unknown>
      ? Received<Wants[K]> | undefined
      : Received<Wants[K]>
  }
  /** One function for each name in `provides`: a service is handed over once, a slot takes any number. */
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
  /** Folder, key under `plugins:`, log prefix and package suffix in one. */
  readonly name: string
  readonly api: typeof PLUGIN_API
  /** One line for `mezctl status --plugins`. */
  readonly summary: string
  readonly version?: string
  /** Schema of the plugin's slice; must refuse unknown keys. Omitted: the plugin takes no config. */
  readonly config?: Config
  /** Without a provider of each of these the program does not start. */
  readonly needs?: Needs
  /** May be missing; the plugin is still set up after a provider that exists. */
  readonly wants?: Wants
  readonly provides?: Provides
  /** Synchronous wiring; I/O waits for `lifecycle.start`. */
  setup(host: Host<Tree, Config, Needs, Wants, Provides>): void
}

/** Which half of a plugin a definition is. */
export type PluginSide = 'hub' | 'agent'

/** A plugin definition after its own types have served: what the kernel handles. */
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

/** Makes the `define…Plugin` function of one side, with its hook tree bound. */
export function pluginDefiner<Tree extends HookTree>(side: PluginSide) {
  return <
    Config extends TSchema = TSchema,
    const Needs extends Refs = None,
    const Wants extends Refs = None,
    const Provides extends Refs = None,
  >(
    definition: PluginDefinition<Tree, Config, Needs, Wants, Provides>,
  ): AnyPlugin => Object.freeze({ ...definition, side })
}
