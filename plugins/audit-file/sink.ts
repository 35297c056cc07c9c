import type { AuditSink } from '@mezite/core'
import { EventFile, type EventFileOptions } from './event-file.ts'

export interface FileSink extends AuditSink {
  /** Opens the file. Rejects when that is impossible. */
  start(): Promise<void>
  /** Reopens the path for the next batch, after the current one is written. */
  reopen(): void
  /** Resolves when nothing is being written and the file is closed. */
  stop(): Promise<void>
}

/** Writes each event as one line of JSON. */
export function createSink(
  options: Omit<EventFileOptions, 'sync'>,
  guarantee: AuditSink['guarantee'],
): FileSink {
  const file = new EventFile({ ...options, sync: guarantee === 'enforced' })
  /** Number of the last batch in the file: after a missed deadline the same batch comes again. */
  let written = 0
  let turn: Promise<unknown> = Promise.resolve()

  /** One after another, also when the one before failed or its caller gave up. */
  function inTurn(work: () => Promise<void>): Promise<void> {
    const done = turn.then(work)
    turn = done.catch(() => {})
    return done
  }

  return {
    name: 'audit-file',
    guarantee,
    write: (lines, batch) =>
      inTurn(async () => {
        if (batch <= written) return
        if (lines !== '') await file.append(Buffer.from(lines))
        written = batch
      }),
    // A batch is safe when `write` resolves.
    flush: async () => {},
    start: () => inTurn(() => file.open()),
    reopen() {
      void inTurn(() => file.close()).catch(() => {})
    },
    stop: () => inTurn(() => file.close()),
  }
}
