import { sql } from 'kysely'
import type { Transaction } from '../../api/database.ts'
import type { Revisions, View } from '../../api/revisions.ts'
import type { EndReason, Session, SessionEnded } from '../../api/sessions.ts'
import type { RoleLimits } from '../../base/limits/role-limits.ts'
import type { Clock } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import { excludeOpenings } from '../../state/revisions/opening-log.ts'
import type { SessionTable, SessionTables } from './migrations.ts'

/** A session in memory, with the state that only this hub has. */
export interface Held {
  readonly session: Session
  readonly hash: string
  /** On the monotonic clock of this process, so that setting the wall clock back does not extend a session. */
  readonly deadline: number
  /** The limits when the session was opened; the user's roles may now allow less. */
  readonly stored: { readonly expires: number; readonly idleMs: number }
  /** Revision at which `session` got its limits from the user's roles; null: not yet. */
  limitedAt: number | null
}

export interface SessionStore {
  byId(id: string): Held | undefined
  byHash(hash: string): Held | undefined
  all(): Iterable<Held>
  readonly size: number
  /** Why the session or one of its parents is over; null: it is live. */
  whyDead(id: string): EndReason | null
}

const MAX_DEPTH = 4

/** The sessions of the cluster in memory, kept up to date by the change sequence. */
export function createSessionStore(options: {
  readonly revisions: Pick<Revisions, 'addView' | 'onApplied' | 'revision'>
  /** Throws when the limits cannot be determined. */
  readonly limitsOf: (session: Session) => RoleLimits
  readonly isLocked: (id: string) => boolean
  readonly ended: (event: SessionEnded) => void
  readonly clock: Clock
  readonly log: Log
}): SessionStore {
  const { revisions, isLocked, ended, clock, log } = options
  let held = new Map<string, Held>()
  let hashes = new Map<string, Held>()
  let gone: SessionEnded[] = []

  function hold(row: SessionTable): Held | null {
    try {
      const before = held.get(row.id)
      const session = sessionOf(row)
      session.lastUsed = Math.max(row.last_used, before?.session.lastUsed ?? 0)
      // Keep the same object: streams and caches compare it by identity.
      if (before && JSON.stringify(before.session.satisfied) === JSON.stringify(session.satisfied))
        return before
      const deadline = before?.deadline ?? clock.monotonic() + (row.expires - clock.now())
      const stored = { expires: session.expires, idleMs: session.idleMs }
      return { session, hash: row.hash, deadline, stored, limitedAt: null }
    } catch (error) {
      log.error(
        { session: row.id, cause: messageOf(error) },
        'failed to read a stored session; it is ignored',
      )
      return null
    }
  }

  function drop(one: Held, reason: EndReason): void {
    held.delete(one.session.id)
    hashes.delete(one.hash)
    gone.push({ session: one.session, reason })
  }

  function add(one: Held | null): void {
    if (!one) return
    held.set(one.session.id, one)
    hashes.set(one.hash, one)
  }

  const view: View = {
    name: 'sessions',
    kinds: ['session'],
    async loadAll(trx) {
      const db = trx.withTables<SessionTables>()
      const rows = await db.selectFrom('sessions').selectAll().where('ended', 'is', null).execute()
      return () => {
        const before = held
        const kept = rows.map((row) => hold(row as SessionTable))
        held = new Map()
        hashes = new Map()
        for (const one of kept) add(one)
        for (const [id, one] of before) if (!held.has(id)) drop(one, 'revoked')
      }
    },
    async refresh(trx, touched) {
      const ids = [...(touched.get('session') ?? [])]
      if (ids.length === 0) return () => {}
      const db = trx.withTables<SessionTables>()
      // As one parameter: a statement can have at most 65,535.
      const rows = (await db
        .selectFrom('sessions')
        .selectAll()
        .where(sql<boolean>`id = ANY(${ids}::text[])`)
        .execute()) as SessionTable[]
      return () => {
        const found = new Map(rows.map((row) => [row.id, row]))
        for (const id of ids) {
          const row = found.get(id)
          const one = held.get(id)
          if (row && row.ended === null) add(hold(row))
          else if (one) drop(one, row?.end_reason ?? 'revoked')
        }
      }
    },
  }
  revisions.addView(view)
  revisions.onApplied(() => {
    const events = gone
    gone = []
    for (const event of events) ended(event)
  })

  /** Sets the lower of the stored limits and those of the user's current roles. False: the limits cannot be determined. */
  function limit(one: Held): boolean {
    if (one.limitedAt === revisions.revision) return true
    const { stored } = one
    const session: { -readonly [Key in keyof Session]: Session[Key] } = one.session
    try {
      const { ttlMs, idleMs } = options.limitsOf(session)
      session.expires = Math.min(stored.expires, session.created + ttlMs)
      session.idleMs =
        stored.idleMs === 0 || idleMs === 0 ? stored.idleMs || idleMs : Math.min(stored.idleMs, idleMs)
      one.limitedAt = revisions.revision
      return true
    } catch (error) {
      log.debug(
        { session: session.id, cause: messageOf(error) },
        'failed to determine the limits of a session',
      )
      return false
    }
  }

  function whyDead(id: string, now: number, depth = 0): EndReason | null {
    const one = held.get(id)
    if (!one || depth > MAX_DEPTH) return 'revoked'
    if (!limit(one)) return 'denied'
    const { session, deadline, stored } = one
    const shorterMs = stored.expires - session.expires
    if (session.expires <= now || deadline - shorterMs <= clock.monotonic()) return 'expired'
    if (session.idleMs > 0 && now - session.lastUsed >= session.idleMs) return 'idle'
    if (isLocked(id)) return 'locked'
    return session.parentId === null ? null : whyDead(session.parentId, now, depth + 1)
  }

  return {
    byId: (id) => held.get(id),
    byHash: (hash) => hashes.get(hash),
    all: () => held.values(),
    get size() {
      return held.size
    },
    whyDead: (id) => whyDead(id, clock.now()),
  }
}

/** Throws when the row is unreadable. */
export function sessionOf(row: SessionTable): Session {
  return {
    id: row.id,
    kind: row.kind,
    user: row.user_name,
    holder: row.holder ?? null,
    connector: row.connector,
    appId: row.app_id,
    parentId: row.parent_id,
    apps: appsOf(row.apps),
    clientIp: row.client_ip,
    client: row.client ?? null,
    satisfied: Object.freeze(JSON.parse(row.satisfied)),
    created: row.created,
    expires: row.expires,
    idleMs: row.idle_ms,
    lastUsed: row.last_used,
  }
}

const NO_APPS: readonly string[] = Object.freeze([])

function appsOf(text: string | null | undefined): readonly string[] {
  if (text == null) return NO_APPS
  const apps: unknown = JSON.parse(text)
  if (Array.isArray(apps) && apps.every((one) => typeof one === 'string')) return Object.freeze(apps)
  throw new Error('the apps are not a list of ids')
}

/**
 * The sessions of a user or a connector that have not ended by `now` (milliseconds since the epoch). None is opened until
 * the change ends.
 */
export async function listIn(
  trx: Transaction,
  of: { readonly user: string } | { readonly connector: string },
  now: number,
): Promise<readonly Session[]> {
  await excludeOpenings(trx)
  const open = trx
    .withTables<SessionTables>()
    .selectFrom('sessions')
    .selectAll()
    .where('ended', 'is', null)
    .where('expires', '>', now)
  const theirs =
    'user' in of ? open.where('user_name', '=', of.user) : open.where('connector', '=', of.connector)
  return (await theirs.execute()).map((row) => sessionOf(row as SessionTable))
}
