import type { Database, Notification } from '@mezite/core'
import type { Attention } from '@mezite/core/administration'
import { sql } from 'kysely'

interface Row {
  readonly kind: string
  readonly subject: string
  readonly since: Date
  readonly notified: Date | null
  readonly remind: boolean
}

/** Operators hear of the problem again after this long. */
const REMIND_S = 7 * 86_400
/** Nobody can use these; the others can wait for the working day. */
const CRITICAL: readonly string[] = ['audit', 'database']
const NOUNS: Readonly<Record<string, string>> = {
  agent: 'Agent',
  app: 'Application',
  audit: 'Audit sink',
  certificate: 'Certificate',
  clock: 'Clock of hub',
  database: 'Database of hub',
  job: 'Background job',
  runtime: 'Runtime of hub',
}

/**
 * Notifies operators of what `mezctl status` calls attention: once it has lasted for `graceMs`, again after a week, and when it is
 * over. What is known is in the database, because each run may be on another hub.
 */
export function createAttentionWatch(options: {
  readonly db: Database
  readonly list: () => readonly Attention[]
  readonly send: (notification: Notification) => Promise<void>
  readonly graceMs: number
}) {
  const { db, list, send, graceMs } = options
  return async function look(): Promise<string> {
    const now = new Map(list().map((one) => [`${one.kind} ${one.subject}`, one]))
    const [kinds, subjects] = [
      [...now.values()].map(({ kind }) => kind),
      [...now.values()].map((one) => one.subject),
    ]
    await sql`INSERT INTO notifications_attention (kind, subject)
      SELECT * FROM unnest(${kinds}::text[], ${subjects}::text[]) ON CONFLICT DO NOTHING`.execute(db)
    const { rows } = await sql<Row>`SELECT kind, subject, since, notified,
        since <= now() - make_interval(secs => ${graceMs / 1_000}::float8) AND
        (notified IS NULL OR notified <= now() - make_interval(secs => ${REMIND_S})) AS remind
      FROM notifications_attention`.execute(db)
    let sent = 0
    for (const { kind, subject, since, notified, remind } of rows) {
      const one = now.get(`${kind} ${subject}`)
      const title = `${NOUNS[kind] ?? kind} ${subject}`
      if (one === undefined) {
        await sql`DELETE FROM notifications_attention WHERE kind = ${kind} AND subject = ${subject}`.execute(
          db,
        )
        if (notified === null) continue
        await send({ kind, severity: 'info', title: `${title}: all is well again`, path: '/web/admin' })
      } else if (remind) {
        const severity = CRITICAL.includes(kind) ? 'critical' : 'warning'
        // Another run that did not get to the next line sends the same key.
        const key = `attention ${kind} ${subject} ${new Date(notified ?? since).toISOString()}`
        await send({ kind, severity, title: `${title}: ${one.message}`, path: '/web/admin', key })
        await sql`UPDATE notifications_attention SET notified = now()
          WHERE kind = ${kind} AND subject = ${subject}`.execute(db)
      } else continue
      sent += 1
    }
    return `${now.size} need attention, ${sent} notifications`
  }
}
