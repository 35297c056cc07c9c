import {
  messageOf,
  type Notification,
  type Notifier,
  resourceRoutes,
  Type,
  type WebRoutes,
} from '@mezite/core'
import { PageQuery } from '@mezite/core/administration'
import { v7 as uuid } from 'uuid'
import { DELIVERY_MS, type Delivery } from './delivery.ts'
import { problemFor } from './reasons.ts'
import type { Store } from './store.ts'

const Listed = Type.Object({
  id: Type.String(),
  notifier: Type.String(),
  created: Type.String(),
  state: Type.String({ description: 'delivered, waiting or given_up' }),
  kind: Type.String(),
  severity: Type.String(),
  title: Type.String(),
  attempts: Type.Integer(),
  error: Type.Nullable(Type.String()),
})
const Tested = Type.Object({
  name: Type.String(),
  delivered: Type.Boolean(),
  error: Type.Nullable(Type.String()),
})

type Shown = Awaited<ReturnType<Store['list']>>[number]

const MOST = 200

/** The notifications of the last month, and tests of notifiers. */
export function notificationRoutes({
  notifiers,
  delivery,
  store,
}: {
  readonly notifiers: readonly Notifier[]
  readonly delivery: Pick<Delivery, 'deliverOne'>
  readonly store: Pick<Store, 'list'>
}): WebRoutes {
  /** Does not go through the table, so that the caller sees what the receiver says. */
  const test = async (notifier: Notifier, user: string) => {
    const notification: Notification = {
      kind: 'test',
      severity: 'info',
      title: 'Test of notifications',
      text: `${user} tested where notifications go. Nobody has to act.`,
      path: '/web/admin',
    }
    const due = { id: uuid(), created: new Date(), attempts: 0, notification }
    const { name } = notifier
    try {
      await delivery.deliverOne(notifier, due, AbortSignal.timeout(DELIVERY_MS))
      return { name, delivered: true, error: null }
    } catch (error) {
      return { name, delivered: false, error: messageOf(error) }
    }
  }
  const view = {
    ...{ name: 'notification', collection: 'notifications', key: 'id', form: { flat: Listed } },
    order: ({ created, id }: Shown) => `${created} ${id}`,
    newestFirst: true,
    search: ({ notifier, kind, severity, title, error }: Shown) =>
      [notifier, kind, severity, title, error ?? ''].join(' '),
    sorts: {
      created: ({ created }: Shown) => created,
      notifier: ({ notifier }: Shown) => notifier,
      kind: ({ kind }: Shown) => kind,
    },
    list: { summary: `The last ${MOST} notifications`, query: PageQuery, rows: () => store.list(MOST) },
  }
  return resourceRoutes<Shown>(view, (on) => {
    const tested = {
      access: 'notification.create',
      summary: 'Sends a test through each notifier, or one, and returns what came of it',
      body: Type.Closed({ name: Type.Optional(Type.String()) }),
      returns: Type.Array(Tested),
    } as const
    on('POST /test', tested, (_, { body: { name }, subject }) => {
      const chosen = notifiers.filter((one) => name === undefined || one.name === name)
      if (name !== undefined && chosen.length === 0) {
        const names = notifiers.map((one) => one.name).join(', ') || 'none'
        throw problemFor('notifier_not_found', `There is no notifier ${name}, only: ${names}.`)
      }
      return Promise.all(chosen.map((one) => test(one, subject.user)))
    })
  })
}
