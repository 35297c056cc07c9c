import type { RequestRow, ReviewRow, StoredState } from './migrations.ts'
import { type Language, languageIn } from './texts.ts'

/** What somebody said about a request. */
export interface Review {
  /** `User.key`. */
  readonly reviewer: string
  readonly reviewerName: string
  readonly approves: boolean
  readonly reason: string | null
  readonly time: number
  readonly confirmed: number | null
}

/** A request for access. Times in milliseconds since the epoch. */
export interface AccessRequest {
  readonly id: string
  readonly user: string
  /** `User.key` and `User.holder`. */
  readonly key: string
  readonly holder: string | null
  readonly role: string
  readonly via: string
  /** UUID and name of the only app; null: the role everywhere. */
  readonly app: string | null
  readonly appName: string | null
  readonly reason: string
  readonly durationMs: number
  readonly approvals: number
  readonly breakGlass: boolean
  readonly path: string | null
  readonly created: number
  readonly expires: number
  readonly stored: StoredState
  readonly closed: number | null
  readonly grantId: string | null
  readonly until: number | null
  readonly used: number | null
  /** Of the notifications about it. */
  readonly language: Language
  /** Oldest first. */
  readonly reviews: readonly Review[]
}

export function requestOf(row: RequestRow, reviews: readonly ReviewRow[]): AccessRequest {
  return Object.freeze({
    id: row.id,
    user: row.user_name,
    key: row.user_key,
    holder: row.holder,
    role: row.role,
    via: row.via,
    app: row.app,
    appName: row.app_name,
    reason: row.reason,
    durationMs: row.duration,
    approvals: row.approvals,
    breakGlass: row.break_glass,
    path: row.path,
    created: row.created,
    expires: row.expires,
    stored: row.state,
    closed: row.closed,
    grantId: row.grant_id,
    until: row.until,
    used: row.used,
    language: languageIn(row.language),
    reviews: reviews
      .map((one) => ({
        reviewer: one.reviewer,
        reviewerName: one.reviewer_name,
        approves: one.approves,
        reason: one.reason,
        time: one.time,
        confirmed: one.confirmed,
      }))
      .sort((a, b) => a.time - b.time),
  })
}

/** The state at a time; nobody need have written down that its time is over. */
export function stateOf({ stored, expires, until }: AccessRequest, now: number): StoredState {
  if (stored === 'pending' && expires <= now) return 'expired'
  if (stored === 'approved' && until !== null && until <= now) return 'ended'
  return stored
}

/** The request as the API shows it. */
export function shownRequest(request: AccessRequest, now: number) {
  const time = (at: number | null) => (at === null ? null : new Date(at).toISOString())
  return {
    id: request.id,
    state: stateOf(request, now),
    user: request.user,
    role: request.role,
    app: request.appName,
    reason: request.reason,
    duration_ms: request.durationMs,
    approvals: request.approvals,
    break_glass: request.breakGlass,
    created: time(request.created),
    expires: time(request.expires),
    closed: time(request.closed),
    grant_id: request.grantId,
    until: time(request.until),
    first_used: time(request.used),
    reviews: request.reviews.map(({ reviewerName, approves, reason, time: at }) => ({
      reviewer: reviewerName,
      approves,
      reason,
      time: time(at),
    })),
  }
}
