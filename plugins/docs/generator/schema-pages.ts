import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { AnyPlugin } from '../../../core/kernel/plugin.ts'
import { root } from '../../../oclif-cli/packaging/workspaces.ts'

const HEAD = '<!-- Written by `npm run docs`. -->\n\n'

/** The members of JSON Schema that describe a key. */
export interface Schema {
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly default?: unknown
  readonly examples?: readonly unknown[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly minimum?: number
  readonly maximum?: number
}

function typeOf({ type, items, enum: values, const: constant, anyOf }: Schema): string {
  if (values) return values.map((value) => `\`${JSON.stringify(value)}\``).join(', ')
  if (constant !== undefined) return `\`${JSON.stringify(constant)}\``
  if (anyOf) return [...new Set(anyOf.map(typeOf))].join(' or ')
  if (type === 'array') return items?.type === 'object' ? 'list of mappings' : 'list'
  return [type ?? 'any value']
    .flat()
    .map((one) => (one === 'object' ? 'mapping' : one))
    .join(' or ')
}

/** One line for each key, and below it the keys in it. */
export function keysOf(schema: Schema, path = ''): string[] {
  const { properties = {}, required = [] } = schema.items?.properties ? schema.items : schema
  return Object.entries(properties).flatMap(([key, inner]) => {
    const name = `${path}${key}`
    const value = inner.default
    const empty = value === null || (typeof value === 'object' && Object.keys(value as object).length === 0)
    const facts = [
      typeOf(inner),
      required.includes(key) && value === undefined ? 'required' : '',
      value === undefined || empty
        ? ''
        : `default \`${typeof value === 'string' ? value : JSON.stringify(value)}\``,
      inner.minimum === undefined || inner.maximum === undefined
        ? ''
        : `${inner.minimum} to ${inner.maximum}`,
    ].filter(Boolean)
    const text = inner.description ? `: ${inner.description.replace(/\.$/, '')}.` : ''
    const list = inner.items?.properties ? '[]' : ''
    return [`- \`${name}\` (${facts.join('; ')})${text}`, ...keysOf(inner, `${name}${list}.`)]
  })
}

/** The configuration of a standard plugin of the hub. */
export async function schemaOfPlugin(name: string): Promise<Schema> {
  const file = join(root, 'plugins', name, 'hub.ts')
  return (((await import(file)) as { default: AnyPlugin }).default.config ?? {}) as Schema
}

/** Configuration of each plugin, from the schemas that are enforced. */
export async function pluginConfigurationPage(): Promise<string> {
  const sections: string[] = []
  for (const name of readdirSync(join(root, 'plugins')).sort()) {
    for (const half of ['hub', 'agent']) {
      const file = join(root, 'plugins', name, `${half}.ts`)
      if (!existsSync(file)) continue
      const { config, summary } = ((await import(file)) as { default: AnyPlugin }).default
      const keys = config === undefined ? [] : keysOf(config as Schema)
      const where = half === 'hub' ? 'mezhub.yaml' : 'mezd.yaml'
      if (half === 'agent' && keys.length === 0) continue
      sections.push(
        `## ${name}${half === 'agent' ? ' of the agent' : ''}\n\n${summary}. Keys below \`plugins.${name}\` in \`${where}\`:\n\n${
          keys.length === 0 ? '- no keys: it takes no configuration' : keys.join('\n')
        }`,
      )
    }
  }
  return `${HEAD}# Configuration of plugins

Each plugin has its keys below \`plugins.NAME\`; \`NAME: false\` switches a standard plugin off. Unknown keys stop the start.

${sections.join('\n\n')}
`
}

interface Operation {
  /** What the caller needs, if it is for administrators. */
  readonly 'x-right'?: string
  readonly summary?: string
  readonly description?: string
  readonly requestBody?: { readonly content?: Readonly<Record<string, { readonly schema?: Schema }>> }
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly schema?: Schema }[]
}
export interface ApiDescription {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

/** Documents of every kind, from the schemas that the hub checks. */
export function documentsPage(kinds: Readonly<Record<string, unknown>>): string {
  const names: Readonly<Record<string, string>> = {
    app: 'Application',
    role: 'Role',
    oidc: 'Identity provider (oidc)',
    bot: 'Account of a program (bot)',
    app_source: 'Rule about what agents may propose (app_source)',
  }
  const sections = Object.entries(kinds).map(
    ([kind, schema]) =>
      `## ${names[kind] ?? kind}\n\n\`kind: ${kind}\`. Keys of \`spec\`:\n\n${keysOf(schema as Schema).join('\n')}`,
  )
  return `${HEAD}# Documents

An application, a role, an identity provider, an account of a program and a rule about proposed applications are documents: \`kind\`, \`version: v1\`, \`metadata\` with
\`name\`, \`labels\` and \`description\`, and \`spec\`. Write them as YAML, and store them with \`mezctl apps register --from-file\`,
\`mezctl roles create --from-file\`, \`mezctl sso create --from-file\`, \`mezctl bots create --from-file\` and \`mezctl app-sources create --from-file\`. Unknown keys are errors. \`mezctl explain KIND.KEY\`
prints a key with an example.

${sections.join('\n\n')}
`
}

/** Every operation of the API, from its OpenAPI document. */
export function apiPage({ paths }: ApiDescription): string {
  const byTopic = Map.groupBy(
    Object.entries(paths),
    ([path]) => /^\/(?:v1\/webapi\/)?([^/{]+)/.exec(path)?.[1] ?? '/',
  )
  const sections = [...byTopic]
    .toSorted(([one], [other]) => one.localeCompare(other, 'en'))
    .map(([topic, entries]) => {
      const operations = entries.flatMap(([path, methods]) =>
        Object.entries(methods).map(([method, operation]) => {
          const { summary = '', parameters = [], requestBody, 'x-right': right } = operation
          const query = parameters.filter((one) => one.in === 'query').map(({ name }) => `\`${name}\``)
          const body = Object.values(requestBody?.content ?? {})[0]?.schema?.properties ?? {}
          return [
            `- \`${method.toUpperCase()} ${path}\`${summary ? `: ${summary.replace(/\.$/, '')}.` : ''}`,
            right === undefined ? '' : ` Right: \`${right}\`.`,
            query.length > 0 ? ` Query: ${query.join(', ')}.` : '',
            Object.keys(body).length > 0
              ? ` Body: ${Object.keys(body)
                  .map((key) => `\`${key}\``)
                  .join(', ')}.`
              : '',
          ].join('')
        }),
      )
      return `## ${topic}\n\n${operations.join('\n')}`
    })
  return `${HEAD}# API

The hub describes its API itself: \`GET /v1/webapi/openapi.json\` is its OpenAPI 3.1 document, with the schema and an example of
each body. Everything that \`mezctl\` does goes through this API. \`Right\` is what an administrator needs for a call: a kind of things, and a
verb. The role \`admin\` has all rights.

Programs authenticate with \`Authorization: Bearer TOKEN\`; \`mezctl api-tokens create --name ci --roles admin\` prints a
token. On the hub's own machine, the admin socket in \`data_dir\` needs none. Errors are \`application/problem+json\` with a
[reason code](reason-codes.md).

${sections.join('\n\n')}
`
}
