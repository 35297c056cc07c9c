import { AsyncLocalStorage } from 'node:async_hooks'
import type { Audit, AuditEvent, AuditInput, AuditSink } from '../../api/audit.ts'
import type { Transaction } from '../../api/database.ts'
import type { Clock } from '../../kernel/clock.ts'
import { withDeadline } from '../../kernel/deadline.ts'
import { MezError, messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import { createDenialAggregation, isOfStranger } from './denial-aggregation.ts'
import { keepRules, makeEvent, withoutFreeText } from './event-factory.ts'
import { createDelivery, type Delivery, type DeliveryLimits, deliveryLimits } from './sink-queue.ts'

const FLUSH_MS = 5_000
/** The most events in one call of a sink. */
const MOST_WRITTEN = 200

/**
 * Events are created a hundred at a time: creating them one by one, between other work, takes several times as much
 * processor time.
 */
const GATHERED = 100
const GATHER_MS = 20

export interface AuditOptions {
  readonly cluster: string
  /** Name or id of this hub. */
  readonly hub: string
  /** Returns the sinks; called by `open`. */
  readonly sinks: () => readonly AuditSink[]
  /** Runs the taps of `audit.event`. */
  readonly event?: (event: AuditEvent, context: undefined) => AuditEvent
  /** Called with every input, before floods are aggregated. */
  readonly recorded?: (input: AuditInput) => void
  readonly clock: Clock
  readonly log: Log
  readonly limits?: Partial<DeliveryLimits>
}

interface Gathered {
  readonly input: AuditInput
  readonly nowMs: number
  readonly ofStranger: boolean
}

export interface SinkState extends Pick<Delivery, 'queued' | 'dropped' | 'failures'> {
  readonly name: string
}

export interface RunningAudit extends Audit {
  /** Call it when all plugins have contributed their sinks. Delivers the events recorded so far. */
  open(): void
  /** Call it when the transaction of a change has committed. Sinks outside the database then get its events. */
  committed(trx: Transaction): void
  /** Each sink with the state of its queue. */
  readonly sinks: readonly SinkState[]
  /** Resolves when every sink has taken all queued events, or after 5 s. */
  flush(): Promise<void>
  /** Flushes, logs how many events were not delivered, and ends. Later events are lost and logged. */
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
  /** Number of gathered events of known people. */
  let gatheredKnown = 0
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
    // It is read later and must not change before that.
    Object.freeze(input)
    Object.freeze(input.fields)
    const ofStranger = isOfStranger(input)
    gathered.push({ input, nowMs: clock.now(), ofStranger })
    if (!ofStranger) gatheredKnown += 1
    if (!opened) return
    if (closed || gathered.length >= GATHERED) deliverGathered()
    else timer ??= setTimeout(deliverGathered, GATHER_MS)
  }

  // A timer runs in the async context of its creator, which may be a change; sinks use the database in their own.
  const deliverGathered = AsyncLocalStorage.bind((): void => {
    clearTimeout(timer)
    timer = undefined
    const batch = gathered
    gathered = []
    gatheredKnown = 0
    for (const each of batch) {
      try {
        deliver(each)
      } catch (error) {
        // A plugin may record something that is not an event; continue with the rest of the batch.
        log.error({ error: messageOf(error), type: each.input.type }, 'an audit event could not be created')
      }
    }
  })

  function deliver({ input, nowMs, ofStranger }: Gathered): void {
    const event = make(input, nowMs)
    if (closed) {
      log.error(
        { type: event.type, event: event.id },
        'an audit event was recorded after the audit had closed',
      )
      return
    }
    if (event.type === 'access.denied') log.info(denialOf(event), 'access denied')
    for (const each of deliveries) each.push(event, ofStranger)
  }

  /** All changes of the cluster wait for this write. */
  async function writeIn(sink: AuditSink, trx: Transaction, events: readonly AuditEvent[]): Promise<void> {
    try {
      await withDeadline(async () => sink.writeIn?.(trx, events), limits.writeMs)
    } catch (error) {
      if (error instanceof MezError) throw error
      throw new Error(`the audit sink "${sink.name}" rejected an event: ${messageOf(error)}`, {
        cause: error,
      })
    }
  }

  const denials = createDenialAggregation(gather)

  async function flush(): Promise<void> {
    denials.flush()
    deliverGathered()
    await Promise.all(deliveries.map((each) => each.flush(FLUSH_MS)))
  }

  return {
    open() {
      deliveries = options.sinks().map((sink) => createDelivery(sink, { log, clock, limits }))
      opened = true
      if (deliveries.length === 0) log.warn('no audit sink is loaded: audit events are lost')
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
        for (const each of deliveries) if (!each.sink.writeIn) each.push(event, false)
      }
      pending.delete(trx)
    },
    get accepting() {
      return opened && !closed && deliveries.every((each) => each.accepts(gatheredKnown))
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

/** For the log, escaped like the event. */
function denialOf({ request_id, user, app, client_ip, reason, repeated }: AuditEvent): object {
  return { request_id, user, app, client_ip, reason, ...(repeated === undefined ? {} : { repeated }) }
}
