import { ADMIN_VERBS, type AdminRights, nearMiss, resourceInvalid } from '@mezite/core'
import { type RoleSpec, SIDES } from './role-resource.ts'

type Declared = ReturnType<AdminRights['declared']>

/**
 * Throws `Problem` 400 `resource_invalid` if a rule is about kinds or verbs that nothing on this hub has, because a rule with a typo
 * would be without effect. `before`: the stored document, whose kinds stay allowed while the plugin that has them is absent.
 */
export function requireKnownRights(spec: RoleSpec, before: RoleSpec, declared: Declared): void {
  const verbsOf = verbsByKind(declared)
  const known = [...verbsOf.keys()].sort()
  const stored = new Set(SIDES.flatMap((side) => (before[side]?.admin ?? []).flatMap(({ kinds }) => kinds)))
  const problems = SIDES.flatMap((side) =>
    (spec[side]?.admin ?? []).flatMap(({ kinds, verbs }, at) => {
      const path = ['spec', side, 'admin', String(at)]
      const has = (kind: string, verb: string) =>
        verb === '*' ? true : kind === '*' ? true : (verbsOf.get(kind) ?? [verb]).includes(verb)
      return [
        ...kinds.flatMap((kind, place) => {
          const own = [...path, 'kinds', String(place)]
          if (kind === '*' || stored.has(kind)) return []
          if (!verbsOf.has(kind)) return [{ path: own, message: unknownKind(kind, known) }]
          const fits = verbs.some((verb) => has(kind, verb))
          return fits ? [] : [{ path: own, message: unknownVerb(kind, verbsOf.get(kind) ?? []) }]
        }),
        ...verbs.flatMap((verb, place) =>
          kinds.some((kind) => has(kind, verb))
            ? []
            : [
                {
                  path: [...path, 'verbs', String(place)],
                  message: `none of the kinds has the verb ${verb}`,
                },
              ],
        ),
      ]
    }),
  )
  if (problems.length > 0) throw resourceInvalid(problems)
}

/** The verbs of each kind that something on this hub needs. */
export function verbsByKind(declared: Iterable<string>): ReadonlyMap<string, readonly string[]> {
  const verbsOf = new Map<string, string[]>()
  for (const right of declared) {
    const dot = right.lastIndexOf('.')
    verbsOf.set(right.slice(0, dot), [...(verbsOf.get(right.slice(0, dot)) ?? []), right.slice(dot + 1)])
  }
  return verbsOf
}

/** The message about a verb, or several, that a kind lacks. */
export const unknownVerb = (kind: string, verbs: readonly string[]): string =>
  `${kind} has none of the verbs; it has ${ADMIN_VERBS.filter((verb) => verbs.includes(verb)).join(', ')}`

/** The message about a kind that nothing on this hub has. */
export function unknownKind(kind: string, known: readonly string[]): string {
  const meant = nearMiss(kind, known)
  const hint = meant === null ? `kinds are ${known.join(', ')}` : `did you mean ${meant}?`
  return `nothing on this hub is of the kind ${kind}; ${hint}`
}
