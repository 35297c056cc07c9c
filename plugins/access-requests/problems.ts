import { Problem } from '@mezite/core'
import type { AccessRequest } from './request.ts'

/** The refusals of the plugin, by what is wrong. */
export const problems = {
  unknown: () => new Problem(404, 'request_not_found', 'There is no such request.'),
  noPerson: () =>
    new Problem(
      403,
      'person_required',
      'Only people can do this, with a sign-in of their own: not tokens or programs.',
    ),
  notRequestable: (what: string) =>
    new Problem(403, 'not_requestable', `None of your roles lets you ask for ${what}.`),
  tooLong: (longest: string) => new Problem(400, 'duration_too_long', `You can ask for at most ${longest}.`),
  tooShort: () => new Problem(400, 'duration_too_short', 'Ask for at least one minute.'),
  reasonNeeded: () => new Problem(400, 'reason_required', 'Say why you need it.'),
  noBreakGlass: (what: string) =>
    new Problem(403, 'break_glass_not_allowed', `None of your roles lets you open ${what} without approval.`),
  noNotifier: () =>
    new Problem(
      503,
      'break_glass_not_notified',
      'Access without approval needs a notifier that reaches the approvers, and none is configured for it.',
    ),
  notNotified: () =>
    new Problem(
      503,
      'break_glass_not_notified',
      'Access without approval needs a notification that somebody receives, and no receiver accepted it in time. Try again, or ask for approval.',
    ),
  already: (what: string) => new Problem(409, 'already_allowed', `You already have access to ${what}.`),
  open: ({ id }: AccessRequest) =>
    new Problem(409, 'request_exists', 'You have already asked for this.', { request: id }),
  denied: (what: string) =>
    new Problem(403, 'label_denied', `A rule denies you ${what}, so a request could not help.`),
  locked: () => new Problem(403, 'locked', 'Access is locked, so a request could not help.'),
  tooMany: (detail: string) => new Problem(429, 'too_many_requests', detail),
  own: () => new Problem(403, 'own_request', 'You cannot decide about your own request.'),
  noReviewer: () =>
    new Problem(403, 'not_a_reviewer', 'None of your roles lets you decide about this request.'),
  reviewed: () => new Problem(409, 'already_reviewed', 'You have already approved this request.'),
  closed: (state: string) => new Problem(409, 'request_closed', `This request is already ${state}.`),
  notLive: (state: string) =>
    new Problem(409, 'grant_not_live', `This request is ${state}, so there is no access to end.`),
  requesterLocked: () => new Problem(409, 'requester_locked', 'The person who asked is locked.'),
  requesterMayNot: () =>
    new Problem(
      409,
      'not_requestable',
      'The person who asked may no longer ask for this. The roles have changed.',
    ),
  appGone: (app: string) => new Problem(409, 'app_gone', `The application ${app} no longer exists.`),
  confirm: (url: string | null) =>
    new Problem(
      403,
      'confirmation_required',
      url === null
        ? 'This needs a passkey, which this hub cannot ask for.'
        : `Confirm with your passkey first: ${url}`,
      url === null ? {} : { challenge_url: url },
    ),
} as const
