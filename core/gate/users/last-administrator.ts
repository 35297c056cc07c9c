import type { Actor } from '../../api/audit.ts'
import { problemFor } from '../../api/reasons.ts'
import { foldName } from '../../api/user-name.ts'
import type { UserTable } from './migrations.ts'
import { rolesIn } from './stored-identity.ts'

const ADMIN = 'admin'

export type RoleColumns = Pick<UserTable, 'own_roles' | 'mapped_roles'>

/** An unreadable user has no access, and so no roles; otherwise nobody could remove it. */
export function heldIn({ own_roles, mapped_roles }: RoleColumns): readonly string[] {
  try {
    return [rolesIn(own_roles), rolesIn(mapped_roles)].flat()
  } catch {
    return []
  }
}

export const isAdmin = (row: RoleColumns): boolean => heldIn(row).includes(ADMIN)

/** Keeps administrators from locking out themselves or the last administrator. `row`: the user that would not be one any more. */
export async function guardAdmins(
  row: UserTable,
  readAll: () => Promise<readonly UserTable[]>,
  by: Actor,
  mayAct: (row: UserTable, by: Actor) => boolean,
): Promise<void> {
  const { subject } = by
  if (!isAdmin(row)) return
  if (subject.kind !== 'operator' && foldName(subject.user) === row.key)
    throw problemFor('self_lockout', 'You cannot take the role admin from yourself. Ask another admin.')
  const rows = await readAll()
  if (rows.some((other) => other.key !== row.key && mayAct(other, by))) return
  throw problemFor('last_admin', `${row.name} is the last admin. Give the role to somebody else first.`)
}

/**
 * Whether a sign-in keeps the mapped role `admin`, which the provider does not give any more, because no other administrator can act. Throws
 * `Problem` 409 `last_admin` if the sign-in is through another connector than the one that gave the role: it may prove less.
 */
export async function keepsAdmin(
  row: UserTable,
  next: { readonly connector: string; readonly mapped_roles: string },
  readAll: () => Promise<readonly UserTable[]>,
  mayAct: (row: UserTable) => boolean,
): Promise<boolean> {
  if (!isAdmin(row) || isAdmin({ ...row, mapped_roles: next.mapped_roles })) return false
  if ((await readAll()).some((other) => other.key !== row.key && mayAct(other))) return false
  if (row.connector === next.connector) return true
  throw problemFor(
    'last_admin',
    `${row.name} is the last admin, by the connector ${row.connector}. Sign in through it, or give the role to somebody else first.`,
  )
}
