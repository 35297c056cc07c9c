import {
  type Actor,
  type AuditInput,
  type Clock,
  type Database,
  Problem,
  type Revisions,
  type RunningChange,
  type Transaction,
  type User,
} from '@mezite/core'
import type { KeyOwner } from './deps.ts'
import type { KeyRow, WebauthnTables } from './migrations.ts'
import { problemFor } from './reasons.ts'
import type { NewKey } from './response-verification.ts'

const MAX_KEYS = 20

type NamedKey = NewKey & { readonly name: string }

/** The person who makes the change, for the audit. */
export type Who = Pick<AuditInput, 'user' | 'roles' | 'clientIp' | 'sessionId' | 'requestId'>

/** The passkeys of people. They are not kept in memory, because only ceremonies read them. */
export function createKeys(database: Database, revisions: Pick<Revisions, 'write'>, clock: Clock) {
  const db = database.withTables<WebauthnTables>()
  const own = (source: Pick<typeof db, 'selectFrom'>, user: Pick<User, 'key' | 'holder'>) =>
    source
      .selectFrom('webauthn_keys')
      .selectAll()
      .where('user_key', '=', user.key)
      .where('holder', '=', user.holder ?? '')

  async function addIn(
    { trx, change }: RunningChange,
    user: KeyOwner,
    added: { readonly key: NamedKey; readonly who: Who; readonly via: 'account' | 'link' | 'invitation' },
  ): Promise<void> {
    const { holder } = user
    const { key, who, via } = added
    if (holder === null) throw new Problem(409, 'user_unknown', 'This user has never signed in.')
    const tables = trx.withTables<WebauthnTables>()
    const left = tables.deleteFrom('webauthn_keys').where('user_key', '=', user.key)
    await left.where('holder', '!=', holder).execute()
    if ((await own(tables, user).execute()).length >= MAX_KEYS) {
      throw problemFor('too_many_keys', `There are already ${MAX_KEYS} passkeys. Remove one first.`)
    }
    const row = { ...key, user_key: user.key, holder, created: clock.now(), last_used: null }
    const stored = await tables
      .insertInto('webauthn_keys')
      .values(row)
      .onConflict((conflict) => conflict.column('id').doNothing())
      .returning('id')
      .executeTakeFirst()
    if (!stored) throw problemFor('key_known')
    const fields = { credential_id: key.id, name: user.name, via, aaguid: key.aaguid }
    await change.audit({ ...who, type: 'mfa.enrolled', success: true, fields })
  }

  return {
    /** Passkeys that this person enrolled, without those of earlier holders of the name. */
    async of(user: Pick<User, 'key' | 'holder'>): Promise<readonly KeyRow[]> {
      return (await own(db, user).orderBy('created').execute()) as KeyRow[]
    },

    /** Every person's number of passkeys and last use of one, by key and holder of the name. */
    async summary() {
      return db
        .selectFrom('webauthn_keys')
        .select(['user_key', 'holder'])
        .select((row) => [row.fn.countAll().as('count'), row.fn.max('last_used').as('last_used')])
        .groupBy(['user_key', 'holder'])
        .execute()
    },

    /** A passkey of any person by its credential id. */
    async byId(id: string): Promise<KeyRow | undefined> {
      const query = db.selectFrom('webauthn_keys').selectAll().where('id', '=', id)
      return (await query.executeTakeFirst()) as KeyRow | undefined
    },

    /** Enrols a passkey. `also` runs first in the same transaction; if it throws, nothing is stored. */
    async add(
      user: KeyOwner,
      key: NamedKey,
      who: Who,
      via: 'account' | 'link',
      also?: (trx: Transaction) => Promise<void>,
    ): Promise<void> {
      await revisions.write(async (trx, change) => {
        await also?.(trx)
        await addIn({ trx, change }, user, { key, who, via })
      })
    },

    /** Enrols a passkey as a part of a change. */
    addIn,

    async rename(user: User, id: string, name: string): Promise<boolean> {
      const { numUpdatedRows } = await db
        .updateTable('webauthn_keys')
        .set({ name })
        .where('id', '=', id)
        .where('user_key', '=', user.key)
        .where('holder', '=', user.holder ?? '')
        .executeTakeFirst()
      return numUpdatedRows > 0n
    },

    /** Removes one of a person's own passkeys, but never the last: only an administrator can. `also` is part of the change. */
    async remove(
      user: User,
      id: string,
      who: Who,
      also: (within: RunningChange) => Promise<void>,
    ): Promise<void> {
      await revisions.write(async (trx, change) => {
        const tables = trx.withTables<WebauthnTables>()
        const all = await own(tables, user).execute()
        if (!all.some((key) => key.id === id)) throw problemFor('key_unknown', 'This passkey does not exist.')
        if (all.length === 1) {
          throw problemFor('last_key')
        }
        await tables.deleteFrom('webauthn_keys').where('id', '=', id).execute()
        const fields = { credential_id: id, name: user.name }
        await change.audit({ ...who, type: 'mfa.removed', success: true, fields })
        await also({ trx, change })
      })
    },

    /**
     * Removes one passkey of the name, or all, for an administrator. If one was removed, `endSessions` is part of the change.
     * Returns how many passkeys and sessions ended.
     */
    async reset(
      user: User,
      id: string | null,
      by: Actor,
      endSessions: (within: RunningChange) => Promise<number>,
    ): Promise<{ gone: number; ended: number }> {
      return revisions.write(async (trx, change) => {
        let query = trx
          .withTables<WebauthnTables>()
          .deleteFrom('webauthn_keys')
          .where('user_key', '=', user.key)
        if (id !== null) query = query.where('id', '=', id)
        const gone = await query.returning('id').execute()
        for (const key of gone) {
          const fields = { credential_id: key.id, name: user.name }
          await change.audit({ type: 'mfa.removed', success: true, by, fields })
        }
        const ended = gone.length > 0 ? await endSessions({ trx, change }) : 0
        return { gone: gone.length, ended }
      }, by)
    },

    /**
     * Stores the use. False when the counter did not grow (a copy of the passkey may exist) or the passkey is gone. One
     * statement, so of two assertions with the same counter one is valid. Authenticators without a counter always send 0.
     */
    async use(key: KeyRow, counter: number): Promise<boolean> {
      const used = await db
        .updateTable('webauthn_keys')
        .set({ counter, last_used: clock.now() })
        .where('id', '=', key.id)
        .where('holder', '=', key.holder)
        .where((where) => where.or([where('counter', '<', counter), where('counter', '=', 0)]))
        .returning('id')
        .executeTakeFirst()
      return used !== undefined
    },
  }
}

export type Keys = ReturnType<typeof createKeys>
