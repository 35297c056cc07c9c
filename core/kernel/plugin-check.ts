import { MezError } from './error.ts'
import { type AnyPlugin, PLUGIN_API, type PluginSide } from './plugin.ts'

const SHAPE = {
  name: (value: unknown) => typeof value === 'string' && /^[a-z0-9][a-z0-9-]*$/.test(value),
  summary: (value: unknown) => typeof value === 'string',
  setup: (value: unknown) => typeof value === 'function',
  side: (value: unknown) => value === 'hub' || value === 'agent',
}

/**
 * Refuses what is no plugin of this side and api version; `source` says where it came from. Throws MEZ_PLUGIN_INVALID,
 * MEZ_PLUGIN_SIDE, MEZ_PLUGIN_API or, when another of `all` has its name, MEZ_PLUGIN_TWICE.
 */
export function checkPlugin(
  value: unknown,
  side: PluginSide,
  all: readonly AnyPlugin[] = [],
  source?: string,
): asserts value is AnyPlugin {
  const definition = (value ?? {}) as AnyPlugin & Record<string, unknown>
  const from = source ? ` (${source})` : ''
  const who = `plugin '${definition.name ?? '?'}'${from}`
  // The version comes first: another version may have another shape.
  if (typeof definition.api === 'number' && definition.api !== PLUGIN_API) {
    const message = `${who} is written for plugin api ${definition.api}, this program speaks ${PLUGIN_API}`
    throw new MezError('MEZ_PLUGIN_API', message)
  }
  for (const [member, valid] of Object.entries({ ...SHAPE, api: (api: unknown) => api === PLUGIN_API })) {
    if (!valid(definition[member]))
      throw new MezError('MEZ_PLUGIN_INVALID', `${who} has no valid '${member}'`)
  }
  if (definition.side !== side) {
    throw new MezError(
      'MEZ_PLUGIN_SIDE',
      `${who} is the ${definition.side} half of a plugin, not the ${side} half`,
    )
  }
  const { config } = definition as { config?: { type?: string; additionalProperties?: unknown } }
  if (config?.type === 'object' && config.additionalProperties === undefined) {
    throw new MezError('MEZ_PLUGIN_INVALID', `the config schema of ${who} takes unknown keys`, {
      hint: 'Add { additionalProperties: false } to its Type.Object.',
    })
  }
  if (all.some((other) => other !== value && other.name === definition.name)) {
    throw new MezError('MEZ_PLUGIN_TWICE', `there are two plugins named '${definition.name}'${from}`)
  }
}
