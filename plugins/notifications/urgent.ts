import { type Log, messageOf, type Notification, type Notifier } from '@mezite/core'
import { DELIVERY_MS, type Delivery } from './delivery.ts'
import type { Due, Store } from './store.ts'

interface UrgentParts {
  readonly notifiers: readonly Notifier[]
  readonly store: Pick<Store, 'addHeld' | 'delivered' | 'release' | 'drop'>
  readonly delivery: Pick<Delivery, 'deliverOne'>
  readonly log: Log
  readonly counted: (notifier: string, outcome: 'delivered' | 'failed') => void
  /** Delivers what is due. */
  readonly runSoon: () => void
}

/** See `Notifications.sendUrgently`. Notifiers are tried at the same time, each with one notification after the other. */
export function createUrgent({ notifiers, store, delivery, log, counted, runSoon }: UrgentParts) {
  return async (all: readonly Notification[], withinMs: number): Promise<boolean> => {
    const held: { readonly due: Due; readonly by: readonly Notifier[] }[] = []
    for (const one of all) {
      const by = notifiers.filter((notifier) => notifier.takes(one))
      if (by.length === 0) continue
      const names = by.map(({ name }) => name)
      held.push({ due: await store.addHeld(one, names, withinMs + DELIVERY_MS), by })
    }
    const ids = held.map(({ due }) => due.id)
    const over = new AbortController()
    const timer = setTimeout(() => over.abort(), withinMs)
    /** Resolves once the notifier's receiver has accepted one; rejects if it accepts none. */
    async function deliver(notifier: Notifier): Promise<void> {
      for (const { due } of held.filter(({ by }) => by.includes(notifier))) {
        try {
          await delivery.deliverOne(notifier, due, over.signal)
          counted(notifier.name, 'delivered')
          await store.delivered(notifier.name, due.id)
          return
        } catch (error) {
          if (over.signal.aborted) throw error
          counted(notifier.name, 'failed')
          log.debug(
            { notifier: notifier.name, id: due.id, error: messageOf(error) },
            'urgent delivery failed',
          )
        }
      }
      throw new Error('nothing was accepted')
    }
    const accepted = await Promise.any(notifiers.map(deliver)).then(
      () => true,
      () => false,
    )
    clearTimeout(timer)
    over.abort()
    if (accepted) await store.release(ids)
    else await store.drop(ids)
    runSoon()
    return accepted
  }
}
