import type { dashboardParts, SlotRef, Users } from '@mezite/core'
import type { Grants } from '@mezite/core/administration'
import { type HeldRule, rulesHeld } from './admin-explanation.ts'
import type { Roles } from './roles.ts'

type Part = typeof dashboardParts extends SlotRef<infer P> ? P : never

const WORDS: Readonly<Record<string, string>> = {
  '*': 'Do everything',
  list: 'See',
  read: 'See',
  create: 'Create',
  update: 'Change',
  delete: 'Remove',
  enable: 'Switch on and off',
  end: 'End',
  review: 'Review',
  invite: 'Invite',
}

/** The rights of administration on the page of a person, in words. */
export const rightsPanel = (parts: {
  readonly roles: Roles
  readonly users: Pick<Users, 'rolesOf'>
  readonly grants: Pick<Grants, 'list'>
}): Part => ({
  kind: 'person-panel',
  right: 'access.read',
  title: 'Rights of administration',
  texts: { de: german },
  async content({ name }) {
    const granted = parts.grants.list(name).flatMap(({ role, apps }) => (apps === null ? [role] : []))
    const held = [...new Set([...parts.users.rolesOf(name), ...granted])].sort()
    const rules = rulesHeld(parts.roles, held)
    if (rules.length === 0) return null
    return [
      {
        kind: 'table',
        title: 'Rights of administration',
        columns: ['Role', 'Rule', 'What', 'Kinds', 'Only with labels'],
        rows: rules.flatMap((rule) =>
          wordsOf(rule).map((word) => [
            { text: rule.role, href: `/web/admin/roles/${rule.role}` },
            { word: rule.effect === 'allow' ? 'allows' : 'denies' },
            { word },
            rule.kinds.includes('*') ? { word: 'everything' } : rule.kinds.join(', '),
            labelsOf(rule),
          ]),
        ),
        empty: 'This person has no rights of administration.',
      },
    ]
  },
})

const wordsOf = ({ verbs }: HeldRule): readonly string[] =>
  verbs.includes('*') ? ['Do everything'] : [...new Set(verbs.map((verb) => WORDS[verb] ?? verb))]

function labelsOf({ labels }: HeldRule): string | null {
  if (labels === undefined) return null
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${[value].flat().join('|')}`)
    .join(', ')
}

const german = {
  'Rights of administration': 'Rechte der Administration',
  Role: 'Rolle',
  Rule: 'Regel',
  What: 'Was',
  Kinds: 'Arten',
  'Only with labels': 'Nur mit Labels',
  allows: 'erlaubt',
  denies: 'verbietet',
  everything: 'alles',
  'Do everything': 'Alles tun',
  See: 'Sehen',
  Create: 'Anlegen',
  Change: 'Ändern',
  Remove: 'Entfernen',
  'Switch on and off': 'Ein- und ausschalten',
  End: 'Beenden',
  Review: 'Prüfen',
  Invite: 'Einladen',
  'This person has no rights of administration.': 'Diese Person hat keine Rechte der Administration.',
}
