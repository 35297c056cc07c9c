import type { Database, Notification, Transaction } from '@mezite/core'
import { sql } from 'kysely'
import { v7 as uuid } from 'uuid'

/** A notification that is due for a notifier. */
export interface Due {
  readonly id: string
  readonly created: Date
  readonly attempts: number
  readonly notification: Notification
}

/** One row as `mezctl notify ls` shows it. */
export interface Listed extends Notification {
  readonly id: string
  readonly notifier: string
  readonly created: string
  readonly state: 'delivered' | 'waiting' | 'given_up'
  readonly attempts: number
  readonly error: string | null
}

interface Row {
  readonly id: string
  readonly notifier: string
  readonly body: string
  readonly created: Date
  readonly attempts: number
  readonly delivered: Date | null
  readonly next_attempt: Date | null
  readonly error: string | null
}

/** How long a notification is repeated, and how long it is kept, in seconds. */
const GIVE_UP_S = 3 * 86_400
const KEPT_S = 30 * 86_400
const MOST_DUE = 100
const TITLE_CHARACTERS = 200
const TEXT_CHARACTERS = 4_000

/** Notifications in the database. */
export function createStore(db: Database) {
  return {
    async add(
      given: Notification,
      notifiers: readonly string[],
      trx: Database | Transaction = db,
    ): Promise<void> {
      await sql`${insertion(uuid(), given, notifiers, 0)}`.execute(trx)
    },
    /** As `add`, but only the caller delivers it for a time. */
    async addHeld(given: Notification, notifiers: readonly string[], heldMs: number): Promise<Due> {
      const id = uuid()
      await sql`${insertion(id, given, notifiers, heldMs)}`.execute(db)
      return { id, created: new Date(), attempts: 0, notification: plain(given) }
    },
    /** Makes the held ones due that were not delivered yet. */
    async release(ids: readonly string[]): Promise<void> {
      await sql`UPDATE notifications SET next_attempt = now()
        WHERE id = ANY (${ids}::uuid[]) AND delivered IS NULL`.execute(db)
    },
    async drop(ids: readonly string[]): Promise<void> {
      await sql`DELETE FROM notifications WHERE id = ANY (${ids}::uuid[])`.execute(db)
    },
    async due(notifier: string): Promise<readonly Due[]> {
      const { rows } = await sql<Row>`SELECT id, body, created, attempts FROM notifications
        WHERE notifier = ${notifier} AND next_attempt <= now() ORDER BY created LIMIT ${MOST_DUE}`.execute(db)
      return rows.map(({ body, ...row }) => ({ ...row, notification: JSON.parse(body) as Notification }))
    },
    async delivered(notifier: string, id: string): Promise<void> {
      await sql`UPDATE notifications SET delivered = now(), next_attempt = NULL, error = NULL, attempts = attempts + 1
        WHERE notifier = ${notifier} AND id = ${id}`.execute(db)
    },
    async failed(notifier: string, id: string, error: string, nextMs: number): Promise<void> {
      await sql`UPDATE notifications SET attempts = attempts + 1, error = ${oneLine(error, TITLE_CHARACTERS)},
          next_attempt = CASE WHEN created > now() - make_interval(secs => ${GIVE_UP_S})
            THEN now() + make_interval(secs => ${nextMs / 1_000}::float8) END
        WHERE notifier = ${notifier} AND id = ${id}`.execute(db)
    },
    async prune(): Promise<string> {
      const { numAffectedRows = 0n } = await sql`DELETE FROM notifications
        WHERE created < now() - make_interval(secs => ${KEPT_S})`.execute(db)
      return `${numAffectedRows} old notifications deleted`
    },
    /** The newest first. */
    async list(limit: number): Promise<readonly Listed[]> {
      const { rows } =
        await sql<Row>`SELECT * FROM notifications ORDER BY created DESC LIMIT ${limit}`.execute(db)
      return rows.map(({ id, notifier, body, created, attempts, delivered, next_attempt, error }) => ({
        ...(JSON.parse(body) as Notification),
        id,
        notifier,
        created: created.toISOString(),
        attempts,
        error,
        state: delivered ? 'delivered' : next_attempt ? 'waiting' : 'given_up',
      }))
    },
  }
}

export type Store = ReturnType<typeof createStore>

const insertion = (id: string, given: Notification, notifiers: readonly string[], heldMs: number) =>
  sql`INSERT INTO notifications (id, notifier, key, body, next_attempt)
    SELECT ${id}::uuid, name, ${given.key ?? null}::text, ${JSON.stringify(plain(given))},
      now() + make_interval(secs => ${heldMs / 1_000}::float8)
    FROM unnest(${notifiers}::text[]) AS name
    ON CONFLICT DO NOTHING`

/** Without characters that end a line, hide text or turn its direction around, and not too long. */
export function plain(given: Notification): Notification {
  const { title, text } = given
  return {
    ...given,
    title: oneLine(title, TITLE_CHARACTERS),
    ...(text !== undefined && {
      text: shortened(
        text.replaceAll('\r\n', '\n').replaceAll(INVISIBLE, (one) => (one === '\n' ? one : ' ')),
        TEXT_CHARACTERS,
      ),
    }),
  }
}

const INVISIBLE = /[\p{Cc}\u2028\u2029\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/gu
const oneLine = (text: string, most: number) => shortened(text.replaceAll(INVISIBLE, ' ').trim(), most)
const shortened = (text: string, most: number) => (text.length > most ? `${text.slice(0, most - 1)}…` : text)
