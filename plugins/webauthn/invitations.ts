import { createHash, randomBytes, randomUUID } from 'node:crypto'
import type { Actor, Clock, Database, Revisions, Transaction } from '@mezite/core'
import type { InvitationRow, WebauthnTables } from './migrations.ts'
import { problemFor } from './reasons.ts'

/** What views call them. No decision depends on one. */
const KIND = 'invitation'
const hashOf = (token: string) => createHash('sha256').update(token).digest('base64url')

/** Who invites whom. */
export interface NewInvitation
  extends Pick<InvitationRow, 'name' | 'user_key' | 'inviter_key' | 'inviter_holder'> {
  readonly roles: readonly string[]
  readonly ttlMs: number
}

/** Invitations that can be used; one that is used or removed is no longer stored. Of the token there is a hash only. */
export function createInvitations(database: Database, revisions: Pick<Revisions, 'write'>, clock: Clock) {
  const db = database.withTables<WebauthnTables>()
  const event = (type: string, row: Pick<InvitationRow, 'id' | 'name' | 'roles' | 'inviter'>) => ({
    type,
    success: true,
    fields: {
      ...{ invitation: row.id, name: row.name, inviter: row.inviter },
      assigned_roles: (JSON.parse(row.roles) as string[]).join(','),
    },
  })

  return {
    event,

    /** `check` runs in the change, before anything is stored. */
    async issue(
      { roles, ttlMs, ...given }: NewInvitation,
      by: Actor,
      check: () => void,
    ): Promise<{ readonly row: InvitationRow; readonly token: string }> {
      const token = randomBytes(32).toString('base64url')
      const now = clock.now()
      const row: InvitationRow = {
        ...given,
        ...{ id: randomUUID(), hash: hashOf(token), roles: JSON.stringify(roles), sub: randomUUID() },
        ...{ inviter: by.subject.user, right_role: by.allowedBy?.role ?? null },
        ...{ created: now, expires: now + ttlMs },
      }
      await revisions.write(async (trx, change) => {
        check()
        const tables = trx.withTables<WebauthnTables>()
        await tables.deleteFrom('webauthn_invitations').where('expires', '<=', now).execute()
        await tables.insertInto('webauthn_invitations').values(row).execute()
        change.noted(KIND, row.id)
        await change.audit({ ...event('invitation.created', row), by })
      }, by)
      return { row, token }
    },

    /** The newest first. */
    async list(): Promise<readonly InvitationRow[]> {
      return (await usable().orderBy('created', 'desc').orderBy('id').execute()) as InvitationRow[]
    },

    async byId(id: string): Promise<InvitationRow | undefined> {
      return (await usable().where('id', '=', id).executeTakeFirst()) as InvitationRow | undefined
    },

    /** That of a token, without spending it. */
    async find(token: string): Promise<InvitationRow | undefined> {
      const query = usable().where('hash', '=', hashOf(token))
      return (await query.executeTakeFirst()) as InvitationRow | undefined
    },

    /** Spends it in one statement. False when it was used or removed meanwhile, or has expired. */
    async spend(trx: Transaction, id: string): Promise<boolean> {
      const spent = await trx
        .withTables<WebauthnTables>()
        .deleteFrom('webauthn_invitations')
        .where('id', '=', id)
        .where('expires', '>', clock.now())
        .returning('id')
        .executeTakeFirst()
      return spent !== undefined
    },

    /** Throws `Problem` 404 if it was used or removed meanwhile. */
    async remove(row: InvitationRow, by: Actor): Promise<void> {
      await revisions.write(async (trx, change) => {
        const own = trx.withTables<WebauthnTables>().deleteFrom('webauthn_invitations')
        const gone = await own.where('id', '=', row.id).returning('id').executeTakeFirst()
        if (!gone) throw invitationNotFound(row.id)
        change.noted(KIND, row.id)
        await change.audit({ ...event('invitation.deleted', row), by })
      }, by)
    },
  }

  function usable() {
    return db.selectFrom('webauthn_invitations').selectAll().where('expires', '>', clock.now())
  }
}

export type Invitations = ReturnType<typeof createInvitations>

export const invitationNotFound = (id: string) =>
  problemFor(
    'invitation_not_found',
    `There is no open invitation ${id.slice(0, 64)}; \`mezctl invitations ls\` lists them.`,
  )
