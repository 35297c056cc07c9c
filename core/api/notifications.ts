import { serviceRef, slotRef } from '../kernel/reference.ts'
import type { Transaction } from './database.ts'

/** Something that people should learn of outside of the hub's pages. */
export interface Notification {
  /** What it is about, by which operators choose where it goes: `certificate`, `agent`, `access-request`. */
  readonly kind: string
  /** `critical`: somebody must act now; `warning`: soon; `info`: nobody has to act. */
  readonly severity: 'info' | 'warning' | 'critical'
  /** One line. Strangers may have written parts of it: it is shown as text and never as markup, like `text`. */
  readonly title: string
  /** More lines. */
  readonly text?: string
  /** Path of a page of the hub, which asks for a sign-in. A link never acts by itself: the page has a button. */
  readonly path?: string
  /** The person to whom it goes, by name. Default: the operators. */
  readonly user?: string
  /**
   * A notification with a key that was sent in the last 30 days is dropped, so several hubs may send the same one.
   */
  readonly key?: string
}

/** A notification on its way; control characters have been removed from its texts. */
export interface NotifierMessage extends Notification {
  /** The same for each attempt, so that a receiver can drop what it has already. */
  readonly id: string
  /** When it was sent, ISO 8601. */
  readonly time: string
  readonly cluster: string
  /** The address of the page, or null. */
  readonly url: string | null
}

/** Delivers notifications to a channel, such as a webhook or e-mail. Contributed by plugins. */
export interface Notifier {
  /** Unique; in configuration, `mezctl notify test` and metrics: small letters, digits and hyphens. */
  readonly name: string
  /** Whether it delivers the notification. Called while the sender waits: no I/O. */
  takes(notification: Notification): boolean
  /**
   * Delivers it; resolves once the receiver has accepted it. A rejection repeats it later: after seconds at first, after
   * a quarter of an hour in the end, for three days. An error with a number `retryAfterMs` says when, within an hour.
   * `signal` aborts after 15 s. Notifiers do not wait for each other.
   */
  deliver(message: NotifierMessage, signal: AbortSignal): Promise<void>
}

/** Sends notifications through every notifier that takes them. */
export interface Notifications {
  /**
   * Stores the notification for each notifier that takes it, and resolves then: delivery happens at least once, in the
   * background, also after a restart. Inside a change, pass its transaction. Without notifiers nothing is stored.
   */
  send(notification: Notification, trx?: Transaction): Promise<void>
  /**
   * Delivers at once, and resolves to true as soon as one receiver has accepted one of the notifications; the others are then
   * delivered like those of `send`. Resolves to false after `withinMs`, or when every receiver refuses: then none of them is
   * delivered any more.
   */
  sendUrgently(all: readonly Notification[], withinMs: number): Promise<boolean>
}

/** Notifies people by the channels that operators have configured. */
export const notifications = serviceRef<Notifications>('notifications')

/** Channels for notifications. */
export const notifiers = slotRef<Notifier>('notifiers')
