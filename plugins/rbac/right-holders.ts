import { type AdminRights, inTurns, type Subject } from '@mezite/core'
import type { AccountGroup, Explanations } from '@mezite/core/administration'
import type { LockView } from '@mezite/core/identity'
import type { AdminRight, AdminRoles, LackedRight } from '@mezite/core/types'
import type { Roles } from './roles.ts'

/** Names that a refusal has, at most. */
const MOST_PEOPLE = 5
const MOST_ROLES = 10
/** The right to know who may do what. */
const READS_ACCESS: AdminRight = 'access.read'

/** What tells who has a right of administration. */
interface HolderNeeds {
  readonly roles: Pick<Roles, 'items'>
  readonly explanations: Pick<Explanations, 'groups'>
  readonly adminRights: Pick<AdminRights, 'covers' | 'may' | 'reach'>
  readonly locks: Pick<LockView, 'lockFor'>
}

/** The names of all people who have a right and are not locked, in order: for a thing with these labels, or for all things. */
export async function peopleWith(
  { right, labels, everyRight = false }: LackedRight,
  { explanations, adminRights, locks }: Omit<HolderNeeds, 'roles'>,
): Promise<string[]> {
  const found: string[] = []
  for await (const person of inTurns(peopleOf(await explanations.groups())))
    if (
      adminRights.may(person, right, labels) &&
      (!everyRight || adminRights.covers(person, ['admin'])) &&
      locks.lockFor(person, null) === null
    )
      found.push(person.user)
  return found.toSorted()
}

function* peopleOf(groups: readonly AccountGroup[]) {
  for (const group of groups)
    for (const { name, bot } of group.accounts) if (!bot) yield accountSubject(name, group)
}

/** The roles that give a right, `admin` first; `limited`: for some labels only. */
function rolesWith(
  { right, everyRight = false }: LackedRight,
  { roles, adminRights }: Pick<HolderNeeds, 'roles' | 'adminRights'>,
): { readonly name: string; readonly limited: boolean }[] {
  return ['admin', ...[...roles.items.keys()].toSorted()].flatMap((name) => {
    const holder = { user: '', roles: [name] }
    if (everyRight && !adminRights.covers(holder, ['admin'])) return []
    const reach = adminRights.reach(holder, right)
    return reach === 'none' ? [] : [{ name, limited: reach === 'some' }]
  })
}

/** What a refusal says about a right that the caller lacks. Only callers who may read who has access are told the names. */
export function lackExplainer(needs: HolderNeeds): NonNullable<AdminRoles['explainLack']> {
  return async (caller, lack) => {
    const command = commandFor(caller, lack.right)
    if (!needs.adminRights.may(caller, READS_ACCESS))
      return { text: `Ask an administrator: \`${command}\` names the people who have it.` }
    const roles = rolesWith(lack, needs)
    const people = await peopleWith(lack, needs)
    const shown = roles.map(({ name, limited }) => (limited ? `${name} (for some labels)` : name))
    const whose =
      people.length === 0 ? 'Nobody has it now.' : `People who have it: ${some(people, MOST_PEOPLE)}.`
    return {
      text: `Roles that give it: ${some(shown, MOST_ROLES)}. ${whose} \`${command}\` says why you lack it.`,
      members: {
        holders: {
          roles: roles.slice(0, MOST_ROLES).map(({ name }) => name),
          people: people.slice(0, MOST_PEOPLE),
          people_count: people.length,
        },
      },
    }
  }
}

const some = (names: readonly string[], most: number): string =>
  names.length <= most
    ? names.join(', ')
    : `${names.slice(0, most).join(', ')} and ${names.length - most} more`

/** A name that a shell reads as one word. */
const PLAIN = /^[\w.@:+-]+$/

/** An API token has no roles that a person could be asked about. */
function commandFor({ user, kind, sessionId }: Subject, right: AdminRight): string {
  const dot = right.lastIndexOf('.')
  const isAccount = (kind !== 'token' || sessionId !== null) && PLAIN.test(user) && !user.startsWith('-')
  return `mezctl access explain --admin ${isAccount ? user : 'USER'} ${right.slice(dot + 1)} ${right.slice(0, dot)}`
}

/** The account as the guard asks about it: a role for some apps only gives no right of administration. */
export function accountSubject(
  user: string,
  { roles, grants }: Pick<AccountGroup, 'roles' | 'grants'>,
): Subject {
  const granted = grants.flatMap(({ role, apps }) => (apps === null ? [role] : []))
  const all = [...new Set([...roles, ...granted])].sort()
  return { user, roles: all, kind: 'session', sessionId: null, satisfied: [] }
}
