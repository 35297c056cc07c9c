import { explainRoles } from './explanation.ts'
import { compileLabels, type LabelMatcher } from './label-matcher.ts'
import { BUILT_IN_ROLES, type RoleRule, type RuleValue } from './role-resource.ts'
import { type CompiledRole, type RoleSet, reachOf, voteRequirements } from './role-set.ts'

type RoleReader = Parameters<RoleRule['attach']>[0]

/** By the role as it is compiled, which a change replaces. */
const compiled = new WeakMap<CompiledRole, Map<string, LabelMatcher>>()

/** The roles, as plugins that add rules to them read them. */
export function readRoles(roles: RoleSet): RoleReader {
  return {
    exists: (role) => BUILT_IN_ROLES.includes(role) || roles.items.has(role),
    ruled: (rule) =>
      [...roles.items.values()].flatMap((role) => {
        const value = role.document.spec.allow?.[rule] as RuleValue | undefined
        if (value === undefined) return []
        const matches = matcherOf(role, rule, value)
        return [{ role: role.name, value, matches: (app) => matches(app.labels) }]
      }),
    reach: (names, app) => reachOf(roles, names, app),
    explain(names, app) {
      const lines: ReturnType<RoleReader['explain']>[number][] = []
      explainRoles(roles.items, names, app, (line) => lines.push(line))
      return lines
    },
    require(name, vote) {
      const role = roles.items.get(name)
      if (role !== undefined) voteRequirements(role, vote)
    },
  }
}

function matcherOf(role: CompiledRole, rule: string, { app_labels: labels }: RuleValue): LabelMatcher {
  let rules = compiled.get(role)
  if (rules === undefined) {
    rules = new Map()
    compiled.set(role, rules)
  }
  let matches = rules.get(rule)
  if (matches === undefined) {
    matches = compileLabels(labels).matches
    rules.set(rule, matches)
  }
  return matches
}
