import { isDeepStrictEqual } from 'node:util'
import type { Requirement, RequirementKind } from '../../api/requirement.ts'
import type { SatisfiedRequirement } from '../../api/subject.ts'
import { MezError } from '../../kernel/error.ts'

/** The registered kinds by name. */
export type Requirements = ReadonlyMap<string, RequirementKind>

/** Throws `MEZ_SERVICE_TWICE` if two kinds have the same name. */
export function registerRequirements(
  kinds: readonly RequirementKind[],
  byName: Map<string, RequirementKind>,
) {
  for (const kind of kinds) {
    if (byName.has(kind.name))
      throw new MezError('MEZ_SERVICE_TWICE', `two plugins register the requirement "${kind.name}"`)
    byName.set(kind.name, kind)
  }
}

/** The requirements that together are as strict as all of these. */
export function strictest(all: readonly Requirement[], kinds: Requirements): Requirement[] {
  const combined: Requirement[] = []
  for (const requirement of all) {
    const kind = kinds.get(requirement.name)
    const at = combined.findIndex(
      (other) =>
        other.name === requirement.name && (kind?.strictest || isDeepStrictEqual(other, requirement)),
    )
    const other = combined[at]
    if (other === undefined) combined.push(requirement)
    else if (kind?.strictest) combined[at] = checked(kind.strictest(other, requirement), requirement.name)
  }
  return combined
}

function checked(result: Requirement, name: string): Requirement {
  if (Object(result).name !== name)
    throw new TypeError(`strictest() of the requirement "${name}" must return such a requirement`)
  return Object.freeze({ ...result })
}

/** Whether the entry meets the requirement for this app now. An unregistered requirement is never met. */
export function isMetBy(
  requirement: Requirement,
  entry: SatisfiedRequirement,
  context: { readonly appId: string; readonly now: number },
  kinds: Requirements,
): boolean {
  const kind = kinds.get(requirement.name)
  if (kind === undefined) return false
  if (entry.name !== requirement.name && !(kind.isMetBy && kind.accepts?.includes(entry.name))) return false
  if (kind.isMetBy) return kind.isMetBy(requirement, entry, context) === true
  return entry.appId === null || entry.appId === context.appId
}
