/** Writes the types of the hub's JSON API as TypeScript, from its OpenAPI document. */
interface Schema {
  readonly type?: string | readonly string[]
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly Schema[]
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly patternProperties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: boolean | Schema
  readonly required?: readonly string[]
}

interface Operation {
  readonly summary?: string
  readonly 'x-right'?: string
  readonly responses?: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: Schema }>> }>
  >
}

export interface ApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

const PREFIX = '/v1/webapi'

/** One interface with the responses of these routes, by method and path, and all rights of administration. */
export function apiTypes(document: ApiDocument, names: ReadonlySet<string>): string {
  const listed = Object.entries(document.paths)
    .flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        name: `${method.toUpperCase()} ${path.slice(PREFIX.length)}`,
        operation,
      })),
    )
    .filter(({ name }) => names.has(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap(({ name, operation: { summary, responses = {} } }) => {
      const schema = Object.values(responses).find(({ content }) => content)?.content?.['application/json']
        ?.schema
      if (schema === undefined) return []
      return [...(summary ? [`  /** ${summary} */`] : []), `  '${name}': ${typeOf(schema)}`]
    })
  const rights = Object.values(document.paths).flatMap((methods) =>
    Object.values(methods).flatMap(({ 'x-right': right }) => right ?? []),
  )
  return [
    '// Generated from the OpenAPI document of the hub by test/plugins/dashboard/api-types.test.ts. Do not edit.',
    '',
    '/** Documents of successful responses that the dashboard reads, by method and path. */',
    'export interface Responses {',
    ...listed,
    '}',
    '',
    '/** A right of administration that a route needs. */',
    'export type Right =',
    ...[...new Set(rights)].sort().map((right) => `  | '${right}'`),
    '',
  ].join('\n')
}

function typeOf(schema: Schema): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(' | ') || 'never'
  if (schema.anyOf) return [...new Set(schema.anyOf.map(typeOf))].join(' | ')
  const types = [schema.type].flat().filter((type) => type !== undefined)
  if (types.length > 1) return types.map((type) => typeOf({ ...schema, type: type as string })).join(' | ')
  if (types[0] === 'array') return `readonly (${schema.items ? typeOf(schema.items) : 'unknown'})[]`
  if (types[0] === 'object') return objectOf(schema)
  if (types[0] === 'integer' || types[0] === 'number') return 'number'
  return types[0] === 'string' || types[0] === 'boolean' || types[0] === 'null' ? types[0] : 'unknown'
}

function objectOf({
  properties = {},
  required = [],
  patternProperties,
  additionalProperties,
}: Schema): string {
  const members = Object.entries(properties).map(([name, schema]) => {
    const key = /^[A-Za-z_]\w*$/.test(name) ? name : `'${name}'`
    return `readonly ${key}${required.includes(name) ? '' : '?'}: ${typeOf(schema)}`
  })
  const more = Object.values(patternProperties ?? {})[0] ?? additionalProperties
  if (typeof more === 'object') members.push(`readonly [name: string]: ${typeOf(more)}`)
  else if (more === true) members.push('readonly [name: string]: unknown')
  return members.length === 0 ? 'Readonly<Record<string, unknown>>' : `{ ${members.join('; ')} }`
}
