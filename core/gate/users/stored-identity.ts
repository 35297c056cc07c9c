import { sql } from 'kysely'
import type { Transaction } from '../../api/database.ts'
import { foldName, holderOf } from '../../api/user-name.ts'
import type { Profile, User } from '../../api/users.ts'
import type { AccessTables, UserTable } from './migrations.ts'

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

/** `Users.holderIn` for many names at once; a name that no user has is missing. */
export async function holdersIn(
  trx: Transaction,
  names: readonly string[],
): Promise<ReadonlyMap<string, string | null>> {
  const keys = names.map(foldName)
  const rows = await trx
    .withTables<AccessTables>()
    .selectFrom('users')
    .select(['key', 'issuer', 'sub'])
    .where(sql<boolean>`key = ANY(${keys}::text[])`)
    .execute()
  const found = new Map(rows.map((row) => [row.key, identityOf(row).holder]))
  const holders = new Map<string, string | null>()
  for (const [at, name] of names.entries()) {
    const holder = found.get(keys[at]!)
    if (holder !== undefined) holders.set(name, holder)
  }
  return holders
}

/** The stored list of roles. Throws when it is unreadable. */
export function rolesIn(text: string): readonly string[] {
  const roles: unknown = JSON.parse(text)
  if (Array.isArray(roles) && roles.every((role) => typeof role === 'string')) return Object.freeze(roles)
  throw new Error('the roles are not a list of strings')
}

/** The list of roles as stored: also the content of `etag`. */
export const rolesText = (roles: readonly string[]) => JSON.stringify([...new Set(roles)].sort())
