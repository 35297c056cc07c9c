import type { Clock } from '@mezite/core'
import type { Kysely } from 'kysely'
import type { Adapter, AdapterPayload, errors } from 'oidc-provider'
import { calls } from './calls.ts'
import type { Consent } from './consent.ts'
import { ROUTES } from './endpoint-routes.ts'
import type { RecordRow, Tables } from './migrations.ts'
import { keyOf, livingRows, type RecordFormat, TABLE } from './record-format.ts'
import type { Records } from './records.ts'

/** A device asks every 5 s (RFC 8628 section 3.2); this much earlier is not too early, because clocks differ. */
const POLL_MS = 4_500
const MOST_POLLING = 10_000

export interface RecordAdapterDeps {
  readonly db: Kysely<Tables>
  readonly format: RecordFormat
  readonly records: Pick<Records, 'row' | 'remove' | 'takeOnce'>
  readonly clock: Clock
  readonly thrown: Pick<typeof errors, 'InvalidGrant' | 'InvalidRequest' | 'SlowDown'>
}

/** The library's storage of its models. */
export function createRecordAdapter(deps: RecordAdapterDeps): Records['adapter'] {
  const { db, format, records, clock, thrown } = deps

  /** The session at the hub that the row ends with. That of an access token is set once it is open. */
  function sessionOf(model: string, payload: AdapterPayload): string | null {
    if (model === 'Grant') return (payload as { consent?: Consent }).consent?.anchor ?? null
    return model === 'Session' && payload.accountId ? (calls.getStore()?.hubSession?.id ?? null) : null
  }

  /** A session of the library belongs to one of the hub: beside another one, the library does not find it. */
  const isVisible = ({ model, session_id }: RecordRow, { accountId }: AdapterPayload): boolean => {
    if (model !== 'Session' || session_id === null) return true
    const hubSession = calls.getStore()?.hubSession
    return session_id === hubSession?.id && (accountId === undefined || accountId === hubSession.holder)
  }

  /** When a device asked last, by the key of its code: the library would let it ask as often as it likes. */
  const polls = new Map<string, number>()
  function countPoll(key: string): void {
    const now = clock.monotonic()
    const last = polls.get(key) ?? Number.NEGATIVE_INFINITY
    if (now - last < POLL_MS) throw new thrown.SlowDown()
    if (polls.size >= MOST_POLLING) polls.delete(polls.keys().next().value as string)
    polls.delete(key)
    polls.set(key, now)
  }

  async function findBy(model: string, column: 'uid' | 'user_code', value: string) {
    const rows = livingRows(db, clock.now()).where('model', '=', model)
    const found = await rows.where(column, '=', value).executeTakeFirst()
    return found && format.read(found as RecordRow)
  }

  return (model): Adapter => ({
    async upsert(id, payload, ttlSeconds) {
      const key = keyOf(model, id)
      const now = clock.now()
      const { accountId, grantId, uid, userCode, clientId } = payload
      const values = {
        key,
        model,
        payload: format.write(model, key, payload),
        grant_id: model === 'Grant' ? id : (grantId ?? null),
        uid: uid ?? null,
        user_code: userCode ?? null,
        account: accountId ?? null,
        client_id: clientId ?? (model === 'Client' ? id : null),
        session_id: sessionOf(model, payload),
        created: now,
        expires: ttlSeconds ? now + ttlSeconds * 1_000 : null,
      }
      const { created: _, key: __, ...changed } = values
      if (model !== 'ReplayDetection') {
        await db
          .insertInto(TABLE)
          .values({ ...values, consumed: null })
          .onConflict((conflict) => conflict.column('key').doUpdateSet(changed))
          .execute()
        return
      }
      // The library looks first and then stores: two uses at once would both pass.
      if (!(await records.takeOnce(id, ttlSeconds ?? 0, payload)))
        throw new thrown.InvalidRequest('the assertion or proof was used before')
    },
    async find(id) {
      const found = await records.row(model, id)
      if (found && model === 'DeviceCode' && calls.getStore()?.request.url === ROUTES.token)
        countPoll(found.key)
      const payload = found && format.read(found, id)
      return payload && isVisible(found, payload) ? payload : undefined
    },
    findByUid: (uid) => findBy(model, 'uid', uid),
    findByUserCode: (userCode) => findBy(model, 'user_code', userCode),
    async consume(id) {
      const used = await db
        .updateTable(TABLE)
        .set({ consumed: clock.now() })
        .where('key', '=', keyOf(model, id))
        .where('consumed', 'is', null)
        .returning('key')
        .executeTakeFirst()
      if (used === undefined) throw new thrown.InvalidGrant('it was used before')
    },
    async destroy(id) {
      await db.deleteFrom(TABLE).where('key', '=', keyOf(model, id)).execute()
    },
    // The library calls it for all models at once: one that took the rows of access tokens along would hide their sessions.
    async revokeByGrantId(grantId) {
      await records.remove({ model, grant_id: grantId })
    },
  })
}
