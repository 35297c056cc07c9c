import { MezError } from './error.ts'
import type { AnyPlugin } from './plugin.ts'
import type { Ref } from './reference.ts'

export interface OrderOptions {
  /** Ids that the program itself provides. */
  readonly provided?: readonly string[]
  /** By the id of a service: the plugin that the error about a missing service suggests. */
  readonly suggestions?: Readonly<Record<string, string>>
}

const refs = (...groups: (Readonly<Record<string, Ref>> | undefined)[]) =>
  groups.flatMap((group) => Object.values(group ?? {}))

/**
 * Sorts plugins: the provider of a service comes before the plugins that need or want it, and every contributor to a slot
 * before its other readers; otherwise by name. Throws MEZ_SERVICE_TWICE, MEZ_SERVICE_MISSING or MEZ_PLUGIN_CYCLE.
 */
export function orderPlugins(
  plugins: readonly AnyPlugin[],
  options: OrderOptions = {},
): readonly AnyPlugin[] {
  const sorted = plugins.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  const providers = Map.groupBy(
    sorted.flatMap((plugin) => refs(plugin.provides).map((ref) => ({ ref, plugin }))),
    ({ ref }) => ref.id,
  )
  const provided = new Set(options.provided)
  for (const [id, list] of providers) {
    if (list[0]!.ref.kind === 'slot') continue
    const names = list.map(({ plugin }) => `plugin '${plugin.name}'`)
    if (provided.has(id)) names.push('the program itself')
    if (names.length > 1) {
      throw new MezError('MEZ_SERVICE_TWICE', `service '${id}' is provided by ${names.join(' and by ')}`)
    }
  }
  for (const plugin of sorted) {
    for (const { kind, id } of refs(plugin.needs)) {
      if (kind === 'slot' || provided.has(id) || providers.has(id)) continue
      const add = options.suggestions?.[id]
      const message = `plugin '${plugin.name}' needs the service '${id}', which no plugin provides`
      throw new MezError('MEZ_SERVICE_MISSING', message, {
        hint: add
          ? `Add '${add}' under \`plugins:\`, or do not turn it off.`
          : `Add a plugin that provides '${id}' under \`plugins:\`, or set '${plugin.name}' to false.`,
      })
    }
  }
  const before = (plugin: AnyPlugin) =>
    refs(plugin.needs, plugin.wants).flatMap(({ kind, id }) =>
      (providers.get(id) ?? []).flatMap((one) =>
        kind === 'slot' && one.plugin === plugin ? [] : one.plugin,
      ),
    )
  return arrange(sorted, new Map(sorted.map((plugin) => [plugin, [...new Set(before(plugin))]])))
}

function arrange(sorted: readonly AnyPlugin[], before: ReadonlyMap<AnyPlugin, readonly AnyPlugin[]>) {
  const done = new Set<AnyPlugin>()
  while (done.size < sorted.length) {
    const next = sorted.find(
      (plugin) => !done.has(plugin) && before.get(plugin)!.every((other) => done.has(other)),
    )
    if (!next) throw cycle(sorted.find((plugin) => !done.has(plugin))!, before, done)
    done.add(next)
  }
  return [...done]
}

/** Every remaining plugin waits for another remaining one, so following them ends in a cycle. */
function cycle(
  start: AnyPlugin,
  before: ReadonlyMap<AnyPlugin, readonly AnyPlugin[]>,
  done: ReadonlySet<AnyPlugin>,
): MezError {
  const path = [start]
  for (;;) {
    const next = before.get(path.at(-1)!)!.find((plugin) => !done.has(plugin))!
    const from = path.indexOf(next)
    path.push(next)
    if (from === -1) continue
    const names = path.slice(from).map((plugin) => `'${plugin.name}'`)
    return new MezError('MEZ_PLUGIN_CYCLE', `plugins need each other: ${names.join(' -> ')}`)
  }
}
