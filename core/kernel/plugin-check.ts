import { MezError, messageOf } from './error.ts'
import { type AnyPlugin, PLUGIN_API, type PluginSide } from './plugin.ts'
import { isReasonCode } from './reason.ts'

const NAME = /^[a-z0-9][a-z0-9-]*$/
const SHAPE = {
  summary: (value: unknown) => typeof value === 'string',
  setup: (value: unknown) => typeof value === 'function',
  side: (value: unknown) => value === 'hub' || value === 'agent',
}

const NO_REF = 'Import the reference from @mezite/core or the plugin that provides it; it may be misspelled.'
const NO_REASON = 'Name it in snake_case, and say the cause and the next step as `next`.'
const NO_SCHEMA = 'Create it with Type of @mezite/core, and every object in it with Type.Closed.'

/**
 * Checks that a value is a plugin of this side and api version; `source` is its file. Throws MEZ_PLUGIN_INVALID,
 * MEZ_PLUGIN_SIDE, MEZ_PLUGIN_API, or MEZ_PLUGIN_TWICE if another plugin in `all` has the same name.
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
  // Check the version first: another version may have another shape.
  if (typeof definition.api === 'number' && definition.api !== PLUGIN_API) {
    const message = `${who} is written for plugin api ${definition.api}, this program supports ${PLUGIN_API}`
    throw new MezError('MEZ_PLUGIN_API', message)
  }
  const invalid = (what: string, hint?: string) =>
    new MezError('MEZ_PLUGIN_INVALID', `${who} ${what}`, hint === undefined ? {} : { hint })
  const { name } = definition as { name: unknown }
  if (typeof name !== 'string' || !NAME.test(name)) throw invalid('has an invalid name', nameHint(name))
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
  for (const [code, reason] of Object.entries(definition.reasons ?? {}))
    if (!isReasonCode(code) || typeof reason?.next !== 'string' || reason.next === '')
      throw invalid(`has no valid reason '${code}'`, NO_REASON)
  for (const member of ['config', 'appConfig'] as const) {
    const schema = definition[member]
    const fault = schema === undefined ? null : schemaFault(schema, member === 'config')
    if (fault !== null) throw invalid(`has a ${member} schema that ${fault}`, NO_SCHEMA)
  }
  if (!['undefined', 'function'].includes(typeof definition.validate))
    throw invalid("has no valid 'validate'")
  if (all.some((other) => other !== value && other.name === definition.name)) {
    throw new MezError('MEZ_PLUGIN_TWICE', `there are two plugins named '${definition.name}'${from}`)
  }
}

/** How to write the name, with one as similar as possible. */
function nameHint(name: unknown): string {
  const words = String(typeof name === 'string' ? name : '').replace(/(?<=[a-z0-9])(?=[A-Z])/g, '-')
  const fitting = words.toLowerCase().replace(/^[^a-z0-9]+|[^a-z0-9-]/g, '') || 'my-plugin'
  return `Use small letters, digits and hyphens: name: '${fitting}'.`
}

/** Members of a schema that hold values. */
const VALUES = ['default', 'const', 'enum', 'examples']
/** Members that hold schemas by name. */
const NAMED = ['properties', 'patternProperties', '$defs']

type Node = Readonly<Record<string, unknown>>

/**
 * Why a plugin's configuration cannot be checked with this schema, or null. Misspelled keys must be reported, so no
 * object at any depth may accept unknown keys unless its `additionalProperties` allow them. Only schemas created with
 * TypeBox fill in defaults.
 */
function schemaFault(schema: unknown, mayReadSecrets: boolean): string | null {
  if (!isNode(schema) || !('~kind' in schema)) return FOREIGN
  try {
    return faultsOf(schema, mayReadSecrets).next().value ?? null
  } catch (error) {
    return `is broken: ${messageOf(error)}`
  }
}

const FOREIGN = 'is not made with Type of @mezite/core'
const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null

function* faultsOf(node: Node, mayReadSecrets: boolean, at = '', closedAbove = false): Generator<string> {
  const { type, properties, pattern, additionalProperties, patternProperties, unevaluatedProperties } = node
  // Callers of the API write documents of apps, and must not make the hub read its files for them.
  if (node.secret === true && !mayReadSecrets) yield `${at}reads a secret`
  if (typeof pattern === 'string') new RegExp(pattern, 'u')
  if (properties !== undefined || [type].flat().includes('object')) {
    if (!('~kind' in node)) yield `${at}${FOREIGN}`
    const rest = additionalProperties ?? Object(patternProperties)['^.*$'] ?? unevaluatedProperties
    if (rest === undefined && !closedAbove) yield `${at}takes unknown keys`
  }
  // Only the parts of an intersection together define every key.
  const closes = unevaluatedProperties === false
  for (const [key, part] of Object.entries(node)) {
    if (VALUES.includes(key) || !isNode(part)) continue
    const named = NAMED.includes(key)
    for (const [name, inner] of named || Array.isArray(part) ? Object.entries(part) : [[key, part] as const])
      if (isNode(inner))
        yield* faultsOf(inner, mayReadSecrets, named ? `${at}at ${name} ` : at, closes && key === 'allOf')
  }
}
