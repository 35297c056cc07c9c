import type { AdminRule } from '@mezite/core'
import type { AdminRules } from '@mezite/core/types'
import { entriesOf, type RoleRule, type RoleSpec, SIDES } from './role-resource.ts'

/** The rights of administration in a role, with the roles that its other rules lead to. */
export function rightsIn(spec: RoleSpec, rules: readonly RoleRule[]): AdminRules {
  const [allow = [], deny = []] = SIDES.map((side) =>
    (spec[side]?.admin ?? []).map(({ kinds, verbs, where }): AdminRule => {
      return { kinds, verbs, ...(where && { labels: where.labels }) }
    }),
  )
  const leadsTo = rules.flatMap((rule) =>
    entriesOf(spec, rule.name)
      .filter(({ under }) => under === 'allow')
      .flatMap(({ value }) => rule.leadsTo?.(value) ?? []),
  )
  return { allow, deny, leadsTo: [...new Set(leadsTo)] }
}

/** What a change of a role gives to those who have it, or takes from them. */
export function changedRights(
  before: AdminRules,
  after: AdminRules,
): { readonly rules: readonly AdminRule[]; readonly roles: readonly string[] } {
  const changed = (side: 'allow' | 'deny') => {
    const byText = (rules: AdminRules) => new Map(rules[side].map((rule) => [JSON.stringify(rule), rule]))
    const [old, next] = [byText(before), byText(after)]
    return [...old, ...next].filter(([text]) => old.has(text) !== next.has(text)).map(([, rule]) => rule)
  }
  const roles = [
    ...before.leadsTo.filter((role) => !after.leadsTo.includes(role)),
    ...after.leadsTo.filter((role) => !before.leadsTo.includes(role)),
  ]
  return { rules: [...changed('allow'), ...changed('deny')], roles }
}

/** Whether a rule is about more things when its holder gets another role. */
export const namesRoles = ({ labels = {} }: AdminRule): boolean =>
  Object.values(labels).flat().includes('{{user.roles}}')
