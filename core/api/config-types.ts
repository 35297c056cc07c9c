import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import {
  type Static,
  type TInteger,
  type TNull,
  type TObject,
  type TOptional,
  type TProperties,
  type TSchema,
  type TUnion,
  type TUnsafe,
  Type as TypeBox,
} from 'typebox'
import { messageOf } from '../kernel/error.ts'
import { DURATION_PATTERN, parseDuration } from './duration.ts'

/** What every type of configuration may say about itself. */
export interface TypeOptions {
  /** One line for `mezhub config schema` and for people. */
  readonly description?: string
}

/** Bounds and default of a duration or a size, as they are written. */
export interface BoundedOptions extends TypeOptions {
  readonly default?: string
  readonly min?: string
  readonly max?: string
}

/**
 * Types that TypeBox does not have. Those of durations, sizes and secrets are for the configuration of plugins: the file contains
 * text, and the plugin receives the value.
 */
export interface ConfigTypes {
  /** An object that has no members but these, as the configuration of a plugin and each object in it must be. */
  Closed<Properties extends TProperties>(
    properties: Properties,
    options?: Parameters<typeof TypeBox.Object>[1],
  ): TObject<Properties>
  /** An object with any keys, whose values are of one type. */
  Map<Value extends TSchema>(
    value: Value,
    options?: Parameters<typeof TypeBox.Object>[1],
  ): TUnsafe<Readonly<Record<string, Static<Value>>>>
  /** A whole number from 1 to `max`. */
  Count(options: TypeOptions & { readonly default: number; readonly max: number }): TInteger
  /** One of these texts. */
  OneOf<const Values extends readonly string[]>(
    values: Values,
    options?: Parameters<typeof TypeBox.Unsafe>[0],
  ): TUnsafe<Values[number]>
  /** Members of an object, each of which may be missing. */
  Optionals<Properties extends TProperties>(
    properties: Properties,
  ): { readonly [Name in keyof Properties]: TOptional<Properties[Name]> }
  /** A value, or null. */
  Nullable<Schema extends TSchema>(schema: Schema): TUnion<[Schema, TNull]>
  /** A duration such as `30s`, `15m`, `12h` or `30d`. The plugin receives milliseconds. */
  Duration(options?: BoundedOptions): TUnsafe<number>
  /** A size such as `64KB`, `100MB` or `2GB`, in powers of 1,000. The plugin receives bytes. */
  Size(options?: BoundedOptions): TUnsafe<number>
  /**
   * A secret that does not stand in the configuration: `{ file: /absolute/path }`, which other users must not be able to
   * read, or `{ env: NAME }`. The plugin receives the text without its final line break, read once at the start.
   */
  Secret(options?: TypeOptions): TUnsafe<string>
}

const UNITS = { B: 1, KB: 1_000, MB: 1_000_000, GB: 1_000_000_000, TB: 1_000_000_000_000 } as const
const SIZE = /^([1-9][0-9]{0,5})(B|KB|MB|GB|TB)$/

function parseSize(text: string): number | null {
  const [, count, unit] = SIZE.exec(text) ?? []
  return unit === undefined ? null : Number(count) * UNITS[unit as keyof typeof UNITS]
}

/** A number that is written with its unit. */
function quantity(parse: (text: string) => number | null, pattern: string, must: string, bound = '') {
  return ({ min, max, ...options }: BoundedOptions = {}): TUnsafe<number> => {
    const limit = (text: string | undefined, none: number) => {
      const value = text === undefined ? none : parse(text)
      if (value === null) throw new TypeError(`"${text}" is not ${must}`)
      return value
    }
    const [least, most] = [limit(min, 0), limit(max, Number.POSITIVE_INFINITY)]
    limit(options.default, 0)
    const decode = (text: string): number => {
      const value = parse(text)
      if (value === null) throw new RangeError(`must be ${must}${bound}`)
      if (value < least) throw new RangeError(`must be at least ${min}`)
      if (value > most) throw new RangeError(`must be at most ${max}`)
      return value
    }
    return TypeBox.Unsafe<number>({ type: 'string', pattern, must, ...options, decode })
  }
}

const MOST_SECRET_BYTES = 65_536

function readSecret({ file, env }: { readonly file?: string; readonly env?: string }): string {
  const text = file === undefined ? process.env[env!] : readPrivateFile(file)
  if (!text) throw new Error(file === undefined ? `the variable ${env} is not set` : `${file} is empty`)
  return text.replace(/\r?\n$/, '')
}

function readPrivateFile(file: string): string {
  let handle: number
  try {
    handle = openSync(file, 'r')
  } catch (error) {
    throw new Error(`the file cannot be read: ${messageOf(error)}`)
  }
  try {
    const { mode, size } = fstatSync(handle)
    if ((mode & 0o006) !== 0) throw new Error(`everybody can read or write ${file}; run chmod 600 on it`)
    if (size > MOST_SECRET_BYTES) throw new Error(`${file} is larger than ${MOST_SECRET_BYTES} bytes`)
    return readFileSync(handle, 'utf8')
  } finally {
    closeSync(handle)
  }
}

const types: ConfigTypes = {
  Closed: (properties, options) => TypeBox.Object(properties, { additionalProperties: false, ...options }),
  // An object for TypeBox.
  Map: (value, options) => TypeBox.Object({}, { additionalProperties: value, ...options }) as never,
  Count: ({ max, ...options }) =>
    TypeBox.Integer({ minimum: 1, maximum: max, must: `a whole number from 1 to ${max}`, ...options }),
  OneOf: (values, options) =>
    TypeBox.Unsafe<(typeof values)[number]>({ type: 'string', enum: [...values], ...options }),
  Optionals: (properties) =>
    Object.fromEntries(
      Object.entries(properties).map(([name, schema]) => [name, TypeBox.Optional(schema as TSchema)]),
    ) as never,
  Nullable: (schema) => TypeBox.Union([schema, TypeBox.Null()]),
  Duration: quantity(
    parseDuration,
    DURATION_PATTERN,
    'a duration such as 30s, 15m, 12h or 30d',
    ', at most ten years',
  ),
  Size: quantity(parseSize, SIZE.source, 'a size such as 64KB, 100MB or 2GB'),
  // An object for TypeBox, a text for the plugin.
  Secret: (options: TypeOptions = {}) =>
    types.Closed(
      {
        file: TypeBox.Optional(TypeBox.String({ pattern: '^/.', must: 'an absolute path' })),
        env: TypeBox.Optional(
          TypeBox.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]*$', must: 'the name of a variable' }),
        ),
      },
      {
        minProperties: 1,
        maxProperties: 1,
        secret: true,
        must: '{ file: PATH } or { env: NAME }',
        ...options,
        decode: readSecret,
      },
    ) as unknown as TUnsafe<string>,
}

/** The types of TypeBox, and those that it does not have. */
export const Type: typeof TypeBox & ConfigTypes = Object.freeze({ ...TypeBox, ...types })
