import type { Members } from './message.ts'

/** JSON Schema of one argument of a tool; each kind has its limits. */
export type Argument = { readonly description: string } & (
  | {
      readonly type: 'string'
      readonly maxLength: number
      readonly pattern?: string
      readonly enum?: readonly string[]
    }
  | { readonly type: 'integer'; readonly minimum: number; readonly maximum: number }
  | { readonly type: 'boolean' }
  | { readonly type: 'object' }
)

/** JSON Schema of the arguments of a tool. */
export interface Input {
  readonly type: 'object'
  readonly properties: Readonly<Record<string, Argument>>
  readonly required: readonly string[]
  readonly additionalProperties: false
}

export const inputOf = (properties: Input['properties'], ...required: readonly string[]): Input => ({
  ...{ type: 'object', properties, required },
  additionalProperties: false,
})

/** Why these are not the arguments of a tool, in a sentence; null: they are. */
export function faultOf(given: Members, { properties, required }: Input): string | null {
  for (const name of required) if (!Object.hasOwn(given, name)) return `The argument "${name}" is missing.`
  for (const [name, value] of Object.entries(given)) {
    const argument = Object.hasOwn(properties, name) ? properties[name] : undefined
    if (argument === undefined) return `The tool has no argument "${name.slice(0, 64)}".`
    if (!fits(value, argument)) return `The argument "${name}" is not what its schema says.`
  }
  return null
}

function fits(value: unknown, argument: Argument): boolean {
  switch (argument.type) {
    case 'string':
      return (
        typeof value === 'string' &&
        value.isWellFormed() &&
        value.length > 0 &&
        value.length <= argument.maxLength &&
        (argument.pattern === undefined || new RegExp(argument.pattern, 'u').test(value)) &&
        (argument.enum === undefined || argument.enum.includes(value))
      )
    case 'integer':
      return (
        Number.isInteger(value) &&
        (value as number) >= argument.minimum &&
        (value as number) <= argument.maximum
      )
    case 'boolean':
      return typeof value === 'boolean'
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value)
  }
}
