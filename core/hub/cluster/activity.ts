import type { Session } from '../../api/sessions.ts'

/** How a session is used, at all hubs together. */
export interface Use {
  /** Live streams. Those of other hubs as they were at most about 2 s ago. */
  readonly streams: number
  /** Milliseconds since the epoch; uses at other hubs are seen within about 10 s. */
  readonly lastUsed: number
}

/** What sessions do on every hub of the cluster. */
export interface Activity {
  /** Reads it for these sessions. Never rejects: without the database the answer is what this hub knows itself. */
  of(sessions: readonly Session[]): Promise<(session: Session) => Use>
}
