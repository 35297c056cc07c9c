import { AsyncLocalStorage } from 'node:async_hooks'
import { type Audit, type AuditEvent, type AuditInput, type AuditSink, auditSinks } from '../../api/audit.ts'
import type { Transaction } from '../../api/database.ts'
import type { HubHooks } from '../../api/hub-hooks.ts'
import type { SinkState } from '../../api/hub-state.ts'
import type { Clock } from '../../kernel/clock.ts'
import { withDeadline } from '../../kernel/deadline.ts'
import { MezError, messageOf } from '../../kernel/error.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { Log } from '../../kernel/log.ts'
import { createDelivery, type Delivery } from './delivery.ts'
import { createDenialAggregation, isOfStranger } from './denial-aggregation.ts'
import { keepRules, makeEvent, recorderOf, withoutFreeText } from './event-factory.ts'
import { type DeliveryLimits, deliveryLimits } from './sink-queue.ts'

const FLUSH_MS = 5_000
/** The most events in one call of `writeIn`. */
const MOST_WRITTEN = 200

/** Texts of events are joined a hundred at a time: one long string is cheaper to keep and to pass on than many. */
const GATHERED = 100
const GATHER_MS = 20

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

interface AuditNeeds {
  readonly clusterName: string
  /** Counts each event. */
  readonly counts: { event(input: AuditInput): void }
  readonly instanceId: string
  readonly kernel: Pick<Kernel<HubHooks>, 'calls' | 'slot'>
  readonly clock: Clock
  readonly log: Log
}

/** The audit room of one hub. */
export function createAudit(rooms: AuditNeeds, changed: Partial<DeliveryLimits> = {}): RunningAudit {
  const { clusterName: cluster, counts, instanceId: hub, kernel, clock, log } = rooms
  const recorder = recorderOf(cluster, hub)
  const limits = { ...deliveryLimits, ...changed }
  const { event: hook, recorded } = kernel.calls.audit
  /** Events of running changes. */
  const pending = new WeakMap<Transaction, readonly AuditEvent[]>()
  let deliveries: readonly Delivery[] = []
  let opened = false
  let closed = false
  let gathered: string[] = []
  /** Whether the gathered events are those of strangers; a chunk has only one kind. */
  let gatheredOfStranger = false
  let timer: NodeJS.Timeout | undefined

  function make(input: AuditInput): AuditEvent {
    const event = makeEvent(input, recorder, clock.now())
    if (hook.empty) return event
    try {
      let kept: AuditEvent = Object.freeze(event)
      const accept = (answer: AuditEvent): AuditEvent => {
        kept = Object.freeze(keepRules(kept, answer))
        return kept
      }
      const made = hook(kept, undefined, { accept })
      return keepRules(kept, made)
    } catch (error) {
      log.error({ error: messageOf(error), event: event.id }, 'a tap of audit.event failed')
      return withoutFreeText(event)
    }
  }

  function gather(input: AuditInput): void {
    let event: AuditEvent
    try {
      event = make(input)
    } catch (error) {
      // A plugin may record something that is not an event.
      log.error({ error: messageOf(error), type: input.type }, 'an audit event could not be created')
      return
    }
    if (closed) {
      const fields = { type: event.type, event: event.id }
      log.error(fields, 'an audit event was recorded after the audit had closed')
      return
    }
    if (event.type === 'access.denied') log.info(denialOf(event), 'access denied')
    // Before the sinks are known there is one queue for all.
    const ofStranger = opened && isOfStranger(input)
    if (ofStranger !== gatheredOfStranger) {
      deliverGathered()
      gatheredOfStranger = ofStranger
    }
    gathered.push(lineOf(event))
    if (!recorded.empty) recorded(Object.freeze(event))
    if (!opened) return
    if (gathered.length >= GATHERED) deliverGathered()
    else timer ??= setTimeout(deliverGathered, GATHER_MS)
  }

  // A timer runs in the async context of its creator, which may be a change; sinks use the database in their own.
  const deliverGathered = AsyncLocalStorage.bind((): void => {
    clearTimeout(timer)
    timer = undefined
    if (!opened || gathered.length === 0) return
    const lines = gathered
    gathered = []
    for (const each of deliveries) each.push(lines, gatheredOfStranger)
  })

  /** All changes of the cluster wait for this write. */
  async function writeIn(sink: AuditSink, trx: Transaction, lines: string): Promise<void> {
    try {
      await withDeadline(async () => sink.writeIn?.(trx, lines), limits.writeMs)
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
      deliveries = kernel.slot(auditSinks).map((sink) => createDelivery(sink, { log, clock, limits }))
      opened = true
      if (deliveries.length === 0) log.warn('no audit sink is loaded: audit events are lost')
      deliverGathered()
    },
    record(input) {
      if (isUnasked(input)) return
      // Before floods are aggregated.
      counts.event(input)
      if (denials.takes(input)) gather(input)
    },
    async recordIn(trx, inputs) {
      if (!opened) throw new Error('a change cannot be audited before all plugins are set up')
      const events = inputs.map((input) => {
        counts.event(input)
        return Object.freeze(make(input))
      })
      const lines = events.map(lineOf)
      for (const { sink } of deliveries) {
        for (let at = 0; at < lines.length; at += MOST_WRITTEN)
          await writeIn(sink, trx, lines.slice(at, at + MOST_WRITTEN).join(''))
      }
      pending.set(trx, [...(pending.get(trx) ?? []), ...events])
    },
    committed(trx) {
      const events = pending.get(trx) ?? []
      pending.delete(trx)
      const lines = events.map(lineOf)
      for (const each of deliveries) if (!each.sink.writeIn) each.push(lines, false)
      if (!recorded.empty) for (const event of events) recorded(event)
    },
    get accepting() {
      const known = gatheredOfStranger ? 0 : gathered.length
      return opened && !closed && deliveries.every(({ queue }) => queue.accepts(known))
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

const lineOf = (event: AuditEvent): string => `${JSON.stringify(event)}\n`

/** Browsers and crawlers ask every host for these files, and nobody sees that they get none. */
const UNASKED: ReadonlySet<unknown> = new Set(['/favicon.ico', '/robots.txt'])

function isUnasked({ type, fields }: AuditInput): boolean {
  return type === 'request.failed' && UNASKED.has(fields?.path)
}

/** For the log, escaped like the event. */
function denialOf({ request_id, user, app, client_ip, reason, repeated }: AuditEvent): object {
  return { request_id, user, app, client_ip, reason, ...(repeated === undefined ? {} : { repeated }) }
}
