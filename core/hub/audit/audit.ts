import { AsyncLocalStorage } from 'node:async_hooks'
import type { Audit, AuditEvent, AuditInput, AuditSink } from '../../api/audit.ts'
import type { Transaction } from '../../api/database.ts'
import type { Clock } from '../../kernel/clock.ts'
import { withDeadline } from '../../kernel/deadline.ts'
import { MezError, messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import { createDenialFold } from './denial-aggregation.ts'
import { keepRules, makeEvent, withoutFreeText } from './event-factory.ts'
import { createDelivery, type Delivery, type DeliveryLimits, deliveryLimits } from './sink-queue.ts'

const FLUSH_MS = 5_000
/** What a sink writes at once. */
const MOST_WRITTEN = 200

/**
 * What is recorded on the way of a request is made into events some at a time: done one by one between other work, that
 * costs a processor several times as much.
 */
const GATHERED = 100
const GATHER_MS = 20

export interface AuditOptions {
  readonly cluster: string
  /** Name or id of this hub. */
  readonly hub: string
  /** Asked for by `open`. */
  readonly sinks: () => readonly AuditSink[]
  /** Runs the taps of `audit.event`. */
  readonly event?: (event: AuditEvent, context: undefined) => AuditEvent
  /** Told of every event, before floods are folded and before it is made. */
  readonly recorded?: (input: AuditInput) => void
  readonly clock: Clock
  readonly log: Log
  readonly limits?: Partial<DeliveryLimits>
}

/** Recorded, and when. */
interface Gathered {
  readonly input: AuditInput
  readonly nowMs: number
}

export interface SinkState extends Pick<Delivery, 'queued' | 'dropped' | 'failures'> {
  readonly name: string
}

export interface RunningAudit extends Audit {
  /** All plugins have contributed their sinks: what was recorded until now is delivered, and the gate may open. */
  open(): void
  /** The transaction has been committed: sinks outside the database get what it recorded. For changes. */
  committed(trx: Transaction): void
  /** Each sink with what its queue does. */
  readonly sinks: readonly SinkState[]
  /** Resolves when every sink has taken what is queued, or after 5 s. */
  flush(): Promise<void>
  /** Flushes, says in the log what no sink would take, and ends. Recording afterwards is lost, and logged. */
  close(): Promise<void>
}

/** The audit room of one hub. */
export function createAudit(options: AuditOptions): RunningAudit {
  const { clock, log } = options
  const limits = { ...deliveryLimits, ...options.limits }
  const pending = new WeakMap<Transaction, AuditEvent[]>()
  let deliveries: readonly Delivery[] = []
  let opened = false
  let closed = false
  let gathered: Gathered[] = []
  let timer: NodeJS.Timeout | undefined

  function make(input: AuditInput, nowMs: number): AuditEvent {
    const event = makeEvent(input, options, nowMs)
    if (!options.event) return Object.freeze(event)
    try {
      return Object.freeze(keepRules(event, options.event(Object.freeze(event), undefined)))
    } catch (error) {
      log.error({ error: messageOf(error), event: event.id }, 'a tap of audit.event failed')
      return Object.freeze(withoutFreeText(event))
    }
  }

  function gather(input: AuditInput): void {
    // It is read a moment later, as it is now.
    Object.freeze(input)
    Object.freeze(input.fields)
    gathered.push({ input, nowMs: clock.now() })
    if (!opened) return
    if (closed || gathered.length >= GATHERED) deliverGathered()
    else timer ??= setTimeout(deliverGathered, GATHER_MS)
  }

  // A timer runs in the async context of its creator, which may be a change; sinks use the database in their own.
  const deliverGathered = AsyncLocalStorage.bind((): void => {
    clearTimeout(timer)
    timer = undefined
    const those = gathered
    gathered = []
    for (const each of those) {
      try {
        deliver(each)
      } catch (error) {
        // What a plugin gives may be no event at all; the others of the group are.
        log.error({ error: messageOf(error), type: each.input.type }, 'an event could not be made')
      }
    }
  })

  function deliver({ input, nowMs }: Gathered): void {
    const event = make(input, nowMs)
    if (closed) {
      log.error({ type: event.type, event: event.id }, 'an event came after the audit had ended')
      return
    }
    if (event.type === 'access.denied') log.info(denialOf(event), 'access denied')
    for (const each of deliveries) each.push(event)
  }

  /** All changes of the cluster wait until it has ended. */
  async function writeIn(sink: AuditSink, trx: Transaction, events: readonly AuditEvent[]): Promise<void> {
    try {
      await withDeadline(async () => sink.writeIn?.(trx, events), limits.writeMs)
    } catch (error) {
      if (error instanceof MezError) throw error
      throw new Error(`the audit sink '${sink.name}' took no event: ${messageOf(error)}`, { cause: error })
    }
  }

  const denials = createDenialFold(gather)

  async function flush(): Promise<void> {
    denials.flush()
    deliverGathered()
    await Promise.all(deliveries.map((each) => each.flush(FLUSH_MS)))
  }

  return {
    open() {
      deliveries = options.sinks().map((sink) => createDelivery(sink, { log, clock, limits }))
      opened = true
      if (deliveries.length === 0) log.warn('nothing takes events of the audit: they are lost')
      deliverGathered()
    },
    record(input) {
      options.recorded?.(input)
      if (denials.takes(input)) gather(input)
    },
    async recordIn(trx, inputs) {
      if (!opened) throw new Error('a change cannot be audited before all plugins are set up')
      const now = clock.now()
      const events = inputs.map((input) => {
        options.recorded?.(input)
        return make(input, now)
      })
      for (const { sink } of deliveries) {
        for (let at = 0; at < events.length; at += MOST_WRITTEN)
          await writeIn(sink, trx, events.slice(at, at + MOST_WRITTEN))
      }
      pending.set(trx, [...(pending.get(trx) ?? []), ...events])
    },
    committed(trx) {
      for (const event of pending.get(trx) ?? []) {
        for (const each of deliveries) if (!each.sink.writeIn) each.push(event)
      }
      pending.delete(trx)
    },
    get accepting() {
      return opened && !closed && deliveries.every((each) => each.accepts(gathered.length))
    },
    get sinks() {
      return deliveries.map(({ sink: { name }, queued, dropped, failures }) => ({
        name,
        queued,
        dropped,
        failures,
      }))
    },
    flush,
    async close() {
      if (closed) return
      await flush()
      closed = true
      for (const each of deliveries) {
        each.close()
        const { queued, sink } = each
        if (queued > 0) log.error({ sink: sink.name, lost: queued }, 'audit events were not delivered')
      }
    },
  }
}

/** For the log; as escaped as the event is. */
function denialOf({ request_id, user, app, client_ip, reason, repeated }: AuditEvent): object {
  return { request_id, user, app, client_ip, reason, ...(repeated === undefined ? {} : { repeated }) }
}
