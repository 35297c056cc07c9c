import type { AuditSink } from '../../api/audit.ts'
import type { Clock } from '../../kernel/clock.ts'
import { withDeadline } from '../../kernel/deadline.ts'
import { messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import { type DeliveryLimits, SinkQueue } from './sink-queue.ts'

const REPORT_MS = 10_000

/** Delivers events to one sink, in order and in batches, and retries until the sink accepts them. */
export interface Delivery {
  readonly sink: AuditSink
  /** `lines`: one event each. `ofStranger`: clients that are not signed in caused them. */
  push(lines: readonly string[], ofStranger: boolean): void
  readonly queue: Pick<SinkQueue, 'accepts'>
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
  deps: { log: Log; clock: Clock; limits: DeliveryLimits },
): Delivery {
  const { log, clock, limits } = deps
  const queue = new SinkQueue(sink, deps)
  const idle = new Set<() => void>()
  let writing = false
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
      { sink: name, guarantee, queued: queue.queued, dropped: lost, ...fields },
      'an audit sink fails',
    )
  }

  function recovered(): void {
    const lost = dropped - reportedDropped
    reportedDropped = dropped
    const fields = { sink: sink.name, queued: queue.queued, dropped: lost }
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
    const batch = queue.next()
    if (batch === undefined) return settle()
    writing = true
    try {
      await withDeadline(() => sink.write(batch.lines, queue.batches), limits.writeMs)
      queue.accepted(batch)
      if (queue.failing) recovered()
      queue.failing = false
      retryMs = limits.firstRetryMs
    } catch (error) {
      queue.failing = true
      failures += 1
      report({ error: messageOf(error) })
    }
    writing = false
    if (queue.failing) {
      schedule(retryMs * (0.75 + Math.random() / 2))
      retryMs = Math.min(retryMs * 2, limits.longestRetryMs)
    } else if (queue.queued >= queue.mostAtOnce || (idle.size > 0 && queue.queued > 0)) writeNow()
    else if (queue.queued > 0) schedule(limits.lingerMs)
    else settle()
  }

  function settle(): void {
    for (const done of idle) done()
    idle.clear()
  }

  return {
    sink,
    queue,
    push(lines, ofStranger) {
      const room = queue.push(lines, ofStranger)
      if (room < lines.length) {
        dropped += lines.length - room
        report({ reason: 'the queue is full' })
      }
      if (queue.queued >= queue.mostAtOnce && !queue.failing && !writing) writeNow()
      else if (queue.queued > 0) schedule(limits.lingerMs)
    },
    get queued() {
      return queue.queued
    },
    get dropped() {
      return dropped
    },
    get failures() {
      return failures
    },
    async flush(deadlineMs) {
      if (queue.queued > 0 || writing) {
        const done = new Promise<void>((resolve) => idle.add(resolve))
        if (!writing) writeNow()
        await withDeadline(() => done, deadlineMs).catch(() => {})
      }
      // A flush that throws synchronously must not affect other sinks.
      if (queue.queued === 0)
        await withDeadline(() => sink.flush(), deadlineMs).catch((error) =>
          report({ error: messageOf(error) }),
        )
      return queue.queued
    },
    close() {
      closed = true
      clearTimeout(timer)
      settle()
    },
  }
}
