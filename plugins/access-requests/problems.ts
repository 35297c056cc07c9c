import { Problem } from '@mezite/core'
import { problemFor } from './reasons.ts'
import type { AccessRequest } from './request.ts'

/** The refusals of the plugin, by what is wrong. */
export const problems = {
  unknown: () => problemFor('request_not_found'),
  noPerson: () => problemFor('person_required'),
  notRequestable: (what: string) =>
    problemFor('not_requestable', `None of your roles lets you ask for ${what}.`),
  tooLong: (longest: string) => problemFor('duration_too_long', `You can ask for at most ${longest}.`),
  tooShort: () => problemFor('duration_too_short'),
  reasonNeeded: () => problemFor('reason_required'),
  noBreakGlass: (what: string) =>
    problemFor('break_glass_not_allowed', `None of your roles lets you open ${what} without approval.`),
  noNotifier: () =>
    problemFor(
      'break_glass_not_notified',
      'Access without approval needs a notifier that reaches the approvers, and none is configured for it.',
    ),
  notNotified: () =>
    problemFor(
      'break_glass_not_notified',
      'Access without approval needs a notification that somebody receives, and no receiver accepted it in time. Try again, or ask for approval.',
    ),
  already: (what: string) => problemFor('already_allowed', `You already have access to ${what}.`),
  open: ({ id }: AccessRequest) => problemFor('request_exists', undefined, { request: id }),
  denied: (what: string) =>
    problemFor('label_denied', `A rule denies you ${what}, so a request could not help.`),
  locked: () => problemFor('locked'),
  tooMany: (detail: string) => problemFor('too_many_requests', detail),
  own: () => problemFor('own_request'),
  noReviewer: () => problemFor('not_a_reviewer'),
  reviewed: () => problemFor('already_reviewed'),
  closed: (state: string) => problemFor('request_closed', `This request is already ${state}.`),
  notLive: (state: string) =>
    problemFor('grant_not_live', `This request is ${state}, so there is no access to end.`),
  requesterLocked: () => problemFor('requester_locked'),
  requesterMayNot: () =>
    new Problem(
      409,
      'not_requestable',
      'The person who asked may no longer ask for this. The roles have changed.',
    ),
  appGone: (app: string) => problemFor('app_gone', `The application ${app} no longer exists.`),
  confirm: (url: string | null) =>
    problemFor(
      'confirmation_required',
      url === null
        ? 'This needs a passkey, which this hub cannot ask for.'
        : `Confirm with your passkey first: ${url}`,
      url === null ? {} : { challenge_url: url },
    ),
} as const
