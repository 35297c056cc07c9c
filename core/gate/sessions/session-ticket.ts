import { sql } from 'kysely'
import type { Database, Transaction } from '../../api/database.ts'
import type { Problem } from '../../api/problem.ts'
import { problemFor } from '../../api/reasons.ts'
import type { Revisions } from '../../api/revisions.ts'
import type { OpenSession, Session, SessionTickets } from '../../api/sessions.ts'
import { createBatches, untilServed } from '../../base/limits/batches.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { HandoverTable, SessionTables } from './migrations.ts'
import { stillMet } from './satisfied-requirements.ts'
import { hashToken, isToken, newToken } from './session-insert.ts'

const CODE_MS = 30_000
/** Anybody can invent codes, and looking them up must not occupy all connections to PostgreSQL. */
const turns = { ...untilServed, waitMs: 2_000 }

/** The use of a code. */
export interface TicketUse {
  /** See `HandoverTable.hash`. */
  readonly hash: string
  readonly appId: string
  readonly nonceHash: string
  readonly clientIp: string
}

/** The error for callers that have waited too long; nothing was done. */
export const handoverBusy = (): Problem => problemFor('handover_busy')

export interface SessionTicketDeps {
  readonly db: Database
  readonly revisions: Pick<Revisions, 'catchUp'>
  /** The hub session, while it is live and its user name still belongs to the same user. */
  readonly living: (id: string) => Session | undefined
  /** Spends the code and opens its session. */
  readonly redeem: (use: TicketUse) => Promise<{ id: string; token: string } | 'used' | 'refused'>
  readonly opened: (id: string) => Session | undefined
  /** Ends the session that a code opened, because the code was used again. */
  readonly endReplayed: (sessionId: string) => Promise<unknown>
  readonly clock: Clock
}

/** One-use codes. `issue` and `redeem` also throw `Problem` 503 `handover_busy`, without spending the code. */
export function createSessionTickets(deps: SessionTicketDeps): SessionTickets {
  const { revisions, living, opened, endReplayed, clock } = deps
  const db = deps.db.withTables<SessionTables>()
  const store = createBatches<Omit<HandoverTable, 'used_at' | 'session_id'>, true>({
    ...turns,
    refuse: handoverBusy,
    async run(rows) {
      await db.insertInto('session_handovers').values(rows).execute()
      return rows.map(() => true)
    },
  })
  const read = createBatches<string, Pick<HandoverTable, 'used_at' | 'hub_session'> | undefined>({
    ...turns,
    refuse: handoverBusy,
    async run(hashes) {
      const rows = await db
        .selectFrom('session_handovers')
        .select(['hash', 'used_at', 'hub_session'])
        .where(sql<boolean>`hash = ANY(${hashes}::text[])`)
        .execute()
      const found = new Map(rows.map((row) => [row.hash, row]))
      return hashes.map((hash) => found.get(hash))
    },
  })

  return {
    async issue({ hubSession, app, nonceHash, satisfied }) {
      const code = newToken()
      await store({
        hash: hashToken(code),
        app_id: app.id,
        hub_session: hubSession.id,
        nonce_hash: nonceHash,
        satisfied: JSON.stringify(satisfied),
        expires: clock.now() + CODE_MS,
      })
      return code
    },

    async redeem({ code, app, nonceHash, clientIp }) {
      if (!isToken(code)) return null
      const hash = hashToken(code)
      // So that an unknown code costs a read and not a transaction that writes.
      const seen = await read(hash)
      if (!seen) return null
      // Another hub may have opened the hub session just now.
      if (!living(seen.hub_session)) await revisions.catchUp()
      const made =
        seen.used_at === null ? await deps.redeem({ hash, appId: app.id, nonceHash, clientIp }) : 'used'
      if (made === 'refused') return null
      if (made === 'used') {
        const spent = await db
          .selectFrom('session_handovers')
          .select('session_id')
          .where('hash', '=', hash)
          .executeTakeFirst()
        if (spent?.session_id) await endReplayed(spent.session_id)
        return null
      }
      const session = opened(made.id)
      return session ? { session, token: made.token } : null
    },
  }
}

/**
 * Spends codes inside an opening, each for the session with the id `opens`; also those used with the wrong app or nonce.
 * Returns the sessions to open by that id, or `refused`; a code that was used before is missing.
 */
export async function spendTickets(
  trx: Transaction,
  uses: readonly (TicketUse & { readonly opens: string })[],
  living: SessionTicketDeps['living'],
  now: number,
): Promise<ReadonlyMap<string, OpenSession | 'refused'>> {
  const spent = new Map<string, OpenSession | 'refused'>()
  if (uses.length === 0) return spent
  // One use of each code; locked in one order, so that two hubs that spend the same codes do not wait for each other.
  const first = [...new Map([...uses].reverse().map((use) => [use.hash, use])).values()]
  const { rows } = await sql<HandoverTable & { session_id: string }>`
    WITH unused AS (
      SELECT hash FROM session_handovers
      WHERE hash = ANY(${first.map(({ hash }) => hash)}::text[]) AND used_at IS NULL ORDER BY hash FOR UPDATE
    )
    UPDATE session_handovers AS ticket SET used_at = ${now}, session_id = used.opens
    FROM unused JOIN unnest(${first.map(({ hash }) => hash)}::text[], ${first.map(({ opens }) => opens)}::text[])
      AS used (hash, opens) ON used.hash = unused.hash
    WHERE ticket.hash = unused.hash AND ticket.used_at IS NULL
    RETURNING ticket.*`.execute(trx)
  const hubSessions = await trx
    .withTables<SessionTables>()
    .selectFrom('sessions')
    .select(['id', 'satisfied'])
    .where(sql<boolean>`id = ANY(${rows.map((row) => row.hub_session)}::text[])`)
    .where('ended', 'is', null)
    .execute()
  const confirmed = new Map(hubSessions.map(({ id, satisfied }) => [id, satisfied]))
  const usesOf = new Map(first.map((use) => [use.opens, use]))
  for (const row of rows) {
    const { appId, nonceHash, clientIp } = usesOf.get(row.session_id)!
    const hub = living(row.hub_session)
    const held = confirmed.get(row.hub_session)
    const isMeant = row.app_id === appId && row.nonce_hash === nonceHash && row.expires > now
    if (!isMeant || hub?.kind !== 'hub' || held === undefined) {
      spent.set(row.session_id, 'refused')
      continue
    }
    spent.set(row.session_id, {
      kind: 'app',
      user: hub.user,
      holder: hub.holder,
      connector: hub.connector,
      appId,
      parentId: hub.id,
      clientIp,
      satisfied: stillMet(row.satisfied, held),
      expires: hub.expires,
      idleMs: hub.idleMs,
    })
  }
  return spent
}
