import { serviceRef } from '../kernel/reference.ts'
import type { App } from './app.ts'
import type { AccessQuery, Decision } from './decision.ts'
import type { Subject } from './subject.ts'

/** The one place that decides. HTTP, WebSocket, TCP and the API ask here and nowhere else. */
export interface Access {
  /**
   * Decides over all `access.decide` taps, locks first. Cached by (subject, app, epoch) when every tap is
   * pure, and then synchronous. Never throws and never rejects: what fails is a denial.
   * Freshness is not part of it: ask `Revisions.fresh()` first and answer 503 `view_stale`.
   */
  decide(query: AccessQuery): Decision | Promise<Decision>
  /** Apps of either protocol that the subject would be let into, requirements set aside; in order of name. */
  visible(subject: Subject): Promise<readonly App[]>
}

/** Decides who may reach which app. */
export const access = serviceRef<Access>('access')
