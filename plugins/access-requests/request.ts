import type { RequestRow, ReviewRow, StoredState } from './migrations.ts'
import { type Language, languageIn } from './texts.ts'

/** A request as it is stored, with its reviews, oldest first. */
export interface AccessRequest extends Omit<RequestRow, 'state' | 'language'> {
  /** The state that was written; `stateOf` says that of now. */
  readonly stored: StoredState
  /** Of the notifications about it. */
  readonly language: Language
  readonly reviews: readonly ReviewRow[]
}

export const requestOf = (
  { state: stored, ...row }: RequestRow,
  reviews: readonly ReviewRow[],
): AccessRequest =>
  Object.freeze({
    ...row,
    stored,
    language: languageIn(row.language),
    reviews: reviews.toSorted((a, b) => a.time - b.time),
  })

/** The state at a time; nobody need have written down that its time is over. */
export function stateOf({ stored, expires, until }: AccessRequest, now: number): StoredState {
  if (stored === 'pending' && expires <= now) return 'expired'
  if (stored === 'approved' && until !== null && until <= now) return 'ended'
  return stored
}

/** What events say about a request. */
export const fieldsOf = (request: AccessRequest) => ({
  request: request.id,
  name: request.user_name,
  ...(request.asked_by !== null && { asked_by: request.asked_by }),
  role: request.role,
  app: request.app_name,
  request_reason: request.reason,
  break_glass: request.break_glass,
})

/** Whether somebody got access without approval. It does not start if nobody could be notified. */
export const isOpenedAtOnce = ({ break_glass, grant_id }: AccessRequest): boolean =>
  break_glass && grant_id !== null

/** For how long access was given, in milliseconds; null: it was not. Approvers can allow less time than was asked for. */
export function grantedMs({ until, created, reviews }: AccessRequest): number | null {
  if (until === null) return null
  const given = reviews.findLast(({ approves }) => approves)?.time ?? created
  return Math.round((until - given) / 1_000) * 1_000
}

/** The request as the API shows it. */
export function shownRequest(request: AccessRequest, now: number) {
  const time = (at: number | null) => (at === null ? null : new Date(at).toISOString())
  return {
    id: request.id,
    state: stateOf(request, now),
    user: request.user_name,
    asked_by: request.asked_by,
    role: request.role,
    app: request.app_name,
    reason: request.reason,
    duration_ms: request.duration,
    granted_ms: grantedMs(request),
    approvals: request.approvals,
    break_glass: request.break_glass,
    created: time(request.created),
    expires: time(request.expires),
    closed: time(request.closed),
    grant_id: request.grant_id,
    until: time(request.until),
    first_used: time(request.used),
    reviews: request.reviews.map(({ reviewer_name, approves, reason, time: at }) => ({
      reviewer: reviewer_name,
      approves,
      reason,
      time: time(at),
    })),
  }
}
