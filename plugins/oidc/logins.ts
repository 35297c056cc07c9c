import type { Clock, Database, SecretBox, Session } from '@mezite/core'
import type { OidcTables } from './migrations.ts'

const KEEP_MS = 8 * 24 * 3_600_000

/** Stores which session at the provider each hub session came from, for logout in both directions. */
export function createLogins(database: Database, secretBox: SecretBox, clock: Clock) {
  const db = database.withTables<OidcTables>()
  const place = (sessionId: string) => ({ table: 'oidc_logins', id: sessionId, purpose: 'id-token' })

  async function row(sessionId: string) {
    return db.selectFrom('oidc_logins').selectAll().where('session_id', '=', sessionId).executeTakeFirst()
  }

  async function keep(
    session: Session,
    login: { connector: string; sub: string; sid: string | null; idToken: string },
  ): Promise<void> {
    const { idToken, ...columns } = login
    const created = clock.now()
    await db
      .deleteFrom('oidc_logins')
      .where('created', '<', created - KEEP_MS)
      .execute()
    const id_token = secretBox.seal(place(session.id), Buffer.from(idToken))
    await db
      .insertInto('oidc_logins')
      .values({ ...columns, session_id: session.id, id_token, created })
      .execute()
  }

  return {
    keep,

    /** Links a second session to the provider's session of the first, so that both end with it. */
    async adopt(from: Session, made: Session): Promise<void> {
      const first = await row(from.id)
      if (!first) return
      const idToken = secretBox.open(place(from.id), Buffer.from(first.id_token)).toString('utf8')
      await keep(made, { connector: first.connector, sub: first.sub, sid: first.sid, idToken })
    },

    /** The id token for `id_token_hint`, or null. */
    async idTokenOf(session: Session): Promise<string | null> {
      const found = await row(session.id)
      return found ? secretBox.open(place(session.id), Buffer.from(found.id_token)).toString('utf8') : null
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
