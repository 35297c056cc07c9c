import type { AuditSink } from '../../api/audit.ts'
import type { Clock } from '../../kernel/clock.ts'
import { withDeadline } from '../../kernel/deadline.ts'
import { messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'

/** Bounds of one sink's queue; times in milliseconds. */
export interface DeliveryLimits {
  /** The most events in one write of a sink that names no number itself. */
  readonly batch: number
  readonly lingerMs: number
  /**
   * While fewer events wait, an enforced sink accepts new requests. With this many or more it accepts them as long as the
   * oldest event has waited for less than `fullMs`, so that a short stop of a sink closes the gate at no rate. A best-effort
   * sink drops further events.
   */
  readonly full: number
  readonly fullMs: number
  /** When the waiting events take this much memory, an enforced sink accepts no new requests, however few or young they are. */
  readonly fullBytes: number
  /** Current requests may record events up to this much memory; beyond it, an enforced sink loses events, which is logged. */
  readonly overfullBytes: number
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
  fullMs: 2_000,
  fullBytes: 64 << 20,
  overfullBytes: 96 << 20,
  strangers: 1_000,
  writeMs: 10_000,
  firstRetryMs: 200,
  longestRetryMs: 5_000,
}

const REPORT_MS = 10_000

const MOST_AT_ONCE = 1_000

/** Events as one text. */
interface Chunk {
  readonly lines: string
  readonly count: number
  /** Number of these that clients caused who are not signed in. */
  readonly strangers: number
  /** Memory of the others. */
  readonly bytes: number
  /** When the first of the others was queued, by the monotonic clock; infinite if there is none. */
  readonly since: number
}

/** The most memory that a text can take. */
const bytesOf = (text: string): number => text.length * 2

/** Delivers events to one sink, in order and in batches, and retries until the sink accepts them. */
export interface Delivery {
  readonly sink: AuditSink
  /** `lines`: one event each. `ofStranger`: clients that are not signed in caused them. */
  push(lines: readonly string[], ofStranger: boolean): void
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
  deps: { log: Log; clock: Clock; limits: DeliveryLimits },
): Delivery {
  const { log, clock, limits } = deps
  const enforced = sink.guarantee === 'enforced'
  const mostAtOnce = Math.min(sink.batch ?? limits.batch, MOST_AT_ONCE)
  const queue: Chunk[] = []
  /** Number of events in the queue and in the batch that is being written; of these, events of strangers. */
  let queued = 0
  let strangers = 0
  /** Memory of the others. */
  let bytes = 0
  /** The batch that is being written or has failed. It stays the same until the sink has accepted it. */
  let batch: Chunk | undefined
  let batches = 0
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
    log.error({ sink: name, guarantee, queued, dropped: lost, ...fields }, 'an audit sink fails')
  }

  function recovered(): void {
    const lost = dropped - reportedDropped
    reportedDropped = dropped
    const fields = { sink: sink.name, queued, dropped: lost }
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

  /** Takes whole chunks from the queue, as many as one write may contain. */
  function nextBatch(): Chunk | undefined {
    const taken: Chunk[] = []
    let count = 0
    while (queue[0] && count + queue[0].count <= mostAtOnce) {
      count += queue[0].count
      taken.push(queue.shift()!)
    }
    if (count === 0) return undefined
    batches += 1
    return {
      lines: taken.map((chunk) => chunk.lines).join(''),
      count,
      strangers: taken.reduce((sum, chunk) => sum + chunk.strangers, 0),
      bytes: taken.reduce((sum, chunk) => sum + chunk.bytes, 0),
      since: Math.min(...taken.map(({ since }) => since)),
    }
  }

  /** When the oldest event was queued that is not of a stranger. */
  function oldest(): number {
    if (batch && batch.since < Number.POSITIVE_INFINITY) return batch.since
    return queue.find(({ since }) => since < Number.POSITIVE_INFINITY)?.since ?? Number.POSITIVE_INFINITY
  }

  /** How many of these events the queue takes. */
  function roomFor(lines: readonly string[], ofStranger: boolean): number {
    if (ofStranger) return Math.min(lines.length, limits.strangers - strangers)
    if (!enforced) return Math.max(0, Math.min(lines.length, limits.full - (queued - strangers)))
    let used = bytes
    const end = lines.findIndex((line) => {
      used += bytesOf(line)
      return used > limits.overfullBytes
    })
    return end < 0 ? lines.length : end
  }

  async function write(): Promise<void> {
    timer = undefined
    if (writing || closed) return
    const writtenNow = batch ?? nextBatch()
    if (writtenNow === undefined) return settle()
    batch = writtenNow
    writing = true
    try {
      await withDeadline(() => sink.write(writtenNow.lines, batches), limits.writeMs)
      batch = undefined
      queued -= writtenNow.count
      strangers -= writtenNow.strangers
      bytes -= writtenNow.bytes
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
    } else if (queued >= mostAtOnce || (idle.size > 0 && queued > 0)) writeNow()
    else if (queued > 0) schedule(limits.lingerMs)
    else settle()
  }

  function settle(): void {
    for (const done of idle) done()
    idle.clear()
  }

  return {
    sink,
    push(lines, ofStranger) {
      const room = roomFor(lines, ofStranger)
      const now = clock.monotonic()
      for (let at = 0; at < room; at += mostAtOnce) {
        const taken = lines.slice(at, Math.min(at + mostAtOnce, room))
        const [text, count] = [taken.join(''), taken.length]
        const chunk: Chunk = ofStranger
          ? { lines: text, count, strangers: count, bytes: 0, since: Number.POSITIVE_INFINITY }
          : { lines: text, count, strangers: 0, bytes: bytesOf(text), since: now }
        queue.push(chunk)
        queued += count
        strangers += chunk.strangers
        bytes += chunk.bytes
      }
      if (room < lines.length) {
        dropped += lines.length - room
        report({ reason: 'the queue is full' })
      }
      if (queued >= mostAtOnce && !failing && !writing) writeNow()
      else if (queued > 0) schedule(limits.lingerMs)
    },
    accepts(more) {
      if (!enforced) return true
      if (failing || bytes >= limits.fullBytes) return false
      if (queued - strangers + more < limits.full) return true
      // Events that are not queued yet are new.
      return Math.max(0, clock.monotonic() - oldest()) < limits.fullMs
    },
    get queued() {
      return queued
    },
    get dropped() {
      return dropped
    },
    get failures() {
      return failures
    },
    async flush(deadlineMs) {
      if (queued > 0 || writing) {
        const done = new Promise<void>((resolve) => idle.add(resolve))
        if (!writing) writeNow()
        await withDeadline(() => done, deadlineMs).catch(() => {})
      }
      // A flush that throws synchronously must not affect other sinks.
      if (queued === 0)
        await withDeadline(() => sink.flush(), deadlineMs).catch((error) =>
          report({ error: messageOf(error) }),
        )
      return queued
    },
    close() {
      closed = true
      clearTimeout(timer)
      settle()
    },
  }
}
