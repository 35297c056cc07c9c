import { parallel, series } from '../kernel/hook.ts'

/** The life cycle of a plugin, the same on the hub and on the agent. */
export const lifecycleHooks = {
  /** Open connections and files. The hub has migrated the database; no connection is accepted or dialled yet. */
  start: series<void>(),
  /** The hub's public port listens; the agent's first link is up. */
  ready: parallel<void>(),
  /** No new work arrives. Finish the work in progress before the signal aborts. */
  drain: parallel<AbortSignal>({ deadlineMs: 60_000 }),
  /** Close everything that `start` opened. Also called after a failed start. */
  stop: series<void>({ reverse: true, deadlineMs: 5_000 }),
} as const
