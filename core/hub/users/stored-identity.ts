import type { Profile, User } from '../../api/users.ts'
import type { UserTable } from '../access/migrations.ts'
import { holderOf } from './user-name.ts'

/** Who holds the name. */
export function identityOf({
  issuer,
  sub,
}: Pick<UserTable, 'issuer' | 'sub'>): Pick<User, 'identity' | 'holder'> {
  if (issuer === null || sub === null) return { identity: null, holder: null }
  return { identity: { issuer, sub }, holder: holderOf({ issuer, sub }) }
}

/**
 * The stored profile, if it is about the identity that holds the name: a hub of an older version does not remove the profile
 * of the holder before.
 */
export function profileIn(row: UserTable): { readonly profile?: Profile } {
  if (row.profile === null) return {}
  const { holder, name, email } = JSON.parse(row.profile) as Profile & { readonly holder: string }
  return holder === identityOf(row).holder ? { profile: Object.freeze({ name, email }) } : {}
}
