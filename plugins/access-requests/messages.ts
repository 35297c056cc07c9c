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
import type { Confirmations } from '@mezite/core/protocol'
import type { AccessRequest } from './request.ts'
import { showDuration, texts } from './texts.ts'

type Notifications = typeof notifications extends ServiceRef<infer N> ? N : never

/** Approvers of one request who are notified by name. */
const MOST_APPROVERS = 50

/** What people learn of requests outside of the hub's pages. A notification's link only leads to a page with buttons. */
export interface Messages {
  asked(request: AccessRequest, trx: Transaction): Promise<void>
  /** False: no notifier takes it, so the access must not start. */
  brokeGlass(request: AccessRequest, trx: Transaction): Promise<boolean>
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
  const words = texts.en.notification

  const approversOf = (request: AccessRequest) =>
    users
      .list()
      .filter((user) => approves(request, user))
      .slice(0, MOST_APPROVERS)

  /** To the operators' channels, and to each approver. */
  function toApprovers(request: AccessRequest, what: Pick<Notification, 'severity' | 'title' | 'text'>) {
    const about: Notification = { kind: 'access-request', ...what, path: `${PAGES}/${request.id}` }
    return [about, ...approversOf(request).map(({ name }) => ({ ...about, user: name }))]
  }
  const linesOf = (request: AccessRequest) =>
    [words.wants(targetOf(request), showDuration(request.durationMs)), words.reason(request.reason)].join(
      '\n',
    )

  async function sendAll(all: readonly Notification[], trx: Transaction): Promise<void> {
    for (const one of all) await notifications?.send(one, trx)
  }

  return {
    asked: (request, trx) =>
      sendAll(
        toApprovers(request, {
          ...{ severity: 'warning', title: words.asks(request.user, targetOf(request)) },
          text: linesOf(request),
        }),
        trx,
      ),

    async brokeGlass(request, trx) {
      const all = toApprovers(request, {
        ...{ severity: 'critical', title: words.brokeGlass(request.user, targetOf(request)) },
        text: linesOf(request),
      })
      if (
        notifications === undefined ||
        !all.some((one) => notifiers.some((notifier) => notifier.takes(one)))
      )
        return false
      await sendAll(all, trx)
      return true
    },

    decided: (request, outcome, trx) =>
      sendAll(
        [
          {
            ...{ kind: 'access-request', severity: 'info', user: request.user },
            title: words.decided[outcome](targetOf(request)),
            path: `${PAGES}/${request.id}`,
          },
        ],
        trx,
      ),

    confirmUrl: (page) =>
      confirmations === undefined ? null : publicNames.signInOrigin + confirmations.pathTo(page),
  }
}

/** The app or the role, for people. */
export const targetOf = ({ appName, role }: Pick<AccessRequest, 'appName' | 'role'>): string =>
  appName ?? texts.en.role(role)
