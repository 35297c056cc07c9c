import { type Clock, type Database, type Log, messageOf } from '@mezite/core'
import { sql } from 'kysely'
import type Provider from 'oidc-provider'
import { v7 as uuid } from 'uuid'
import type { LogoutRow, Tables } from './migrations.ts'

const TABLE = 'authorization_server_logouts'
const MOST_AT_ONCE = 50
const FIRST_RETRY_MS = 5_000
const LONGEST_RETRY_MS = 15 * 60_000
/** An app that cannot be reached for this long is no longer told. */
const GIVE_UP_MS = 86_400_000

/** Tells apps that a person's sign-in has ended, at least once each (OpenID Back-Channel Logout 1.0). */
export interface Logouts {
  /** Notes what is to be sent, in the transaction in which the session of the library is deleted. */
  add(db: Database, all: readonly Pick<LogoutRow, 'client_id' | 'account' | 'sid'>[]): Promise<void>
  /** Sends what is due; a slow app delays no other one. Resolves to a sentence for `mezctl status`. */
  run(signal: AbortSignal): Promise<string>
}

/** A client of the library; its types do not name the method. */
interface Told {
  readonly backchannelLogoutUri?: string
  backchannelLogout(sub: string, sid: string): Promise<void>
}

export function createLogouts(deps: {
  readonly database: Database
  readonly provider: () => Provider
  readonly clock: Clock
  readonly log: Log
}): Logouts {
  const { provider, clock, log } = deps
  const db = deps.database.withTables<Tables>()

  async function send(row: LogoutRow): Promise<boolean> {
    const { id, client_id, account, sid, attempts, created } = row
    try {
      const client = (await provider().Client.find(client_id)) as Told | undefined
      // A client without an address, or without an app, has nobody to tell.
      if (client?.backchannelLogoutUri) await client.backchannelLogout(account, sid)
      await db.deleteFrom(TABLE).where('id', '=', id).execute()
      return true
    } catch (error) {
      const now = clock.now()
      log.warn({ client: client_id, cause: messageOf(error) }, 'an app was not told of an ended sign-in')
      if (now - created > GIVE_UP_MS) await db.deleteFrom(TABLE).where('id', '=', id).execute()
      const wait = Math.min(FIRST_RETRY_MS * 2 ** attempts, LONGEST_RETRY_MS)
      await db
        .updateTable(TABLE)
        .set({ attempts: attempts + 1, next_attempt: now + wait })
        .where('id', '=', id)
        .execute()
      return false
    }
  }

  return {
    async add(within, all) {
      const now = clock.now()
      const rows = all.map((one) => ({ ...one, id: uuid(), attempts: 0, created: now, next_attempt: now }))
      if (rows.length > 0) await within.withTables<Tables>().insertInto(TABLE).values(rows).execute()
    },
    async run(signal) {
      let sent = 0
      let failed = 0
      for (;;) {
        const due = (await db
          .selectFrom(TABLE)
          .selectAll()
          .where('next_attempt', '<=', clock.now())
          .orderBy(sql`next_attempt`)
          .limit(MOST_AT_ONCE)
          .execute()) as LogoutRow[]
        if (due.length === 0 || signal.aborted) break
        for (const done of await Promise.all(due.map(send))) done ? sent++ : failed++
      }
      return `${sent} sent, ${failed} failed`
    },
  }
}
