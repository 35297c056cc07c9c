import type { Log } from '@mezite/core'

/** Keeps messages, for tests that look at them. */
export function quietLog(lines: string[] = []): Log {
  const take = (first: object | string, message?: string): void =>
    void lines.push(typeof first === 'string' ? first : `${message} ${JSON.stringify(first)}`)
  const log: Log = { debug: take, info: take, warn: take, error: take, child: () => log }
  return log
}
