import { createHash, randomBytes } from 'node:crypto'
import type { Actor, Clock, Database, Problem, Revisions, Transaction, User } from '@mezite/core'
import type { LinkRow, WebauthnTables } from './migrations.ts'
import { problemFor } from './reasons.ts'

/** Who makes a link, as it is stored. */
export type LinkMaker = Pick<LinkRow, 'maker_kind' | 'maker' | 'maker_key' | 'maker_holder'>

/** An administrator may allow more, up to an hour. */
const TTL_MS = 15 * 60_000
const hashOf = (token: string) => createHash('sha256').update(token).digest('base64url')

/** One-use enrolment links: valid for 15 minutes unless they are made for longer, stored as a hash, spent in the transaction that enrols the passkey. */
export function createLinks(database: Database, revisions: Pick<Revisions, 'write'>, clock: Clock) {
  const db = database.withTables<WebauthnTables>()

  return {
    async issue(
      user: User,
      maker: LinkMaker,
      by: Actor,
      ttlMs = TTL_MS,
    ): Promise<{ id: string; token: string; expires: number }> {
      const token = randomBytes(32).toString('base64url')
      const id = randomBytes(9).toString('base64url')
      const now = clock.now()
      const expires = now + ttlMs
      await revisions.write(async (trx, change) => {
        const tables = trx.withTables<WebauthnTables>()
        await tables.deleteFrom('webauthn_links').where('expires', '<', now).execute()
        const row = { id, hash: hashOf(token), user_key: user.key, holder: user.holder, created: now }
        await tables
          .insertInto('webauthn_links')
          .values({ ...row, ...maker, expires, used_at: null })
          .execute()
        const fields = { token: id, kind: 'enrolment', name: user.name }
        await change.audit({ type: 'token.created', success: true, by, fields })
      }, by)
      return { id, token, expires }
    },

    /** The link of a token that can still be used, without spending it; undefined for any other token. */
    async find(token: string): Promise<LinkRow | undefined> {
      return (await usable().where('hash', '=', hashOf(token)).executeTakeFirst()) as LinkRow | undefined
    },

    /** Links of the name that can still be used. */
    async of(user: User): Promise<readonly LinkRow[]> {
      return (await usable().where('user_key', '=', user.key).orderBy('created').execute()) as LinkRow[]
    },

    /** Spends the link in one statement. Throws `Problem` 400 when it was used or revoked meanwhile. */
    async spend(trx: Transaction, id: string): Promise<void> {
      const now = clock.now()
      const spent = await trx
        .withTables<WebauthnTables>()
        .updateTable('webauthn_links')
        .set({ used_at: now })
        .where('id', '=', id)
        .where('used_at', 'is', null)
        .where('expires', '>', now)
        .returning('id')
        .executeTakeFirst()
      if (!spent) throw linkRefused()
    },

    /** Revokes one link of the name, or all. Returns the number of links that could still be used. */
    async revoke(user: User, id: string | null, by: Actor): Promise<number> {
      return revisions.write(async (trx, change) => {
        let query = trx
          .withTables<WebauthnTables>()
          .deleteFrom('webauthn_links')
          .where('user_key', '=', user.key)
          .where('used_at', 'is', null)
        if (id !== null) query = query.where('id', '=', id)
        const gone = await query.returning('id').execute()
        for (const link of gone) {
          const fields = { token: link.id, kind: 'enrolment', name: user.name }
          await change.audit({ type: 'token.deleted', success: true, by, fields })
        }
        return gone.length
      }, by)
    },
  }

  function usable() {
    const all = db.selectFrom('webauthn_links').selectAll()
    return all.where('used_at', 'is', null).where('expires', '>', clock.now())
  }
}

export type Links = ReturnType<typeof createLinks>

export function linkRefused(): Problem {
  const detail = 'This link was used, has expired or was revoked. Ask an administrator for a new one.'
  return problemFor('link_refused', detail)
}
