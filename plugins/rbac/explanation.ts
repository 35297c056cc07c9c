import type { App, Vote } from '@mezite/core'
import { compileLabels } from './label-matcher.ts'
import type { AppLabels } from './role-resource.ts'
import type { RoleSet } from './role-set.ts'

type VoteLine = Parameters<NonNullable<Vote['explain']>>[0]

/** Reports each rule of the roles that `voteByRoles` has considered. */
export function explainRoles(
  roles: RoleSet['items'],
  names: readonly string[],
  app: App,
  explain: (line: VoteLine) => void,
): void {
  for (const role of names) {
    const whole = (effect: VoteLine['effect'], matcher: string) =>
      explain({ role, effect, matcher, label: null, value: null })
    if (role === 'access') whole('allow', 'every app')
    else if (role === 'admin') whole('none', 'no app by itself')
    else {
      const document = roles.get(role)?.document
      if (document === undefined) whole('none', 'the role does not exist or is unreadable')
      else {
        for (const effect of ['deny', 'allow'] as const)
          for (const line of rulesOf(document.spec[effect]?.app_labels, app.labels, effect))
            explain({ role, ...line })
      }
    }
  }
}

/** All labels of a side that matches; of a side that does not, the labels that do not match. */
function rulesOf(
  labels: AppLabels | undefined,
  given: Readonly<Record<string, string>>,
  effect: 'allow' | 'deny',
): Omit<VoteLine, 'role'>[] {
  const rules = Object.entries(labels ?? {}).map(([label, wanted]) => ({
    matches: compileLabels({ [label]: wanted }).matches(given),
    line: {
      matcher: `${effect} ${label}=${typeof wanted === 'string' ? wanted : wanted.join('|')}`,
      label,
      value: Object.hasOwn(given, label) ? given[label]! : null,
    },
  }))
  const all = rules.every(({ matches }) => matches)
  return rules
    .filter(({ matches }) => all || !matches)
    .map(({ line }) => ({ ...line, effect: all ? effect : 'none' }))
}
