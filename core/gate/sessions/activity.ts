import type { Session, SessionActivity, Sessions } from '../../api/sessions.ts'

/** Reports how sessions are used on every hub of the cluster. */
export interface RunningActivity {
  /** See `Sessions.activityOf`. */
  readonly of: Sessions['activityOf']
  /** Call it after the registry has started: counts are valid only while their hub is live. */
  start(): void
  stop(): Promise<void>
}

/** How a session is used on this hub. */
export const useHere =
  (live: Pick<Sessions['live'], 'countBy'>) =>
  ({ id, lastUsed }: Session): SessionActivity => ({ streams: live.countBy({ sessionId: id }), lastUsed })
