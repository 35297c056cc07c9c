import type { ValueProblem } from '@mezite/core/agent'
import type { AgentFile } from './agent-schema.ts'

/** What fits the schema of a file that has problems, so that all other values can still be checked. */
export function usablePart(value: unknown, problems: readonly ValueProblem[]): AgentFile {
  const part = structuredClone(value)
  if (!isMapping(part)) return {}
  for (const { path } of problems) leaveOut(part, path)
  return part
}

/** Removes a key. A list goes as a whole, and so does a mapping that lacks a key. */
function leaveOut(part: Record<string, unknown>, [key = '', ...rest]: readonly string[]): void {
  const inner = part[key]
  const whole =
    rest.length === 0 || !isMapping(inner) || (rest.length === 1 && !Object.hasOwn(inner, rest[0]!))
  if (whole) delete part[key]
  else leaveOut(inner, rest)
}

const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
