import type {
  Notification,
  Notifier,
  notifications,
  PublicNames,
  ServiceRef,
  Transaction,
  User,
  Users,
} from '@mezite/core'
import type { Confirmations } from '@mezite/core/identity'
import type { AccessRequest } from './request.ts'
import { showDuration, targetOf, texts } from './texts.ts'

type Notifications = typeof notifications extends ServiceRef<infer N> ? N : never

/** Approvers of one request who are notified by name; of access without approval, all are. */
const MOST_APPROVERS = 50

const EVERYBODY = { severity: 'critical', most: Number.POSITIVE_INFINITY } as const
/** By then a receiver must have accepted the notification of access without approval, in milliseconds. */
const ACCEPTED_MS = 10_000

/**
 * What people learn of requests outside of the hub's pages, in the language in which the person asked. A notification's link
 * only leads to a page with buttons.
 */
export interface Messages {
  asked(request: AccessRequest, trx: Transaction): Promise<void>
  /** Whether a notifier takes the notification of access without approval; otherwise it must not start. */
  reachesSomebody(request: AccessRequest): boolean
  /** Resolves to false if no receiver has accepted the notification in time: then the access must not start. */
  brokeGlass(request: AccessRequest): Promise<boolean>
  decided(
    request: AccessRequest,
    outcome: 'approved' | 'denied' | 'revoked' | 'expired' | 'ended',
    trx: Transaction,
  ): Promise<void>
  /** Where a person confirms with a passkey, and comes back to this page; null: without the plugin webauthn, nobody can. */
  confirmUrl(page: string): string | null
}

export const PAGES = '/web/access-requests'

export function createMessages(options: {
  readonly confirmations: Confirmations | undefined
  readonly notifications: Notifications | undefined
  readonly notifiers: readonly Notifier[]
  readonly users: Pick<Users, 'list'>
  readonly publicNames: Pick<PublicNames, 'signInOrigin'>
  /** Whether the person decides about the request. */
  readonly approves: (request: AccessRequest, user: User) => boolean
}): Messages {
  const { confirmations, notifications, notifiers, users, publicNames, approves } = options

  /** To the operators' channels, and to each approver. */
  function toApprovers(
    request: AccessRequest,
    title: 'asks' | 'brokeGlass',
    { severity, most }: { severity: Notification['severity']; most: number },
  ): Notification[] {
    const words = texts[request.language]
    const { notification, review } = words
    const target = targetOf(words, request)
    const lines = [
      notification.wants(target, showDuration(request.duration)),
      notification.reason(request.reason || review.noReason),
    ]
    const about: Notification = {
      kind: 'access-request',
      severity,
      title: notification[title](request.user_name, target),
      text: lines.join('\n'),
      path: `${PAGES}/${request.id}`,
    }
    const approvers = users.list().filter((user) => approves(request, user))
    return [about, ...approvers.slice(0, most).map(({ name }) => ({ ...about, user: name }))]
  }

  async function sendAll(all: readonly Notification[], trx: Transaction): Promise<void> {
    for (const one of all) await notifications?.send(one, trx)
  }

  return {
    asked: (request, trx) =>
      sendAll(toApprovers(request, 'asks', { severity: 'warning', most: MOST_APPROVERS }), trx),

    reachesSomebody: (request) =>
      notifications !== undefined &&
      toApprovers(request, 'brokeGlass', EVERYBODY).some((one) =>
        notifiers.some((notifier) => notifier.takes(one)),
      ),

    brokeGlass: async (request) =>
      (await notifications?.sendUrgently(toApprovers(request, 'brokeGlass', EVERYBODY), ACCEPTED_MS)) ===
      true,

    decided(request, outcome, trx) {
      const words = texts[request.language]
      const title = words.notification.decided[outcome](targetOf(words, request))
      const about = { kind: 'access-request', severity: 'info', user: request.user_name, title } as const
      return sendAll([{ ...about, path: `${PAGES}/${request.id}` }], trx)
    },

    confirmUrl: (page) =>
      confirmations === undefined ? null : publicNames.signInOrigin + confirmations.pathTo(page),
  }
}
