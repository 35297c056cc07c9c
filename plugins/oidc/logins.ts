import type { Clock, Database, SecretBox, Session } from '@mezite/core'
import type { OidcTables } from './migrations.ts'

interface Login {
  readonly connector: string
  readonly sub: string
  readonly sid: string | null
  readonly idToken: string
  readonly refreshToken?: string | null
  /** When to ask the provider again, in milliseconds since the epoch. */
  readonly nextCheck?: number | null
  readonly origin?: string | null
}

/** A sign-in whose provider is to be asked again. */
export interface DueLogin {
  readonly sessionId: string
  readonly connector: string
  readonly sub: string
  readonly refreshToken: string
  /** Since when the provider has not answered, in milliseconds since the epoch; null: it has. */
  readonly failingSince: number | null
}

const KEEP_MS = 8 * 24 * 3_600_000

/** Stores which session at the provider each hub session came from, for logout in both directions. */
export function createLogins(database: Database, secretBox: SecretBox, clock: Clock) {
  const db = database.withTables<OidcTables>()
  const place = (sessionId: string) => ({ table: 'oidc_logins', id: sessionId, purpose: 'id-token' })
  const refreshPlace = (sessionId: string) => ({ ...place(sessionId), purpose: 'refresh-token' })
  const sealRefresh = (sessionId: string, token: string) =>
    secretBox.seal(refreshPlace(sessionId), Buffer.from(token))

  async function row(sessionId: string) {
    return db.selectFrom('oidc_logins').selectAll().where('session_id', '=', sessionId).executeTakeFirst()
  }

  async function keep(session: Session, login: Login): Promise<void> {
    const { idToken, refreshToken = null, nextCheck = null, origin = null, ...columns } = login
    const created = clock.now()
    await db
      .deleteFrom('oidc_logins')
      .where('created', '<', created - KEEP_MS)
      .execute()
    const id_token = secretBox.seal(place(session.id), Buffer.from(idToken))
    await db
      .insertInto('oidc_logins')
      .values({
        ...columns,
        session_id: session.id,
        id_token,
        // A program may last for longer than sign-ins are kept.
        created: Math.max(created, session.expires - KEEP_MS),
        origin,
        next_check: nextCheck,
        failing_since: null,
        refresh_token: refreshToken === null ? null : sealRefresh(session.id, refreshToken),
      })
      .execute()
  }

  return {
    keep,

    /**
     * Links a second session to the provider's session of the first, so that both end with it. A program that the person has
     * let in goes on after a sign-out (OpenID Connect Back-Channel Logout 1.0, section 2.7), so it is linked to the person.
     */
    async adopt(from: Session, made: Session): Promise<void> {
      const first = await row(from.id)
      if (!first) return
      const idToken = secretBox.open(place(from.id), Buffer.from(first.id_token)).toString('utf8')
      const { connector, sub } = first
      const sid = made.kind === 'token' ? null : first.sid
      await keep(made, { connector, sub, sid, idToken, origin: first.origin ?? from.id })
    },

    /** The id token for `id_token_hint`, or null. */
    async idTokenOf(session: Session): Promise<string | null> {
      const found = await row(session.id)
      return found ? secretBox.open(place(session.id), Buffer.from(found.id_token)).toString('utf8') : null
    },

    /** Sign-ins whose provider is to be asked again by now, the longest overdue first. */
    async due(now: number, limit: number): Promise<readonly DueLogin[]> {
      const rows = await db
        .selectFrom('oidc_logins')
        .selectAll()
        .where('next_check', '<=', now)
        .orderBy('next_check')
        .limit(limit)
        .execute()
      return rows.map(({ session_id: sessionId, connector, sub, refresh_token: sealed, failing_since }) => ({
        sessionId,
        connector,
        sub,
        refreshToken: secretBox.open(refreshPlace(sessionId), Buffer.from(sealed ?? [])).toString('utf8'),
        failingSince: failing_since,
      }))
    },

    /** Stores the outcome of a check; without a next one the refresh token is forgotten. */
    async checked(
      sessionId: string,
      next: { at: number | null; refreshToken?: string | undefined; failingSince: number | null },
    ): Promise<void> {
      await db
        .updateTable('oidc_logins')
        .set({
          next_check: next.at,
          failing_since: next.failingSince,
          ...(next.refreshToken !== undefined && {
            refresh_token: sealRefresh(sessionId, next.refreshToken),
          }),
          ...(next.at === null && { refresh_token: null }),
        })
        .where('session_id', '=', sessionId)
        .execute()
    },

    /** The session of a sign-in, and those that were opened from it. */
    async sessionsOf(sessionId: string): Promise<readonly string[]> {
      const rows = await db
        .selectFrom('oidc_logins')
        .select('session_id')
        .where((where) => where.or([where('session_id', '=', sessionId), where('origin', '=', sessionId)]))
        .execute()
      return rows.map(({ session_id }) => session_id)
    },

    /** Hub sessions of a provider's session, or of all sessions of its subject. */
    async sessionIds(connector: string, who: { sub?: string | undefined; sid?: string | undefined }) {
      let query = db.selectFrom('oidc_logins').select('session_id').where('connector', '=', connector)
      if (who.sid !== undefined) query = query.where('sid', '=', who.sid)
      if (who.sub !== undefined) query = query.where('sub', '=', who.sub)
      return (await query.execute()).map(({ session_id }) => session_id)
    },
  }
}

export type Logins = ReturnType<typeof createLogins>
