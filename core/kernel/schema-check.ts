import { messageOf } from './error.ts'

/** Members of a schema that hold values. */
const VALUES = ['default', 'const', 'enum', 'examples']
/** Members that hold schemas by name. */
const NAMED = ['properties', 'patternProperties', '$defs']

type Node = Readonly<Record<string, unknown>>

/**
 * Why a plugin's slice cannot be judged by this schema; null when it can. A slip in a configuration must be told: no
 * object, however deep, may take keys that it does not name, unless it says so with `additionalProperties`. Defaults are
 * filled in only by what TypeBox has made.
 */
export function schemaFault(schema: unknown): string | null {
  if (!isNode(schema) || !('~kind' in schema)) return FOREIGN
  try {
    return faultsOf(schema).next().value ?? null
  } catch (error) {
    return `is broken: ${messageOf(error)}`
  }
}

const FOREIGN = 'is not made with Type of @mezite/core'
const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null

function* faultsOf(node: Node, at = '', closedAbove = false): Generator<string> {
  const { type, properties, pattern, additionalProperties, patternProperties, unevaluatedProperties } = node
  if (typeof pattern === 'string') new RegExp(pattern, 'u')
  if (properties !== undefined || [type].flat().includes('object')) {
    if (!('~kind' in node)) yield `${at}${FOREIGN}`
    const rest = additionalProperties ?? Object(patternProperties)['^.*$'] ?? unevaluatedProperties
    if (rest === undefined && !closedAbove) yield `${at}takes unknown keys`
  }
  // Of an intersection only all parts together know every key.
  const closes = unevaluatedProperties === false
  for (const [key, part] of Object.entries(node)) {
    if (VALUES.includes(key) || !isNode(part)) continue
    const named = NAMED.includes(key)
    for (const [name, inner] of named || Array.isArray(part) ? Object.entries(part) : [[key, part] as const])
      if (isNode(inner)) yield* faultsOf(inner, named ? `${at}at ${name} ` : at, closes && key === 'allOf')
  }
}
