import type { Transaction } from '../../api/database.ts'
import type { Problem } from '../../api/problem.ts'
import { problemFor } from '../../api/reasons.ts'
import { holderOf, isRoleName, parseUserName } from '../../api/user-name.ts'
import type { SignIn } from '../../api/users.ts'
import type { Clock } from '../../kernel/clock.ts'
import { MezError } from '../../kernel/error.ts'
import type { RunningRevisions } from '../../state/revisions/revisions.ts'
import { createKnownLogins } from './known-logins.ts'
import type { AccessTables, UserTable } from './migrations.ts'
import { rolesText } from './stored-identity.ts'

interface Conditions {
  /** The identity must already hold the name. */
  readonly known?: boolean
  /** See `Users.signIn`. */
  readonly stands?: ((trx: Transaction) => Promise<void>) | undefined
}

/**
 * Assigns names to the identities that present them, or confirms them. `loggedIn` null keeps the last login. A sign-in
 * that changes nothing else waits for no change.
 */
export function createNameClaims({
  revisions,
  rowOf,
  holderOf: holderNow,
  keepsAdmin,
  clock,
}: {
  readonly revisions: Pick<RunningRevisions, 'write' | 'append'>
  readonly rowOf: (trx: Transaction, key: string) => Promise<UserTable | undefined>
  /** The holder as this hub knows it. */
  readonly holderOf: (key: string) => string | null | undefined
  /** Whether the role `admin` stays, which the sign-in would take from the stored user. */
  readonly keepsAdmin: (
    trx: Transaction,
    row: UserTable,
    next: Pick<UserTable, 'mapped_roles'> & { readonly connector: string },
  ) => Promise<boolean>
  readonly clock: Clock
}) {
  const login = createKnownLogins(revisions)

  return async (
    { name: given, issuer, sub, connector, mappedRoles, profile: vouched }: SignIn,
    loggedIn: number | null,
    { known = false, stands }: Conditions = {},
  ): Promise<{ readonly key: string; readonly name: string }> => {
    const parsed = parseUserName(given)
    if (!parsed) throw new MezError('MEZ_USER_NAME_INVALID', 'the presented name is not a valid user name')
    const { key, name } = parsed
    if (!Array.isArray(mappedRoles) || !mappedRoles.every(isRoleName))
      throw new MezError('MEZ_HOOK_FAILED', 'a plugin signed somebody in with invalid role names')
    const fromProvider = rolesText(mappedRoles)
    const holder = holderOf({ issuer, sub })
    const profileText = vouched ? JSON.stringify({ holder, ...vouched }) : null
    if (loggedIn !== null && holderNow(key) === holder) {
      const who = { key, issuer, sub, connector }
      if (await login({ ...who, mappedRoles: fromProvider, profile: profileText, at: loggedIn, stands }))
        return parsed
    }
    await revisions.write(async (trx, change) => {
      await stands?.(trx)
      const db = trx.withTables<AccessTables>()
      const row = await rowOf(trx, key)
      const last_login = loggedIn ?? row?.last_login ?? null
      const held = row?.issuer === issuer && row.sub === sub
      const profile = profileText ?? (held ? row.profile : null)
      if (known && !held) throw takenAway()
      if (row && row.issuer !== null && !held) {
        throw new MezError('MEZ_USER_NAME_TAKEN', `the name ${row.name} belongs to another identity`)
      }
      const keeps =
        row !== undefined && (await keepsAdmin(trx, row, { connector, mapped_roles: fromProvider }))
      const mapped_roles = keeps ? rolesText([...mappedRoles, 'admin']) : fromProvider
      const admin_kept = keeps ? (row.admin_kept ?? clock.now()) : null
      const identity = { issuer, sub, connector, mapped_roles, profile, last_login, admin_kept }
      if (keeps && row.admin_kept === null)
        await change.audit({
          type: 'user.admin_kept',
          success: true,
          user: row.name,
          fields: { name: row.name, connector },
        })
      if (row) await db.updateTable('users').set(identity).where('key', '=', key).execute()
      else {
        const fresh = { key, name, own_roles: '[]', created: clock.now(), ...identity }
        await db.insertInto('users').values(fresh).execute()
      }
      const same =
        row?.issuer === issuer &&
        row.connector === connector &&
        row.mapped_roles === mapped_roles &&
        row.admin_kept === admin_kept &&
        row.profile === profile
      // Every hub shows the last login from memory, but a login must not invalidate all cached decisions.
      if (same) change.noted('user', key)
      else change.touch('user', key)
    })
    return parsed
  }
}

export function takenAway(): Problem {
  return problemFor('login_required', 'Your user name was just released. Sign in again.')
}
