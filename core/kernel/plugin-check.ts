import { MezError } from './error.ts'
import { type AnyPlugin, PLUGIN_API, type PluginSide } from './plugin.ts'
import { schemaFault } from './schema-check.ts'

const SHAPE = {
  name: (value: unknown) => typeof value === 'string' && /^[a-z0-9][a-z0-9-]*$/.test(value),
  summary: (value: unknown) => typeof value === 'string',
  setup: (value: unknown) => typeof value === 'function',
  side: (value: unknown) => value === 'hub' || value === 'agent',
}

const NO_REF = 'Import the reference from @mezite/core or the plugin that provides it; it may be misspelt.'
const NO_SCHEMA =
  'Make it with Type of @mezite/core, with { additionalProperties: false } at every Type.Object.'

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
  const invalid = (what: string, hint?: string) =>
    new MezError('MEZ_PLUGIN_INVALID', `${who} ${what}`, hint === undefined ? {} : { hint })
  for (const [member, valid] of Object.entries({ ...SHAPE, api: (api: unknown) => api === PLUGIN_API }))
    if (!valid(definition[member])) throw invalid(`has no valid '${member}'`)
  if (definition.side !== side) {
    throw new MezError(
      'MEZ_PLUGIN_SIDE',
      `${who} is the ${definition.side} half of a plugin, not the ${side} half`,
    )
  }
  for (const member of ['needs', 'wants', 'provides'] as const)
    for (const [name, ref] of Object.entries(definition[member] ?? {}))
      if (!['service', 'slot'].includes(ref?.kind))
        throw invalid(`has no reference as '${name}' of its '${member}'`, NO_REF)
  const fault = definition.config === undefined ? null : schemaFault(definition.config)
  if (fault !== null) throw invalid(`has a config schema that ${fault}`, NO_SCHEMA)
  if (all.some((other) => other !== value && other.name === definition.name)) {
    throw new MezError('MEZ_PLUGIN_TWICE', `there are two plugins named '${definition.name}'${from}`)
  }
}
