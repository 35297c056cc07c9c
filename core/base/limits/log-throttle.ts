import { messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'

const LOG_EVERY_MS = 10_000

/** Logs each kind of problem at most once in ten seconds, because clients can cause floods of them. */
export function rarely(log: Log): (kind: string, message: string, error: unknown) => void {
  const last = new Map<string, number>()
  return (kind, message, error) => {
    const now = performance.now()
    if (now - (last.get(kind) ?? Number.NEGATIVE_INFINITY) < LOG_EVERY_MS) return
    last.set(kind, now)
    log.warn(error === null ? {} : { error: messageOf(error) }, message)
  }
}
