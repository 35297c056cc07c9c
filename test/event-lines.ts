import type { AuditEvent, AuditSink } from '../core/api/audit.ts'

/** Events as sinks receive them. */
export const linesOf = (events: readonly AuditEvent[]): string =>
  events.map((event) => `${JSON.stringify(event)}\n`).join('')

export const eventsIn = (lines: string): AuditEvent[] =>
  lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as AuditEvent)

/** Writes events to a sink as the hub does: each call is the next batch. */
export function batchesTo(sink: AuditSink): (events: readonly AuditEvent[]) => Promise<void> {
  let batches = 0
  return (events) => {
    batches += 1
    return sink.write(linesOf(events), batches)
  }
}
