import type { Actor, AdminRights, Subject, User, Users } from '@mezite/core'
import type { Grants } from '@mezite/core/administration'
import type { LockView } from '@mezite/core/identity'
import { type LinkMaker, linkRefused } from './enrolment-links.ts'
import type { InvitationRow, LinkRow } from './migrations.ts'
import { problemFor } from './reasons.ts'

/** Whether an invitation works now, and otherwise why not. */
export type InvitationState =
  | 'open'
  | 'name_taken'
  | 'role_gone'
  | 'inviter_gone'
  | 'inviter_locked'
  | 'right_lost'
export const INVITATION_STATES: readonly InvitationState[] = [
  ...(['open', 'name_taken', 'role_gone', 'inviter_gone', 'inviter_locked', 'right_lost'] as const),
]

/** What inviters are found in. */
export interface InvitersNeeds {
  readonly users: Pick<Users, 'byName' | 'rolesOf'>
  readonly grants: Pick<Grants, 'list'>
  readonly locks: Pick<LockView, 'lockFor'>
  readonly adminRights: Pick<AdminRights, 'may' | 'covers' | 'roleExists'>
}

type Known = Pick<InvitationRow, 'name' | 'user_key' | 'roles' | 'inviter' | 'inviter_key' | 'inviter_holder'>

const RIGHT = 'invitation.create'
const LINK_RIGHT = 'passkey.create'
const NOBODY: Pick<Subject, 'user' | 'roles'> = { user: '', roles: [] }

export const rolesOf = ({ roles }: Pick<InvitationRow, 'roles'>): readonly string[] => JSON.parse(roles)

/**
 * What the right to invitations can be limited to: those of a person, into a role, for names that end in a domain. An invitation into
 * several roles needs the right for each.
 */
export const labelsOf = ({ name, inviter, roles }: Pick<Known, 'name' | 'inviter' | 'roles'>) =>
  rolesOf({ roles }).map((role) => ({
    ...{ role, inviter },
    domain: name.includes('@') ? name.slice(name.lastIndexOf('@') + 1).toLowerCase() : '',
  }))

/**
 * Who makes invitations and enrolment links, with the rights of the moment: both are worth as much as who made them could give by
 * hand now.
 */
export function createInviters(needs: InvitersNeeds) {
  const { users, grants, locks, adminRights } = needs

  /** The roles of today, those granted for a time included; `ofApps`: also those for some apps alone. */
  function rolesHeld(user: string, ofApps: boolean): readonly string[] {
    const granted = grants.list(user).flatMap(({ role, apps }) => (ofApps || apps === null ? [role] : []))
    return [...new Set([...users.rolesOf(user), ...granted])]
  }

  /** The inviter with today's roles; null: the account is gone, or of somebody else now. */
  function subjectOf({
    inviter,
    inviter_key,
    inviter_holder,
  }: Pick<Known, 'inviter' | 'inviter_key' | 'inviter_holder'>): Subject | null {
    const more = { sessionId: null, satisfied: [] }
    if (inviter_key === null) return { user: inviter, roles: ['admin'], kind: 'operator', ...more }
    const user = users.byName(inviter)
    if (user === undefined || user.key !== inviter_key || user.holder !== inviter_holder) return null
    return { user: user.name, roles: rolesHeld(user.name, false), kind: 'session', ...more }
  }

  /** Whether who made the link could make it now, for the person with today's roles. A program's leads to no right of administration. */
  function mayEnrol(link: LinkRow, { name }: Pick<User, 'name'>): boolean {
    const given = rolesHeld(name, true)
    if (link.maker_kind === null) return false
    if (link.maker_kind === 'program') return adminRights.covers(NOBODY, given)
    const subject = subjectOf({
      ...{ inviter: link.maker ?? '', inviter_key: link.maker_key, inviter_holder: link.maker_holder },
    })
    if (subject === null) return false
    if (subject.kind === 'operator') return link.maker_kind === 'operator'
    return (
      locks.lockFor(subject, null) === null &&
      adminRights.may(subject, LINK_RIGHT) &&
      adminRights.covers(subject, given)
    )
  }

  function stateOf(row: Known): InvitationState {
    const subject = subjectOf(row)
    if (users.byName(row.name) !== undefined) return 'name_taken'
    if (subject === null) return 'inviter_gone'
    if (subject.kind !== 'operator' && locks.lockFor(subject, null) !== null) return 'inviter_locked'
    if (!rolesOf(row).every(adminRights.roleExists)) return 'role_gone'
    const may =
      labelsOf(row).every((labels) => adminRights.may(subject, RIGHT, labels)) &&
      adminRights.covers(subject, rolesOf(row))
    return may ? 'open' : 'right_lost'
  }

  function requireOpen(row: Known): Subject {
    const subject = subjectOf(row)
    if (subject === null || stateOf(row) !== 'open') throw invitationRefused()
    return subject
  }

  return {
    roleExists: adminRights.roleExists,
    stateOf,
    /** Who makes a link now. Throws `Problem` for a program and a person with rights of administration. */
    linkMaker({ subject, mayGive }: Actor, { name }: Pick<User, 'name'>): LinkMaker {
      mayGive?.({ user: name })
      const account = { maker: subject.user, maker_key: null, maker_holder: null }
      if (subject.kind === 'operator') return { ...account, maker_kind: 'operator' }
      const user = users.byName(subject.user)
      if (user !== undefined)
        return { ...account, maker_kind: 'person', maker_key: user.key, maker_holder: user.holder }
      if (adminRights.covers(NOBODY, rolesHeld(name, true))) return { ...account, maker_kind: 'program' }
      throw problemFor('link_for_administrator')
    },
    /** Throws `Problem` 400 as soon as who made the link could not make it any more. */
    requireMaker(link: LinkRow, user: Pick<User, 'name'>): void {
      if (!mayEnrol(link, user)) throw linkRefused()
    },
    /** The inviter as the one who makes the change when the invitation is used. Throws `Problem` if it does not work. */
    actorOf(row: InvitationRow, requestId: string): Actor {
      const subject = requireOpen(row)
      return {
        ...{ subject, clientIp: '', id: requestId },
        stillMay: async () => void requireOpen(row),
        ...(row.right_role !== null && { allowedBy: { right: RIGHT, role: row.right_role } }),
        mayGive: ({ roles = [] }) => {
          if (!adminRights.covers(requireOpen(row), roles)) throw invitationRefused()
        },
      }
    },
  }
}

export type Inviters = ReturnType<typeof createInviters>

/** The same whatever is wrong with the link: it says nothing about accounts, roles and administrators. */
export const invitationRefused = () =>
  problemFor('link_refused', 'This invitation does not work any more. Ask for a new one.')
