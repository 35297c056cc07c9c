import { type Log, messageOf, type Notifier, type PublicNames } from '@mezite/core'
import type { Due, Store } from './store.ts'

/** How long one delivery may take, in milliseconds. */
export const DELIVERY_MS = 15_000
const FIRST_RETRY_MS = 5_000
const LONGEST_RETRY_MS = 15 * 60_000
const LONGEST_WAIT_MS = 3_600_000
/** Then the receiver is away, and the rest waits for the next run. */
const FAILURES = 3

/** Delivers what is due for a notifier. */
export function createDelivery(options: {
  readonly store: Store
  readonly publicNames: Pick<PublicNames, 'clusterName' | 'signInOrigin'>
  readonly log: Log
  /** Called for each attempt, with whether it succeeded. */
  readonly counted: (notifier: string, outcome: 'delivered' | 'failed') => void
}) {
  const { store, publicNames, log, counted } = options

  async function deliverOne(notifier: Notifier, due: Due, signal: AbortSignal): Promise<void> {
    const { id, created, notification } = due
    const { path } = notification
    const message = Object.freeze({
      ...notification,
      id,
      time: new Date(created).toISOString(),
      cluster: publicNames.clusterName,
      url: path === undefined ? null : new URL(path, publicNames.signInOrigin).href,
    })
    const both = AbortSignal.any([signal, AbortSignal.timeout(DELIVERY_MS)])
    // A notifier that ignores its signal must not hold up the others of its messages.
    const aborted = new Promise<never>((_resolve, reject) => {
      both.addEventListener('abort', () => reject(new Error(`no answer within ${DELIVERY_MS / 1_000} s`)))
    })
    await Promise.race([notifier.deliver(message, both), aborted])
  }

  return {
    deliverOne,
    /** Resolves with what happened, for the job; rejects if anything could not be delivered. */
    async run(notifier: Notifier, signal: AbortSignal): Promise<string> {
      const { name } = notifier
      let [sent, failures] = [0, 0]
      let last: unknown
      for (const due of await store.due(name)) {
        if (signal.aborted || failures >= FAILURES) break
        try {
          await deliverOne(notifier, due, signal)
          await store.delivered(name, due.id)
          counted(name, 'delivered')
          sent += 1
        } catch (error) {
          if (signal.aborted) break
          failures += 1
          last = error
          counted(name, 'failed')
          log.debug(
            { notifier: name, id: due.id, error: messageOf(error) },
            'failed to deliver a notification',
          )
          await store.failed(name, due.id, messageOf(error), retryMs(error, due.attempts))
        }
      }
      if (failures > 0) throw new Error(`${failures} of ${failures + sent} not delivered: ${messageOf(last)}`)
      return `${sent} delivered`
    },
  }
}

export type Delivery = ReturnType<typeof createDelivery>

function retryMs(error: unknown, attempts: number): number {
  const { retryAfterMs } = Object(error) as { retryAfterMs?: unknown }
  if (typeof retryAfterMs === 'number' && retryAfterMs >= 0) return Math.min(retryAfterMs, LONGEST_WAIT_MS)
  return Math.min(FIRST_RETRY_MS * 2 ** attempts, LONGEST_RETRY_MS)
}
