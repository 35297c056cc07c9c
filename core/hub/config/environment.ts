import type { TSchema } from 'typebox'
import { secretVariable } from '../../base/loader/secret-variable.ts'
import type { ConfigProblem, ValueProblem } from '../../kernel/config-check.ts'
import { hubSchema } from './hub-schema.ts'

const PREFIX = 'MEZITE_'

/** Variables that other parts and the other programs read. */
const ELSEWHERE = [
  'ENCRYPTION_KEY',
  'ENCRYPTION_KEY_FILE',
  'RELAUNCHED',
  'PROCESS',
  'PARENT_NODE',
  'AUTH_TOKEN',
  'PROXY',
  'CA_FILE',
  'JOIN_TOKEN',
  'JOIN_TOKEN_FILE',
  'BROWSER',
]

type Leaf = { readonly path: readonly string[]; readonly type: string | undefined }

interface Environment {
  /** The value, overridden by the variables. */
  readonly value: unknown
  readonly warnings: readonly string[]
  /** Attributes a problem to the variable that set the key; null if no variable did. */
  locate(problem: ValueProblem): ConfigProblem | null
}

/**
 * Overrides values of the file with `MEZITE_*` variables: MEZITE_PROXY_APPS_DOMAIN sets `proxy.apps_domain`. Lists are
 * comma-separated, an empty variable counts as not set, and keys of plugins cannot be set. `MEZITE_…_FILE` names a file
 * with the value. Warns about unknown variables.
 */
export function applyEnvironment(
  input: unknown,
  env: Readonly<Record<string, string | undefined>>,
): Environment {
  const value = structuredClone(input ?? {})
  const known = leaves(hubSchema)
  const set = new Map<string, string>()
  const warnings: string[] = []
  for (const [given, text] of Object.entries(env)) {
    if (!given.startsWith(PREFIX) || text === undefined || text === '') continue
    // Some keys end in `_file` themselves.
    const name = known.has(given) ? given : given.replace(/_FILE$/, '')
    const leaf = known.get(name)
    if (leaf) {
      assign(value, leaf.path, convert(secretVariable(name, env) ?? '', leaf.type))
      set.set(leaf.path.join('.'), name)
    } else if (!ELSEWHERE.includes(given.slice(PREFIX.length))) {
      warnings.push(`the environment variable ${given} is unknown and ignored`)
    }
  }
  const locate = ({ path, message }: ValueProblem) => {
    const [, name] = [...set].find(([key]) => `${path.join('.')}.`.startsWith(`${key}.`)) ?? []
    return name === undefined ? null : { file: 'environment', line: 0, path: name, message }
  }
  return { value, warnings, locate }
}

function leaves(schema: TSchema, path: readonly string[] = []): Map<string, Leaf> {
  const { properties } = schema as { properties?: Record<string, TSchema & { type?: string }> }
  const found = new Map<string, Leaf>()
  for (const [key, inner] of Object.entries(properties ?? {})) {
    const here = [...path, key]
    if ('properties' in inner) for (const [name, leaf] of leaves(inner, here)) found.set(name, leaf)
    else if (key !== 'plugins')
      found.set(PREFIX + here.join('_').toUpperCase(), { path: here, type: typeOf(inner) })
  }
  return found
}

/** Of several types, the first. */
function typeOf(
  schema: TSchema & { type?: string; anyOf?: readonly { type?: string }[] },
): string | undefined {
  return schema.type ?? schema.anyOf?.[0]?.type
}

function convert(text: string, type: string | undefined): unknown {
  if (type === 'array') return text.split(',').map((item) => item.trim())
  if (type === 'integer') return /^\d{1,15}$/.test(text) ? Number(text) : text
  if (type === 'boolean') return text === 'true' ? true : text === 'false' ? false : text
  return text
}

/** Skips a file that has another value in place of a mapping: the schema check reports it. */
function assign(value: unknown, path: readonly string[], leaf: unknown): void {
  if (typeof value !== 'object') return
  let at = value as Record<string, unknown>
  for (const key of path.slice(0, -1)) {
    at[key] ??= {}
    if (typeof at[key] !== 'object') return
    at = at[key] as Record<string, unknown>
  }
  at[path.at(-1)!] = leaf
}
