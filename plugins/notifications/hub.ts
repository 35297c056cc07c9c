import {
  database,
  defineHubPlugin,
  jobs,
  metrics,
  migrations,
  notifications,
  notifiers,
  publicNames,
  Type,
  webRoutes,
} from '@mezite/core'
import { attention } from '@mezite/core/administration'
import { createAttentionWatch } from './attention-watch.ts'
import { createDelivery } from './delivery.ts'
import { notificationMigrations } from './migrations.ts'
import { reasons } from './reasons.ts'
import { notificationRoutes } from './routes.ts'
import { createStore } from './store.ts'
import { createUrgent } from './urgent.ts'

const MINUTE_MS = 60_000
const DAY_MS = 24 * 3_600_000
/** By then a change that sends a notification has been committed. */
const COMMITTED_MS = 1_000

export default defineHubPlugin({
  name: 'notifications',
  api: 1,
  summary: 'Stores notifications and delivers each at least once',
  config: Type.Closed({
    attention_after: Type.Duration({
      default: '5m',
      min: '1s',
      max: '7d',
      description: 'How long something needs attention before operators are notified of it',
    }),
  }),
  needs: { database, jobs, metrics, publicNames },
  wants: { attention, notifiers },
  provides: { migrations, notifications, webRoutes },
  reasons,
  setup({ config, log, provide, use }) {
    const { publicNames } = use
    const store = createStore(use.database)
    const counts = use.metrics.counters('mezite_notifications_total', 'Attempts to deliver a notification', [
      'notifier',
      'outcome',
    ])
    const counted = (...labels: readonly string[]) => {
      counts(...labels).value += 1
    }
    const delivery = createDelivery({ store, publicNames, log, counted })

    // Each has a lease of its own, so that one that hangs delays no other.
    const channels = new Map(
      use.notifiers.map((notifier) => {
        const { runSoon } = use.jobs.add({
          name: `notifications-${notifier.name}`,
          everyMs: MINUTE_MS,
          deadlineMs: 30 * MINUTE_MS,
          run: (signal) => delivery.run(notifier, signal),
        })
        return [notifier.name, { notifier, runSoon }] as const
      }),
    )
    const service: Parameters<typeof provide.notifications>[0] = {
      async send(notification, trx) {
        const taken = [...channels.values()].filter(({ notifier }) => notifier.takes(notification))
        if (taken.length === 0) return
        await store.add(
          notification,
          taken.map(({ notifier }) => notifier.name),
          trx,
        )
        const soon = () => taken.forEach(({ runSoon }) => void runSoon())
        if (trx) setTimeout(soon, COMMITTED_MS).unref()
        else soon()
      },
      sendUrgently: createUrgent({
        ...{ notifiers: use.notifiers, store, delivery, log, counted },
        runSoon: () => channels.forEach(({ runSoon }) => void runSoon()),
      }),
    }
    provide.migrations(notificationMigrations)
    provide.notifications(service)
    provide.webRoutes(notificationRoutes({ notifiers: use.notifiers, delivery, store }))
    if (channels.size === 0) return
    use.jobs.add({ name: 'notifications-pruning', everyMs: DAY_MS, run: store.prune })
    // Without it nothing is known to need attention.
    if (use.attention === undefined) return
    const look = createAttentionWatch({
      db: use.database,
      send: service.send,
      graceMs: config.attention_after,
      list: use.attention.list,
    })
    use.jobs.add({ name: 'notifications-attention', everyMs: MINUTE_MS, jitterMs: 0, run: look })
  },
})
