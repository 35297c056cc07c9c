import { closest, distance } from 'fastest-levenshtein'
import type { TSchema } from 'typebox'
import { Settings } from 'typebox/system'
import { Value } from 'typebox/value'
import { MezError, messageOf } from './error.ts'
import type { AnyPlugin } from './plugin.ts'

/** One problem of a configuration. `line` is 0 when the value is not in a file. */
export interface ConfigProblem {
  readonly file: string
  readonly line: number
  /** The path of the value, such as `proxy.listen_addr` or `plugins["./x.js"].from`. */
  readonly path: string
  readonly message: string
}

/** A problem whose line in the file is not known yet. */
export interface ValueProblem {
  readonly path: readonly string[]
  readonly message: string
}

export interface CheckedValue {
  /** A copy with the schema's defaults filled in. Use it only when there are no problems. */
  readonly value: unknown
  /** Whether the value fits the schema. Then it only lacks what could not be decoded. */
  readonly fits: boolean
  readonly problems: readonly ValueProblem[]
}

type Schema = TSchema & {
  properties?: Record<string, Schema>
  additionalProperties?: Schema
  items?: Schema
  enum?: unknown[]
  /** Completes "must be …" in messages, in place of a pattern. */
  must?: string
  /** Turns a valid value into the one that the plugin receives. Throws why it cannot. */
  decode?: (value: unknown) => unknown
}

/** The name in `known` that `word` probably misspells, or null. */
export function nearMiss(word: string, known: readonly string[]): string | null {
  if (known.length === 0) return null
  const best = closest(word, [...known])
  // Two swapped letters count as two changes.
  return distance(word, best) <= Math.max(best.length < 4 ? 1 : 2, Math.floor(best.length / 3)) ? best : null
}

/** Checks a value against a schema and lists every problem. Messages never repeat values: they may be secret. */
export function checkConfig(schema: TSchema, input: unknown, at: readonly string[] = []): CheckedValue {
  const value = Value.Default(schema, structuredClone(input))
  if (Value.Check(schema, value)) return decoded(schema as Schema, value, at)
  const errors = allErrors(schema, value)
  const alternatives = errors
    .filter(({ keyword }) => keyword === 'anyOf')
    .map(({ schemaPath }) => `${schemaPath}/`)
  const problems = new Map<string, ValueProblem>()
  const add = (path: readonly string[], message: string) => {
    const key = JSON.stringify(path)
    if (!problems.has(key)) problems.set(key, { path: [...at, ...path], message })
  }
  for (const error of errors) {
    // Omit the errors of each alternative of a union: they would only confuse.
    if (alternatives.some((path) => error.schemaPath.startsWith(`${path}anyOf/`))) continue
    const path = fromPointer(error.instancePath)
    const here = schemaAt(schema as Schema, path)
    if (error.keyword === 'additionalProperties') {
      const known = Object.keys(here?.properties ?? {})
      for (const key of error.params.additionalProperties) add([...path, key], unknownKey(key, known))
    } else if (error.keyword === 'required') {
      for (const key of error.params.requiredProperties) add([...path, key], 'is missing')
    } else if (error.keyword !== 'boolean') {
      add(
        path,
        here?.must
          ? `must be ${here.must}`
          : here?.enum
            ? `must be ${here.enum.join(' or ')}`
            : error.message,
      )
    }
  }
  return { value, fits: false, problems: [...problems.values()] }
}

/** Decodes a valid value, member by member. */
function decoded(schema: Schema, whole: unknown, at: readonly string[]): CheckedValue {
  const problems: ValueProblem[] = []
  const decode = (one: Schema | undefined, value: unknown, path: readonly string[]): unknown => {
    if (one === undefined || value === undefined) return value
    try {
      if (one.decode) return one.decode(value)
    } catch (error) {
      problems.push({ path, message: messageOf(error) })
      return undefined
    }
    if (Array.isArray(value))
      return value.map((item, index) => decode(one.items, item, [...path, String(index)]))
    if (typeof value !== 'object' || value === null) return value
    const { properties = {}, additionalProperties } = one
    const members = Object.entries(value).map(([key, member]) => {
      const its = Object.hasOwn(properties, key) ? properties[key] : additionalProperties
      return [key, decode(its, member, [...path, key])] as const
    })
    return Object.assign(value, Object.fromEntries(members))
  }
  return { value: decode(schema, whole, at), fits: true, problems }
}

/**
 * Raises the limit of eight errors, which TypeBox keeps for the whole process, to list all errors of a configuration.
 */
function allErrors(schema: TSchema, value: unknown) {
  const { maxErrors } = Settings.Get()
  Settings.Set({ maxErrors: Number.MAX_SAFE_INTEGER })
  try {
    return [...Value.Errors(schema, value)]
  } finally {
    Settings.Set({ maxErrors })
  }
}

/** Checks a plugin's own configuration, also with its `validate`; a plugin without a schema takes none. */
export function checkPluginConfig(plugin: AnyPlugin, input: unknown, key = plugin.name): CheckedValue {
  const at = ['plugins', key]
  const slice = input ?? {}
  if (plugin.config) {
    const checked = checkConfig(plugin.config, slice, at)
    return checked.problems.length > 0
      ? checked
      : { ...checked, problems: ownProblems(plugin, checked.value, at) }
  }
  const isEmpty = typeof slice === 'object' && Object.keys(slice).length === 0
  const problems = isEmpty ? [] : [{ path: at, message: 'the plugin takes no configuration' }]
  return { value: {}, fits: isEmpty, problems }
}

function ownProblems(plugin: AnyPlugin, config: unknown, at: readonly string[]): readonly ValueProblem[] {
  try {
    const found = plugin.validate?.(config) ?? []
    return [...found].map(({ path, message }) => ({ path: [...at, ...path], message }))
  } catch (error) {
    return [
      { path: at, message: `plugin '${plugin.name}' cannot check its configuration: ${messageOf(error)}` },
    ]
  }
}

/** All problems in one error, one line each. */
export function configError(problems: readonly (ConfigProblem | ValueProblem)[]): MezError {
  const lines = problems.map((problem) => {
    const position = 'file' in problem ? `${problem.file}${problem.line > 0 ? `:${problem.line}` : ''}: ` : ''
    return `  ${position}${typeof problem.path === 'string' ? problem.path : printPath(problem.path)}: ${problem.message}`
  })
  return new MezError('MEZ_CONFIG_INVALID', `the configuration is not valid\n${lines.join('\n')}`)
}

/** `['plugins', './x.js', 'from']` as `plugins["./x.js"].from`. */
export function printPath(path: readonly string[]): string {
  const parts = path.map((key) => (/^[\w-]+$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`))
  return parts.join('').replace(/^\./, '') || 'the file'
}

/** `unknown key`, with the key that it probably misspells. */
function unknownKey(key: string, known: readonly string[]): string {
  const meant = nearMiss(key, known)
  if (meant) return `unknown key; did you mean '${meant}'?`
  return known.length === 0 ? 'unknown key' : `unknown key; known keys are ${known.join(', ')}`
}

const fromPointer = (pointer: string): string[] =>
  pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))

/** The text of the schema for what the value at this JSON pointer must be, if any. */
export const mustBe = (schema: TSchema, pointer: string): string | undefined =>
  schemaAt(schema as Schema, fromPointer(pointer))?.must

function schemaAt(schema: Schema | undefined, path: readonly string[]): Schema | undefined {
  return path.reduce<Schema | undefined>(
    (at, key) =>
      at?.properties && Object.hasOwn(at.properties, key)
        ? at.properties[key]
        : (at?.items ?? at?.additionalProperties),
    schema,
  )
}
