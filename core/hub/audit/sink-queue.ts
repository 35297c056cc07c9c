import type { AuditEvent, AuditSink } from '../../api/audit.ts'
import type { Clock } from '../../kernel/clock.ts'
import { withDeadline } from '../../kernel/deadline.ts'
import { messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'

/** Bounds of one sink's queue; times in milliseconds. */
export interface DeliveryLimits {
  readonly batch: number
  readonly lingerMs: number
  /** At this many events, an enforced sink accepts no new requests, and a best-effort sink drops events. */
  readonly full: number
  /** Current requests may record up to this many events; beyond it, an enforced sink loses events, which is logged. */
  readonly overfull: number
  /** The most queued events of strangers. They do not count towards `full`; further ones are dropped. */
  readonly strangers: number
  readonly writeMs: number
  readonly firstRetryMs: number
  readonly longestRetryMs: number
}

export const deliveryLimits: DeliveryLimits = {
  batch: 200,
  lingerMs: 80,
  full: 4_000,
  overfull: 20_000,
  strangers: 1_000,
  writeMs: 10_000,
  firstRetryMs: 200,
  longestRetryMs: 5_000,
}

const REPORT_MS = 10_000

/** Delivers events to one sink, in order and in batches, and retries until the sink accepts them. */
export interface Delivery {
  readonly sink: AuditSink
  /** `ofStranger`: a client that is not signed in caused the event. */
  push(event: AuditEvent, ofStranger: boolean): void
  /** False while an enforced sink fails, or would be full with `more` events that are not queued yet. */
  accepts(more: number): boolean
  readonly queued: number
  readonly dropped: number
  /** Batches that the sink rejected; each is retried. */
  readonly failures: number
  /** Resolves with the number of events still queued, when it is zero or the deadline has passed. Never rejects. */
  flush(deadlineMs: number): Promise<number>
  /** Stops retrying. Queued events stay. */
  close(): void
}

export function createDelivery(
  sink: AuditSink,
  parts: { log: Log; clock: Clock; limits: DeliveryLimits },
): Delivery {
  const { log, clock, limits } = parts
  const enforced = sink.guarantee === 'enforced'
  const most = enforced ? limits.overfull : limits.full
  const queue: { readonly event: AuditEvent; readonly ofStranger: boolean }[] = []
  let strangers = 0
  const idle = new Set<() => void>()
  let writing = false
  let failing = false
  let closed = false
  let dropped = 0
  let failures = 0
  let reportedDropped = 0
  let reportedAt = Number.NEGATIVE_INFINITY
  let retryMs = limits.firstRetryMs
  let timer: NodeJS.Timeout | undefined

  function report(fields: object): void {
    const now = clock.monotonic()
    if (now - reportedAt < REPORT_MS) return
    reportedAt = now
    const lost = dropped - reportedDropped
    reportedDropped = dropped
    const { name, guarantee } = sink
    log.error(
      { sink: name, guarantee, queued: queue.length, dropped: lost, ...fields },
      'an audit sink fails',
    )
  }

  function recovered(): void {
    const lost = dropped - reportedDropped
    reportedDropped = dropped
    const fields = { sink: sink.name, queued: queue.length, dropped: lost }
    if (lost > 0) log.error(fields, 'an audit sink works again, but events were dropped')
    else log.info(fields, 'an audit sink works again')
  }

  function schedule(waitMs: number): void {
    if (closed || writing || timer) return
    timer = setTimeout(write, waitMs)
  }

  function writeNow(): void {
    clearTimeout(timer)
    timer = undefined
    void write()
  }

  async function write(): Promise<void> {
    timer = undefined
    if (writing || closed) return
    if (queue.length === 0) return settle()
    const batch = queue.slice(0, limits.batch)
    writing = true
    try {
      await withDeadline(() => sink.write(batch.map(({ event }) => event)), limits.writeMs)
      queue.splice(0, batch.length)
      strangers -= batch.filter(({ ofStranger }) => ofStranger).length
      if (failing) recovered()
      failing = false
      retryMs = limits.firstRetryMs
    } catch (error) {
      failing = true
      failures += 1
      report({ error: messageOf(error) })
    }
    writing = false
    if (failing) {
      schedule(retryMs * (0.75 + Math.random() / 2))
      retryMs = Math.min(retryMs * 2, limits.longestRetryMs)
    } else if (queue.length >= limits.batch || (idle.size > 0 && queue.length > 0)) writeNow()
    else if (queue.length > 0) schedule(limits.lingerMs)
    else settle()
  }

  function settle(): void {
    for (const done of idle) done()
    idle.clear()
  }

  return {
    sink,
    push(event, ofStranger) {
      if (queue.length - strangers >= most || (ofStranger && strangers >= limits.strangers)) {
        dropped += 1
        report({ reason: 'the queue is full' })
        return
      }
      queue.push({ event, ofStranger })
      if (ofStranger) strangers += 1
      if (queue.length >= limits.batch && !failing && !writing) writeNow()
      else schedule(limits.lingerMs)
    },
    accepts: (more) => !enforced || (!failing && queue.length - strangers + more < limits.full),
    get queued() {
      return queue.length
    },
    get dropped() {
      return dropped
    },
    get failures() {
      return failures
    },
    async flush(deadlineMs) {
      if (queue.length > 0 || writing) {
        const done = new Promise<void>((resolve) => idle.add(resolve))
        if (!writing) writeNow()
        await withDeadline(() => done, deadlineMs).catch(() => {})
      }
      // A flush that throws synchronously must not affect other sinks.
      if (queue.length === 0)
        await withDeadline(() => sink.flush(), deadlineMs).catch((error) =>
          report({ error: messageOf(error) }),
        )
      return queue.length
    },
    close() {
      closed = true
      clearTimeout(timer)
      settle()
    },
  }
}
