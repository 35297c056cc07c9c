import type { Session } from '../../api/sessions.ts'

/** How a session is used on all hubs together. */
export interface Use {
  /** Live streams. Counts of other hubs are up to about 2 s old. */
  readonly streams: number
  /** Milliseconds since the epoch; uses on other hubs show within about 10 s. */
  readonly lastUsed: number
}

/** Reports how sessions are used on every hub of the cluster. */
export interface Activity {
  /** Reads the use of these sessions. Never rejects: without the database, it reports only what this hub knows. */
  of(sessions: readonly Session[]): Promise<(session: Session) => Use>
}
