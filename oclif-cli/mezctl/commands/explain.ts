import { AdminCommand, CliError, didYouMean, path, showTable, showYaml } from '@mezite/cli'
import * as Args from '@oclif/core/args'

const KINDS = ['app', 'role', 'oidc']

/** The parts of JSON Schema that describe a key. */
interface Schema {
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly default?: unknown
  readonly examples?: readonly unknown[]
  readonly enum?: readonly unknown[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | Schema
  readonly items?: Schema
}

interface Key {
  readonly key: string
  readonly type: string
  readonly required: boolean
  readonly default: unknown
  readonly description: string | null
}

export class Explain extends AdminCommand {
  static override summary = 'Describe a key of a document: what it does, its default and an example'
  static override examples = [
    '<%= config.bin %> <%= command.id %> app',
    '<%= config.bin %> <%= command.id %> app.tls.ca',
    '<%= config.bin %> <%= command.id %> role.options',
  ]
  static override args = {
    key: Args.string({
      required: true,
      description: 'Kind (app, role or oidc), and the path of a key in its spec: app.tls.ca',
    }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Explain)
    const [kind = '', ...given] = args.key.split('.')
    const steps = given[0] === 'spec' ? given.slice(1) : given
    if (!KINDS.includes(kind)) {
      const text = `${JSON.stringify(kind)} is not a kind of document.${await didYouMean(kind, KINDS)}`
      throw new CliError('MEZ_USAGE_WRONG', text.replace(/\.$/, ''), { hint: `Kinds: ${KINDS.join(', ')}.` })
    }
    const spec = (await this.call(flags, 'GET', path`/schemas/${kind}`)) as Schema
    const schema = find(spec, steps)
    const known = paths(spec, kind)
    if (schema === null) {
      const text = `unknown key ${JSON.stringify(args.key)}.${await didYouMean([kind, ...steps].join('.'), known)}`
      throw new CliError('MEZ_USAGE_WRONG', text.replace(/\.$/, ''), {
        hint: `See all keys: mezctl explain ${kind}`,
      })
    }
    const { description = null, examples = [] } = schema
    const explained = {
      key: [kind, ...steps].join('.'),
      type: typeOf(schema),
      description,
      default: schema.default ?? null,
      values: schema.enum ?? null,
      example: examples[0] ?? null,
      keys: keysOf(schema),
    }
    await this.show(flags, explained, async () => {
      const parts = [`${explained.key} (${explained.type})`]
      if (description !== null) parts.push(wrap(`${description}.`, 2))
      if (explained.values !== null) parts.push(`  Values: ${explained.values.map(String).join(', ')}`)
      const isObject = explained.keys.length > 0
      if (!isObject && schema.default !== undefined)
        parts.push(`  Default: ${JSON.stringify(schema.default)}`)
      if (examples.length > 0) parts.push(`  Example:\n\n${await exampleOf(steps, examples[0])}`)
      if (isObject) {
        const rows = explained.keys.map((key) => [
          key.key,
          key.required ? 'required' : key.type,
          shortDefault(key.default),
          key.description,
        ])
        parts.push(showTable(['key', 'type', 'default', 'description'], rows))
      }
      return parts.join('\n\n')
    })
  }
}

function find(schema: Schema, steps: readonly string[]): Schema | null {
  const [step, ...rest] = steps
  if (step === undefined) return schema
  const inner = schema.items?.properties?.[step] ?? schema.properties?.[step]
  return inner === undefined ? null : find(inner, rest)
}

/** Every key below a schema, for suggestions. */
function paths(schema: Schema, prefix: string): string[] {
  const properties = schema.properties ?? schema.items?.properties ?? {}
  return Object.entries(properties).flatMap(([key, inner]) => [
    `${prefix}.${key}`,
    ...paths(inner, `${prefix}.${key}`),
  ])
}

function keysOf(schema: Schema): Key[] {
  const { properties = {}, required = [] } = schema.items?.properties ? schema.items : schema
  return Object.entries(properties).map(([key, inner]) => ({
    key,
    type: typeOf(inner),
    required: required.includes(key),
    default: inner.default ?? null,
    description: inner.description ?? null,
  }))
}

function typeOf({ type, items, enum: values }: Schema): string {
  if (values !== undefined) return values.join('|').length > 24 ? 'choice' : values.join('|')
  if (type === 'array') return items?.type === 'object' ? 'list of mappings' : 'list'
  return [type ?? 'any value']
    .flat()
    .map((one) => (one === 'object' ? 'mapping' : one))
    .join(' or ')
}

/** The default of a key, unless it only says that the key may be left out. */
function shortDefault(value: unknown): unknown {
  const empty = typeof value === 'object' && value !== null && Object.keys(value).length === 0
  return value === null || empty ? null : typeof value === 'string' ? value : JSON.stringify(value)
}

async function exampleOf(steps: readonly string[], example: unknown): Promise<string> {
  const spec = steps.reduceRight((value, step) => ({ [step]: value }), example)
  return (await showYaml({ spec })).replaceAll(/^/gm, '    ')
}

function wrap(text: string, indent: number): string {
  const lines = ['']
  for (const word of text.split(' ')) {
    const last = lines.at(-1)!
    if (last !== '' && last.length + word.length + 1 > 78 - indent) lines.push(word)
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`
  }
  return lines.map((line) => ' '.repeat(indent) + line).join('\n')
}
