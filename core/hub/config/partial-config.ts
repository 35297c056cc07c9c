import { checkConfig, type ValueProblem } from '../../kernel/config-check.ts'
import { hubSchema, type RawHubConfig } from './schema.ts'

/** What fits the schema of a configuration that has problems. */
export interface UsablePart {
  /** With defaults, also in the place of what was wrong. */
  readonly raw: RawHubConfig
  /** True for a key that was wrong, or that has something wrong above or below it: its value here is not what was written. */
  readonly isBroken: (path: string) => boolean
}

/** Leaves out what the schema refuses, so that all other values can still be checked. Null: nothing is left. */
export function usablePart(input: unknown, problems: readonly ValueProblem[]): UsablePart | null {
  const part = structuredClone(input)
  if (!isMapping(part)) return null
  for (const { path } of problems) leaveOut(part, path)
  part.proxy = { public_addr: 'hub.invalid', ...(part.proxy as object | undefined) }
  const checked = checkConfig(hubSchema, part)
  if (checked.problems.length > 0) return null
  const wrong = problems.map(({ path }) => `${path.join('.')}.`)
  return {
    raw: checked.value as RawHubConfig,
    isBroken: (path) => wrong.some((each) => each.startsWith(`${path}.`) || `${path}.`.startsWith(each)),
  }
}

/** Removes a key. A list goes as a whole, and so does a mapping below `proxy` that lacks a key. */
function leaveOut(part: Record<string, unknown>, [key = '', ...rest]: readonly string[]): void {
  const inner = part[key]
  if (rest.length === 0 || !isMapping(inner)) delete part[key]
  else if (rest.length === 1 && !Object.hasOwn(inner, rest[0]!)) {
    if (key !== 'proxy') delete part[key]
  } else leaveOut(inner, rest)
}

const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
