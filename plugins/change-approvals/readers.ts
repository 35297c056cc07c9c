import type { AdminRights, Problem, Subject, Users } from '@mezite/core'
import type { AdminCall } from '@mezite/core/types'
import { isBy, isPerson, isSamePerson } from './change.ts'
import type { ChangeRow } from './migrations.ts'
import { problemFor } from './reasons.ts'

/** What says whom a change concerns. */
export type Readable = Pick<ChangeRow, 'right' | 'labels' | 'user_key' | 'user_name' | 'holder'>

/** Who reads a change, decides about it and takes it back. */
export function createReaders({
  users,
  adminRights,
}: {
  readonly users: Pick<Users, 'byName'>
  readonly adminRights: Pick<AdminRights, 'may'>
}) {
  const labelsOf = ({ labels }: Readable) => (labels === null ? undefined : JSON.parse(labels))
  const hasRight = (row: Readable, subject: Subject): boolean =>
    adminRights.may(subject, row.right as AdminCall['right'], labelsOf(row))
  const seesAll = (subject: Subject): boolean => adminRights.may(subject, 'change.list')

  /** The account of a person who is signed in, not of a program. */
  const personOf = (subject: Subject) => (isPerson(subject) ? users.byName(subject.user) : undefined)
  const isAsker = (row: Readable, subject: Subject): boolean => {
    const account = personOf(subject)
    return account !== undefined && isBy(row, account)
  }

  return {
    personOf,
    isAsker,
    hasRight,
    mayRead: (row: Readable, subject: Subject): boolean =>
      seesAll(subject) || (isPerson(subject) && (isAsker(row, subject) || hasRight(row, subject))),
    /**
     * Whether somebody who may read the row may see its thing of today: a thing that has changed since may have got labels that are not of
     * their right.
     */
    maySee: (row: Readable, subject: Subject, isUnchanged: boolean): boolean =>
      seesAll(subject) ||
      adminRights.may(subject, row.right as AdminCall['right']) ||
      (isUnchanged && hasRight(row, subject)),
    /** Why somebody may not decide about a change; null: they may. */
    refusalFor(row: Readable, subject: Subject): Problem | null {
      const account = personOf(subject)
      if (account === undefined)
        return problemFor('approval_needs_person', 'Only a person who is signed in decides about changes.')
      if (isSamePerson(row, users.byName(row.user_name)?.profile, account))
        return problemFor('change_is_own', 'You asked for this change, so somebody else decides about it.')
      if (hasRight(row, subject)) return null
      const right = row.right as AdminCall['right']
      const detail = `This requires the right ${right}, as the change itself does.`
      return Object.assign(problemFor('access_denied', detail, { right }), { lacks: { right } })
    },
  }
}
