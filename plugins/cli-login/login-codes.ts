import { createHash, randomBytes } from 'node:crypto'
import type { Clock, Database, Migrations } from '@mezite/core'

const TTL_MS = 2 * 60_000
const sha256 = (text: string) => createHash('sha256').update(text).digest('base64url')

type Tables = {
  sign_in_cli_codes: {
    hash: string
    challenge: string
    session_id: string
    expires: number
    used_at: number | null
  }
}

/** Codes are issued to signed-in people only, so strangers cannot create rows. */
export const codeMigrations: Migrations = {
  // The owner is from the time when the codes were part of the core.
  owner: 'sign-in',
  transient: ['sign_in_cli_codes'],
  migrations: {
    '0001-cli-codes': {
      async up(db: Database) {
        await db.schema
          .createTable('sign_in_cli_codes')
          .addColumn('hash', 'text', (column) => column.primaryKey())
          .addColumn('challenge', 'text', (column) => column.notNull())
          .addColumn('session_id', 'text', (column) => column.notNull())
          .addColumn('expires', 'bigint', (column) => column.notNull())
          .addColumn('used_at', 'bigint')
          .execute()
      },
    },
  },
}

/** One-use codes, bound to a PKCE challenge (RFC 7636, S256) and to the session of the person who allowed the login. */
export function createLoginCodes(database: Database, clock: Clock) {
  const db = database.withTables<Tables>()
  return {
    async issue(challenge: string, sessionId: string): Promise<string> {
      const code = randomBytes(18).toString('base64url')
      const now = clock.now()
      await db.deleteFrom('sign_in_cli_codes').where('expires', '<', now).execute()
      const row = {
        hash: sha256(code),
        challenge,
        session_id: sessionId,
        expires: now + TTL_MS,
        used_at: null,
      }
      await db.insertInto('sign_in_cli_codes').values(row).execute()
      return code
    },
    /** Redeems a code in one statement. Null: it is unknown, used, expired or of another verifier; else its session id. */
    async spend(code: string, verifier: string): Promise<string | null> {
      const now = clock.now()
      const spent = await db
        .updateTable('sign_in_cli_codes')
        .set({ used_at: now })
        .where('hash', '=', sha256(code))
        .where('used_at', 'is', null)
        .where('expires', '>', now)
        .returning(['challenge', 'session_id'])
        .executeTakeFirst()
      return spent && spent.challenge === sha256(verifier) ? spent.session_id : null
    },
  }
}

export type LoginCodes = ReturnType<typeof createLoginCodes>
