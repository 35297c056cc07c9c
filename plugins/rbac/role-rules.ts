import { explainRoles } from './explanation.ts'
import { compileLabels, type LabelMatcher } from './label-matcher.ts'
import { BUILT_IN_ROLES, entriesOf, type RoleRule, type RuleValue } from './role-resource.ts'
import { type RoleSet, reachOf, voteRequirements } from './role-set.ts'

type RoleReader = Parameters<RoleRule['attach']>[0]

/** By the value in the document, which a change replaces. */
const compiled = new WeakMap<RuleValue, LabelMatcher>()

/** The roles, as plugins that add rules to them read them. */
export function readRoles(roles: RoleSet): RoleReader {
  return {
    exists: (role) => BUILT_IN_ROLES.includes(role) || roles.items.has(role),
    ruled: (rule) =>
      [...roles.items.values()].flatMap((role) => {
        return entriesOf(role.document.spec, rule).map(({ under, value }) => {
          const matches = matcherOf(value)
          return { role: role.name, under, value, matches: (app) => matches(app.labels) }
        })
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

function matcherOf(value: RuleValue): LabelMatcher {
  let matches = compiled.get(value)
  if (matches === undefined) {
    matches = compileLabels(value.app_labels).matches
    compiled.set(value, matches)
  }
  return matches
}
