import { messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'

const LOG_EVERY_MS = 10_000

/**
 * Logs each kind of problem at most once in ten seconds, because clients can cause floods of them. A client must not be able to
 * make up kinds: each one is remembered.
 */
export function rarely(
  log: Pick<Log, 'warn'>,
): (kind: string, message: string, error: unknown, fields?: object) => void {
  const last = new Map<string, number>()
  return (kind, message, error, fields = {}) => {
    const now = performance.now()
    if (now - (last.get(kind) ?? Number.NEGATIVE_INFINITY) < LOG_EVERY_MS) return
    last.set(kind, now)
    log.warn(error === null ? fields : { ...fields, error: messageOf(error) }, message)
  }
}
