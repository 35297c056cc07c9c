import { defineReasons } from '@mezite/core'

/** Why this plugin refuses, beside the reasons of the core. */
export const { reasons, problemFor } = defineReasons({
  already_allowed: { status: 409, next: 'The person already has access, so there is nothing to ask for. Open the application.' },
  already_reviewed: { status: 409, en: 'You have already approved this request.', de: 'Sie haben über diese Anfrage schon entschieden.', next: 'Somebody has already decided about this request. `mezctl requests get ID` shows who.' },
  app_gone: { status: 409, de: 'Die Anwendung gibt es nicht mehr.', next: 'The application was removed while the person signed in. Go back to the list of applications.' },
  break_glass_not_allowed: { status: 403, next: 'No role of the person allows access without approval to this application. Ask for approval instead.' },
  break_glass_not_notified: { status: 503, next: 'No notifier took the notification, or no receiver accepted it within 10 seconds, so access without approval is not given. `mezctl notify test` shows why.' },
  duration_invalid: { status: 400, next: 'The duration has another form than `30m`, `8h` or `2d`. Correct it.' },
  duration_too_long: { status: 400, next: 'The role allows access for a shorter time. Ask for less.' },
  duration_too_short: { status: 400, en: 'Ask for at least one minute.', de: 'Mindestens eine Minute ist nötig.', next: 'Access for so short a time cannot be used. Ask for more.' },
  grant_not_live: { status: 409, next: 'The access that should end has ended already, or never began. Nothing is to be done.' },
  not_a_reviewer: { status: 403, en: 'None of your roles lets you decide about this request.', de: 'Keine Ihrer Rollen entscheidet über diese Anfrage.', next: 'No role of the caller reviews this application. `mezctl requests get ID` lists the reviewers.' },
  not_requestable: { status: 403, de: 'Die Person darf danach nicht fragen.', next: 'No role lets the person ask for this application. An administrator adds `request` to a role.' },
  own_request: { status: 403, en: 'You cannot decide about your own request.', de: 'Über die eigene Anfrage entscheidet man nicht selbst.', next: 'Nobody decides about a request of their own. Let another reviewer decide.' },
  person_required: { status: 403, en: 'Only people can do this, with a sign-in of their own: not tokens or programs.', next: 'Only a person with a sign-in may do this, not a token or a bot.' },
  reason_required: { status: 400, en: 'Say why you need it.', next: 'A request for access needs a reason. Write one.' },
  reason_too_long: { status: 400, next: 'The reason is too long. Shorten it.' },
  request_closed: { status: 409, de: 'Über diese Anfrage ist schon entschieden, oder sie ist abgelaufen.', next: 'The request for access was already decided, cancelled or has expired.' },
  request_exists: { status: 409, en: 'You have already asked for this.', next: 'The person has already asked for this application. `msh request ls` shows the request.' },
  request_not_found: { status: 404, en: 'There is no such request.', de: 'Diese Anfrage gibt es nicht.', next: 'No request for access has this id. `mezctl requests ls` lists them.' },
  request_pending: { next: 'The request waits for a decision. `mezctl requests ls` shows who may decide.' },
  requester_locked: { status: 409, en: 'The person who asked is locked.', de: 'Die Person, die gefragt hat, ist gesperrt.', next: 'The person who asked is locked. Remove the lock first, or deny the request.' },
})
