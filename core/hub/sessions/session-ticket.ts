import type { Database, Transaction } from '../../api/database.ts'
import { Problem } from '../../api/problem.ts'
import type { Change, Revisions } from '../../api/revisions.ts'
import type { OpenSession, Session, SessionTickets } from '../../api/sessions.ts'
import type { Clock } from '../../kernel/clock.ts'
import { createSemaphore } from '../limits/semaphore.ts'
import type { HandoverTable, SessionTables } from './migrations.ts'
import { stillMet } from './satisfied-requirements.ts'
import { hashToken, isToken, newToken } from './session-insert.ts'

const CODE_MS = 30_000
/** Half of a hub's connections to PostgreSQL: anybody can invent codes, and looking them up must not occupy all of them. */
const READS = 5
const WAITING = 200
const WAIT_MS = 2_000

export interface SessionTicketDeps {
  readonly db: Database
  readonly revisions: Pick<Revisions, 'write' | 'catchUp'>
  /** The hub session, while it is live and its user name still belongs to the same user. */
  readonly living: (id: string) => Session | undefined
  readonly insert: (
    trx: Transaction,
    change: Change,
    input: OpenSession,
  ) => Promise<{ id: string; token: string }>
  readonly opened: (id: string) => Session | undefined
  /** Ends the session that a code opened, because the code was used again. */
  readonly endReplayed: (sessionId: string) => Promise<unknown>
  readonly clock: Clock
}

/**
 * One-use codes. One UPDATE spends a code, even when it is used with the wrong app or nonce. `redeem` also throws
 * `Problem` 503 `handover_busy`, without spending the code.
 */
export function createSessionTickets(deps: SessionTicketDeps): SessionTickets {
  const { db, revisions, living, insert, opened, endReplayed, clock } = deps
  const tables = db.withTables<SessionTables>()
  const takeTurn = createSemaphore({
    ...{ atOnce: READS, waiting: WAITING, waitMs: WAIT_MS },
    refuse: () =>
      new Problem(503, 'handover_busy', 'Too many sign-ins are finishing right now. Reload this page.'),
  })

  async function read(hash: string): Promise<Pick<HandoverTable, 'used_at' | 'hub_session'> | undefined> {
    const pass = await takeTurn()
    try {
      return await tables
        .selectFrom('session_handovers')
        .select(['used_at', 'hub_session'])
        .where('hash', '=', hash)
        .executeTakeFirst()
    } finally {
      pass()
    }
  }

  return {
    async issue({ hubSession, app, nonceHash, satisfied }) {
      const code = newToken()
      await tables
        .insertInto('session_handovers')
        .values({
          hash: hashToken(code),
          app_id: app.id,
          hub_session: hubSession.id,
          nonce_hash: nonceHash,
          satisfied: JSON.stringify(satisfied),
          expires: clock.now() + CODE_MS,
        })
        .execute()
      return code
    },

    async redeem({ code, app, nonceHash, clientIp }) {
      if (!isToken(code)) return null
      const hash = hashToken(code)
      // So that an unknown code costs a read and not a change.
      const seen = await read(hash)
      if (!seen) return null
      // Another hub may have opened the hub session just now.
      if (!living(seen.hub_session)) await revisions.catchUp()
      const made = seen.used_at === null ? await spend() : null
      if (made === null) {
        const spent = await tables
          .selectFrom('session_handovers')
          .select('session_id')
          .where('hash', '=', hash)
          .executeTakeFirst()
        if (spent?.session_id) await endReplayed(spent.session_id)
        return null
      }
      if (made === 'refused') return null
      const session = opened(made.id)
      return session ? { session, token: made.token } : null

      /** Null: the code was already used. */
      function spend(): Promise<{ id: string; token: string } | 'refused' | null> {
        return revisions.write(async (trx, change) => {
          const own = trx.withTables<SessionTables>()
          const now = clock.now()
          const row = (await own
            .updateTable('session_handovers')
            .set({ used_at: now })
            .where('hash', '=', hash)
            .where('used_at', 'is', null)
            .returningAll()
            .executeTakeFirst()) as HandoverTable | undefined
          if (!row) return null
          const hub = living(row.hub_session)
          const isMeant = row.app_id === app.id && row.nonce_hash === nonceHash && row.expires > now
          if (!isMeant || hub?.kind !== 'hub') return 'refused'
          const session = await insert(trx, change, {
            kind: 'app',
            user: hub.user,
            holder: hub.holder,
            connector: hub.connector,
            appId: app.id,
            parentId: hub.id,
            clientIp,
            satisfied: await stillMet(trx, hub.id, row.satisfied),
            expires: hub.expires,
            idleMs: hub.idleMs,
          })
          await own
            .updateTable('session_handovers')
            .set({ session_id: session.id })
            .where('hash', '=', hash)
            .execute()
          return session
        })
      }
    },
  }
}
