import { createHash, randomBytes } from 'node:crypto'
import { type RawBuilder, sql } from 'kysely'
import type { Transaction } from '../../api/database.ts'
import type { OpenSession, SessionKind } from '../../api/sessions.ts'
import type { SessionTables } from './migrations.ts'

const TOKEN = /^[A-Za-z0-9_-]{43}$/

/** 256 random bits, base64url. */
export const newToken = (): string => randomBytes(32).toString('base64url')

/** The stored form of a token: its SHA-256, base64url. */
export const hashToken = (token: string): string => createHash('sha256').update(token).digest('base64url')

/** Whether the text has the form of a token, so that other text is not hashed. */
export const isToken = (text: string): boolean => TOKEN.test(text)

/** A session to write, with its new id. */
export interface NewSession {
  readonly id: string
  readonly token: string
  readonly holder: string | null
  readonly input: OpenSession
}

/** Writes new sessions; only the hashes of their tokens are stored. `now` in milliseconds since the epoch. */
export async function insertSessions(
  trx: Transaction,
  sessions: readonly NewSession[],
  now: number,
): Promise<void> {
  const rows = sessions.map(({ id, token, holder, input }) => ({
    id,
    hash: hashToken(token),
    kind: input.kind,
    user_name: input.user,
    holder,
    connector: input.connector ?? null,
    app_id: input.appId ?? null,
    parent_id: input.parentId ?? null,
    apps: input.kind === 'token' || input.kind === 'device' ? JSON.stringify(input.apps ?? []) : null,
    client_ip: input.clientIp,
    client: input.client ?? null,
    satisfied: JSON.stringify(input.satisfied ?? []),
    created: input.since ?? now,
    expires: input.expires,
    idle_ms: input.idleMs ?? 0,
    last_used: now,
  }))
  await trx.withTables<SessionTables>().insertInto('sessions').values(rows).execute()
}

/** For one sign-in and one app. The browser has only the newest cookie, but earlier sessions may have live streams. */
const MOST_AT_APP = 20
/** Sign-ins of one user, browsers and command lines together; as many again of programs with credentials of plugins. */
const MOST_OF_USER = 1_000
/** Sessions of one user at all apps, of all sign-ins. */
const MOST_AT_APPS = 5_000

/**
 * The oldest sessions, which must end to make room for new ones; call it before these are written. Without a limit, one
 * user could open so many sessions that the change that ends them would block all others. Sessions of the same moment do
 * not count each other, and the next one ends what is left over. Keys are the indices of the sessions that exceed a limit.
 */
export async function superseded(
  trx: Transaction,
  sessions: readonly NewSession[],
): Promise<ReadonlyMap<number, readonly string[]>> {
  const found = new Map<number, string[]>()
  // Ids increase with time.
  const look = async (
    chosen: readonly (readonly [at: number, ...keys: string[]])[],
    of: RawBuilder<unknown>,
    most: number,
  ) => {
    if (chosen.length === 0) return
    const column = (place: number) => chosen.map((row) => row[place] ?? '')
    const { rows } = await sql<{ at: number; id: string }>`SELECT wanted.at, oldest.id
      FROM unnest(${column(0)}::integer[], ${column(1)}::text[], ${column(2)}::text[]) AS wanted (at, one, two)
      CROSS JOIN LATERAL (
        SELECT id FROM sessions WHERE ended IS NULL AND ${of} ORDER BY id DESC OFFSET ${sql.lit(most - 1)}
      ) AS oldest`.execute(trx)
    for (const { at, id } of rows) found.set(at, [...(found.get(at) ?? []), id])
  }
  const all = [...sessions.entries()]
  const atApps = all.filter(([, { input }]) => input.kind === 'app')
  await look(
    atApps.map(([at, { input }]) => [at, input.parentId ?? '', input.appId ?? '']),
    sql`parent_id = wanted.one AND app_id = wanted.two`,
    MOST_AT_APP,
  )
  await look(
    atApps.map(([at, { input }]) => [at, input.user]),
    sql`user_name = wanted.one AND kind = 'app'`,
    MOST_AT_APPS,
  )
  const byUser = (kinds: readonly SessionKind[]) =>
    all.flatMap(([at, { input }]) => (kinds.includes(input.kind) ? [[at, input.user] as const] : []))
  for (const kind of ['token', 'device'] as const)
    await look(byUser([kind]), sql`user_name = wanted.one AND kind = ${sql.lit(kind)}`, MOST_OF_USER)
  await look(byUser(['hub', 'cert']), sql`user_name = wanted.one AND kind IN ('hub', 'cert')`, MOST_OF_USER)
  return found
}
